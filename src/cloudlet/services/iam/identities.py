"""Who holds an access key, and which policies are in force for whom; all from memory."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from time import time
from typing import TypeVar

from cloudlet.aws.policy import Policy
from cloudlet.aws.principal import Credential, Principal, root
from cloudlet.config import DEFAULT_ACCOUNT, DEFAULT_KEYS, Settings
from cloudlet.services.iam import ids
from cloudlet.services.iam.model import Group, Role, User
from cloudlet.services.iam.seal import Seal, Session
from cloudlet.services.iam.store import IamStore
from cloudlet.storage.records import GLOBAL, Records

#: Sessions and policy sets that are remembered; beyond it they are computed again.
_REMEMBERED = 4096

#: The secret with which a 12-digit access key id is the root of that account, on loopback.
_ACCOUNT_SECRET = "test"  # noqa: S105 - the documented convention, refused off loopback

K = TypeVar("K")
V = TypeVar("V")
Allowed = tuple[tuple[Policy, ...], Policy | None]


@dataclass(frozen=True, slots=True)
class SessionPrincipal(Principal):
    """The principal of temporary credentials, with the session that they are for."""

    session: Session | None = None


class IdentityStore:
    """Implements `Identities` on IAM's records, the configured root keys and sealed sessions."""

    def __init__(self, records: Records, settings: Settings) -> None:
        self.store = IamStore(records)
        self.store.changed = self.forget
        self.seal = Seal.kept(settings.data / "iam" / "seal.key")
        self._loopback = settings.is_loopback
        self._roots: dict[str, Credential] = {}
        if self._loopback:
            for key, secret in DEFAULT_KEYS.items():
                self._roots[key] = Credential(key, secret, root(DEFAULT_ACCOUNT))
        for account in settings.accounts:
            for key, secret in account.keys.items():
                self._roots[key] = Credential(key, secret, root(account.id))
        self._keys: dict[str, Credential] = {}
        self._sessions: dict[tuple[str, str], Credential] = {}
        self._allowed: dict[tuple[str, str, str, str], Allowed] = {}
        #: access key id -> (epoch seconds, service, region) of its last use since the start.
        self.uses: dict[str, tuple[float, str, str]] = {}

    def credential(self, access_key_id: str, session_token: str = "") -> Credential | None:
        """The access key of that id; a temporary one needs the token that it was given with.

        The local conventions' keys take any token: existing set-ups export AWS_SESSION_TOKEN=test.
        """
        found = self._roots.get(access_key_id) or self._keys.get(access_key_id)
        if found is not None:
            if session_token and self._loopback and access_key_id in DEFAULT_KEYS:
                return replace(found, session_token=session_token)
            return found
        if access_key_id.startswith("ASIA"):
            return self._temporary(access_key_id, session_token) if session_token else None
        if self._loopback and len(access_key_id) == 12 and access_key_id.isdecimal():
            if not access_key_id.isascii():
                return None
            token = session_token or None
            return Credential(access_key_id, _ACCOUNT_SECRET, root(access_key_id), token)
        return self._long_term(access_key_id)

    def policies(self, principal: Principal) -> tuple[Policy, ...]:
        """The identity policies in force: inline, attached, and through groups."""
        return self._in_force(principal)[0]

    def boundary(self, principal: Principal) -> Policy | None:
        """The permissions boundary, if there is one."""
        return self._in_force(principal)[1]

    def used(self, access_key_id: str, service: str, region: str) -> None:
        """Note the use of a user's key; kept in memory only, so a restart forgets it."""
        if access_key_id in self._keys:
            self.uses[access_key_id] = (float(int(time())), service, region)

    def forget(self) -> None:
        """Drop what was computed from the records: they have changed."""
        self._keys.clear()
        self._sessions.clear()
        self._allowed.clear()

    def issue(self, session: Session) -> Credential:
        """Temporary credentials for `session`, whose access key id is new."""
        return Credential(
            access_key_id=session.access_key_id,
            secret_key=self.seal.secret(session.access_key_id),
            principal=self._principal(session),
            session_token=self.seal.close(session),
            expires_at=float(session.expires_s),
        )

    def _long_term(self, access_key_id: str) -> Credential | None:
        account = ids.account_of(access_key_id)
        key = self.store.keys.get(account, GLOBAL, access_key_id)
        user = self.store.users.get(account, GLOBAL, key.user) if key is not None else None
        if key is None or user is None:
            return None
        principal = self._user(account, user)
        found = Credential(key.id, key.secret, principal, active=key.status == "Active")
        _remember(self._keys, access_key_id, found)
        return found

    def _temporary(self, access_key_id: str, token: str) -> Credential | None:
        found = self._sessions.get((access_key_id, token))
        if found is None:
            session = self.seal.open(access_key_id, token)
            if session is None:
                return None
            found = Credential(
                access_key_id=access_key_id,
                secret_key=self.seal.secret(access_key_id),
                principal=self._principal(session),
                session_token=token,
                expires_at=float(session.expires_s),
            )
            _remember(self._sessions, (access_key_id, token), found)
        return found

    def _user(self, account: str, user: User) -> Principal:
        return Principal(
            kind="user",
            account=account,
            arn=self.store.arn(account, user),
            user_id=user.id,
            name=user.name,
            tags=user.tags or None,
        )

    def _principal(self, session: Session) -> Principal:
        """The session's principal, with the tags that its role or user has now."""
        if session.kind == "root":
            return _in_session(root(session.account), session)
        if session.kind == "user":
            user = self.store.users.get(session.account, GLOBAL, session.name)
            if user is not None and user.id == session.id:
                return _in_session(self._user(session.account, user), session)
            arn = f"arn:aws:iam::{session.account}:user/{session.name}"
            return SessionPrincipal(
                "user", session.account, arn, session.id, session.name, session=session
            )
        role = self.store.roles.get(session.account, GLOBAL, session.name)
        current = role is not None and role.id == session.id
        tags = {**(role.tags if role is not None and current else {}), **session.tags}
        return SessionPrincipal(
            kind="assumed-role",
            account=session.account,
            arn=f"arn:aws:sts::{session.account}:assumed-role/{session.name}/{session.session}",
            user_id=f"{session.id}:{session.session}",
            name=session.name,
            role_arn=self.store.arn_of(Role, session.account, session.name),
            session_policies=self._session_policies(session),
            tags=tags or None,
            session=session,
        )

    def _session_policies(self, session: Session) -> tuple[Policy, ...]:
        found = [Policy.parse(document) for document in session.policies]
        for arn in session.policy_arns:
            policy = self.store.policy(arn)
            # One that has been deleted since allows nothing, but is still in force.
            found.append(_NOTHING if policy is None else Policy.parse(policy.document))
        return tuple(found)

    def _in_force(self, principal: Principal) -> Allowed:
        if principal.kind not in ("user", "assumed-role"):
            return (), None
        id_ = principal.user_id.partition(":")[0]
        key = (principal.account, principal.kind, principal.name, id_)
        found = self._allowed.get(key)
        if found is None:
            found = self._compute(principal, id_)
            _remember(self._allowed, key, found)
        return found

    def _compute(self, principal: Principal, id_: str) -> Allowed:
        account = principal.account
        entity: User | Role | None
        if principal.kind == "user":
            entity = self.store.users.get(account, GLOBAL, principal.name)
        else:
            entity = self.store.roles.get(account, GLOBAL, principal.name)
        # A session of a role that has been deleted and made anew has nothing. Services that stand
        # for a role without its credentials (an integration's) have its name for the unique id.
        if entity is None or id_ not in (entity.id, entity.name):
            return (), None
        sources: list[User | Role | Group] = [entity]
        if isinstance(entity, User):
            groups = (self.store.groups.get(account, GLOBAL, name) for name in entity.groups)
            sources += [group for group in groups if group is not None]
        documents: list[str] = []
        for source in sources:
            documents += source.inline.values()
            attached = (self.store.policy(arn) for arn in source.attached)
            documents += [policy.document for policy in attached if policy is not None]
        boundary = None
        if entity.boundary:
            bounding = self.store.policy(entity.boundary)
            boundary = _NOTHING if bounding is None else Policy.parse(bounding.document)
        return tuple(Policy.parse(document) for document in documents), boundary


_NOTHING = Policy(statements=(), document={})


def _in_session(principal: Principal, session: Session) -> SessionPrincipal:
    given = {field.name: getattr(principal, field.name) for field in fields(Principal)}
    return SessionPrincipal(**given, session=session)


def _remember(cache: dict[K, V], key: K, value: V) -> None:
    if len(cache) >= _REMEMBERED:
        cache.clear()
    cache[key] = value
