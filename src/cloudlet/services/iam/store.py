"""Where IAM's records are, and how they are found and changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from cloudlet.services.iam import aws_managed
from cloudlet.services.iam.errors import NoSuchEntity
from cloudlet.services.iam.model import (
    AccessKey,
    Account,
    Entity,
    Group,
    ManagedPolicy,
    Role,
    User,
)
from cloudlet.storage.records import GLOBAL, Change, Records, Table

E = TypeVar("E", bound=Entity)

KINDS: dict[type[Entity], str] = {User: "user", Group: "group", Role: "role"}


class IamStore:
    """IAM's records of all accounts. A name that is not there is AWS's `NoSuchEntity`.

    `changed` is called after each write, so that what is computed from the records can be
    forgotten.
    """

    def __init__(self, records: Records) -> None:
        self.records = records
        self.users: Table[User] = records.table("iam.user", User)
        self.groups: Table[Group] = records.table("iam.group", Group)
        self.roles: Table[Role] = records.table("iam.role", Role)
        self.policies: Table[ManagedPolicy] = records.table("iam.policy", ManagedPolicy)
        self.keys: Table[AccessKey] = records.table("iam.access-key", AccessKey)
        self.accounts: Table[Account] = records.table("iam.account", Account)
        self.changed: Callable[[], None] = _nothing

    def table(self, kind: type[E]) -> Table[E]:
        """The table of a kind of entity."""
        tables: dict[type[Any], Table[Any]] = {
            User: self.users,
            Group: self.groups,
            Role: self.roles,
        }
        return tables[kind]

    def get(self, kind: type[E], account: str, name: str) -> E:
        """The entity of that name."""
        found = self.table(kind).get(account, GLOBAL, name)
        if found is None:
            raise NoSuchEntity(f"The {KINDS[kind]} with name {name} cannot be found.")
        return found

    def all(self, kind: type[E], account: str, path_prefix: str | None = None) -> list[E]:
        """The entities of a kind in the order of their names."""
        found = [entity for _, entity in self.table(kind).scan(account, GLOBAL)]
        return [entity for entity in found if entity.path.startswith(path_prefix or "/")]

    def taken(self, kind: type[E], account: str, name: str) -> bool:
        """Whether the name is taken; AWS tells names apart without regard to case."""
        lowered = name.lower()
        return any(entity.name.lower() == lowered for entity in self.all(kind, account))

    def arn(self, account: str, entity: Entity) -> str:
        """The entity's ARN."""
        return f"arn:aws:iam::{account}:{KINDS[type(entity)]}{entity.path}{entity.name}"

    def arn_of(self, kind: type[E], account: str, name: str, path: str | None = None) -> str:
        """The ARN of a name, whether or not it stands for an entity."""
        found = self.table(kind).get(account, GLOBAL, name)
        if found is not None:
            return self.arn(account, found)
        return f"arn:aws:iam::{account}:{KINDS[kind]}{path or '/'}{name}"

    def role_by_arn(self, arn: str) -> Role | None:
        """The role of an ARN, its path included, or None."""
        parts = arn.split(":", 5)
        if len(parts) != 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
            return None
        role = self.roles.get(parts[4], GLOBAL, parts[5].rpartition("/")[2])
        return role if role is not None and self.arn(parts[4], role) == arn else None

    def policy(self, arn: str) -> ManagedPolicy | None:
        """The managed policy of an ARN, AWS's own included, or None."""
        parts = arn.split(":", 5)
        if len(parts) != 6 or parts[2] != "iam" or not parts[5].startswith("policy/"):
            return None
        if parts[4] == "aws":
            return aws_managed.policies().get(arn)
        policy = self.policies.get(parts[4], GLOBAL, parts[5].rpartition("/")[2])
        if policy is None or policy_arn(parts[4], policy) != arn:
            return None
        return policy

    def keys_of(self, account: str, user: str) -> list[AccessKey]:
        """A user's access keys, oldest first."""
        found = [key for _, key in self.keys.scan(account, GLOBAL) if key.user == user]
        return sorted(found, key=lambda key: key.created_s)

    async def put(self, account: str, *records: msgspec.Struct) -> None:
        """Write records of `account`, all or none; on disk when it returns."""
        await self._commit([self._change(account, record, record) for record in records])

    async def delete(self, account: str, *records: msgspec.Struct) -> None:
        """Delete records of `account`, all or none; on disk when it returns."""
        await self._commit([self._change(account, record, None) for record in records])

    async def replace(self, account: str, gone: msgspec.Struct, *records: msgspec.Struct) -> None:
        """Delete one record and write others, all or none: a rename."""
        changes = [self._change(account, gone, None)]
        await self._commit(changes + [self._change(account, record, record) for record in records])

    async def _commit(self, changes: list[Change]) -> None:
        # What was computed before the change is forgotten at once; what is computed while it is
        # on its way sees the new records, unless the disk refuses and they are undone.
        committing = self.records.commit(*changes)
        self.changed()
        try:
            await committing
        finally:
            self.changed()

    def _change(self, account: str, record: msgspec.Struct, value: msgspec.Struct | None) -> Change:
        if isinstance(record, Entity):
            return Change(self.table(type(record)), account, GLOBAL, record.name, value)
        if isinstance(record, ManagedPolicy):
            return Change(self.policies, account, GLOBAL, record.name, value)
        if isinstance(record, AccessKey):
            return Change(self.keys, account, GLOBAL, record.id, value)
        assert isinstance(record, Account)
        return Change(self.accounts, account, GLOBAL, "account", value)


def policy_arn(account: str, policy: ManagedPolicy) -> str:
    """The ARN of a managed policy of `account` ("aws" for AWS's own)."""
    return f"arn:aws:iam::{account}:policy{policy.path}{policy.name}"


def _nothing() -> None:
    return None
