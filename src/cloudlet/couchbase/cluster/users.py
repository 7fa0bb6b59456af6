"""Who may use the document server: the administrator and the users made through management."""

from __future__ import annotations

import hmac
import os
from typing import Final, NamedTuple

import msgspec

from cloudlet.couchbase.cluster.roles import ROLES
from cloudlet.couchbase.kv.scram import MECHANISMS, Verifier, make_verifier, proves
from cloudlet.couchbase.sqlpp.rights import QueryAction
from cloudlet.storage.documents import DocumentStore

_USER_PREFIX: Final = "user/"
_GROUP_PREFIX: Final = "group/"

#: Remembered proofs of passwords, so that each HTTP request does not cost a derivation.
_PROOFS_LIMIT: Final = 1000


class Role(msgspec.Struct, frozen=True, omit_defaults=True):
    """A role, on a bucket, scope or collection where it has one ("*": all)."""

    role: str
    bucket_name: str | None = None
    scope_name: str | None = None
    collection_name: str | None = None

    def covers(self, bucket: str, scope: str, collection: str) -> bool:
        """Whether the role is on this collection; one without a bucket is on all."""
        return (
            self.bucket_name in (None, "*", bucket)
            and self.scope_name in (None, "*", scope)
            and self.collection_name in (None, "*", collection)
        )


class Access(NamedTuple):
    """Whether documents may be read, and changed."""

    reads: bool
    writes: bool


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the local domain."""

    id: str
    name: str = ""
    roles: tuple[Role, ...] = ()
    groups: tuple[str, ...] = ()
    verifiers: dict[str, Verifier] = {}
    password_changed: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A set of roles that users share."""

    id: str
    description: str = ""
    roles: tuple[Role, ...] = ()
    ldap_group_ref: str = ""


class Principal(msgspec.Struct, frozen=True):
    """An authenticated user and the roles it has, those of its groups included."""

    name: str
    roles: tuple[Role, ...]
    #: The bucket that the authentication selected (2016 clients), if any.
    bucket: str | None = None

    def access(self, bucket: str, scope: str, collection: str) -> Access:
        """What it may do with the documents of a collection."""
        reads = writes = False
        for role in self.roles:
            kind = ROLES.get(role.role)
            if kind is None or not role.covers(bucket, scope, collection):
                continue
            reads = reads or kind.reads
            writes = writes or kind.writes
        return Access(reads, writes)

    def enters(self, bucket: str) -> bool:
        """Whether any of its roles is on the bucket."""
        return any(
            role.bucket_name in (None, "*", bucket)
            for role in self.roles
            if role.bucket_name is not None or role.role == "admin"
        )

    def streams(self, bucket: str) -> bool:
        """Whether it may follow the mutations of a bucket."""
        return any(
            role.role in ("admin", "bucket_full_access", "data_dcp_reader")
            and role.bucket_name in (None, "*", bucket)
            for role in self.roles
        )

    @property
    def queries(self) -> bool:
        """Whether it may use the query service at all."""
        return any(kind.queries for role in self.roles if (kind := ROLES.get(role.role)))

    def may_query(
        self, action: QueryAction, bucket: str = "*", scope: str = "*", collection: str = "*"
    ) -> bool:
        """Whether a statement of this principal may do `action` on the keyspace.

        Without a keyspace: whether it may on the cluster as a whole (system keyspaces, global
        functions). Roles are as Couchbase's: reading documents by key does not allow SELECT.
        """
        return any(
            action in kind.queries and role.covers(bucket, scope, collection)
            for role in self.roles
            if (kind := ROLES.get(role.role))
        )

    @property
    def is_administrator(self) -> bool:
        """Whether it may do everything."""
        return any(role.role == "admin" for role in self.roles)


class Users:
    """The administrator (from the options), and users and groups on disk."""

    def __init__(
        self,
        store: DocumentStore,
        administrator: str,
        password: str,
        *,
        bucket_names_authenticate: bool = False,
    ) -> None:
        self._store = store
        self._administrator = User(
            id=administrator, roles=(Role("admin"),), verifiers=make_verifiers(password)
        )
        #: 2016 clients authenticate as a bucket's name with an empty password.
        self._bucket_names_authenticate = bucket_names_authenticate
        self._proofs: dict[bytes, Principal] = {}
        self._secret = os.urandom(32)
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        for name, value in store.settings.beginning(_USER_PREFIX):
            user = msgspec.json.decode(value, type=User)
            self.users[name.removeprefix(_USER_PREFIX)] = user
        for name, value in store.settings.beginning(_GROUP_PREFIX):
            self.groups[name.removeprefix(_GROUP_PREFIX)] = msgspec.json.decode(value, type=Group)

    @property
    def administrator(self) -> User:
        """The one user that the options name."""
        return self._administrator

    def find(self, name: str) -> User | None:
        """The user of a name, the administrator included."""
        if name == self._administrator.id:
            return self._administrator
        return self.users.get(name)

    def verifier(self, name: str, hash_name: str) -> Verifier | None:
        """What proves a user's password by SCRAM."""
        if self._bucket_names_authenticate and self._is_bucket(name):
            return _empty_password(hash_name)
        user = self.find(name)
        return user.verifiers.get(hash_name) if user is not None else None

    def principal(self, name: str) -> Principal:
        """The principal of a user who has proven the password."""
        user = self.find(name)
        if user is None:
            # Only a bucket's name gets here without being a user's.
            return Principal(name, (Role("bucket_full_access", name),), bucket=name)
        roles = list(user.roles)
        for group in user.groups:
            if group in self.groups:
                roles.extend(self.groups[group].roles)
        return Principal(name, tuple(roles))

    def check(self, name: str, password: str) -> Principal | None:
        """The principal of a name and password, or None."""
        known = self.remembered(name, password)
        if known is not None:
            return known
        verifier = self.verifier(name, "sha256")
        if verifier is None or not proves(password, verifier, "sha256"):
            return None
        principal = self.principal(name)
        if len(self._proofs) >= _PROOFS_LIMIT:
            self._proofs.clear()
        self._proofs[self._proof(name, password)] = principal
        return principal

    def remembered(self, name: str, password: str) -> Principal | None:
        """As `check` where these were checked before, at no cost."""
        return self._proofs.get(self._proof(name, password))

    def _proof(self, name: str, password: str) -> bytes:
        return hmac.digest(self._secret, f"{name}\0{password}".encode(), "sha256")

    def _is_bucket(self, name: str) -> bool:
        return name in self._store.catalog.buckets and self.find(name) is None

    async def put_user(self, user: User) -> None:
        """Store a user; it counts from the next authentication."""
        self.users[user.id] = user
        self._proofs.clear()
        await self._store.settings.put(_USER_PREFIX + user.id, msgspec.json.encode(user))

    async def drop_user(self, name: str) -> bool:
        """Forget a user; False if there was none."""
        if self.users.pop(name, None) is None:
            return False
        self._proofs.clear()
        await self._store.settings.remove(_USER_PREFIX + name)
        return True

    async def put_group(self, group: Group) -> None:
        """Store a group."""
        self.groups[group.id] = group
        self._proofs.clear()
        await self._store.settings.put(_GROUP_PREFIX + group.id, msgspec.json.encode(group))

    async def drop_group(self, name: str) -> bool:
        """Forget a group; False if there was none."""
        if self.groups.pop(name, None) is None:
            return False
        self._proofs.clear()
        await self._store.settings.remove(_GROUP_PREFIX + name)
        return True

    async def clear(self) -> None:
        """Forget all users and groups."""
        for name in list(self.users):
            await self.drop_user(name)
        for name in list(self.groups):
            await self.drop_group(name)


def make_verifiers(password: str) -> dict[str, Verifier]:
    """The verifiers of a password for all mechanisms: about 5 ms of work."""
    return {name: make_verifier(password, name) for name in MECHANISMS.values()}


_EMPTY: Final[dict[str, Verifier]] = {}


def _empty_password(hash_name: str) -> Verifier:
    if hash_name not in _EMPTY:
        _EMPTY[hash_name] = make_verifier("", hash_name)
    return _EMPTY[hash_name]
