"""What IAM keeps: users, groups, roles, managed policies, access keys."""

from __future__ import annotations

import msgspec


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """What users, groups and roles have in common. `inline` maps policy names to documents."""

    name: str
    path: str
    id: str
    created_s: float
    inline: dict[str, str] = {}
    attached: tuple[str, ...] = ()  # ARNs of managed policies, in the order attached


class User(Entity, frozen=True, kw_only=True):
    """A user; `groups` are names."""

    groups: tuple[str, ...] = ()
    boundary: str = ""  # the ARN of a managed policy
    tags: dict[str, str] = {}


class Group(Entity, frozen=True, kw_only=True):
    """A group; its members say so themselves."""


class Role(Entity, frozen=True, kw_only=True):
    """A role; `trust` is its assume role policy document."""

    trust: str
    description: str = ""
    max_session_s: int = 3600
    boundary: str = ""
    tags: dict[str, str] = {}


class PolicyVersion(msgspec.Struct, frozen=True):
    """One version of a managed policy."""

    id: str  # "v1"
    document: str
    created_s: float


class ManagedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A managed policy with its versions, oldest first."""

    name: str
    path: str
    id: str
    created_s: float
    updated_s: float
    default: str
    next_version: int
    versions: tuple[PolicyVersion, ...]
    description: str = ""
    tags: dict[str, str] = {}

    def version(self, id_: str) -> PolicyVersion | None:
        """The version of that id, or None."""
        return next((version for version in self.versions if version.id == id_), None)

    @property
    def document(self) -> str:
        """The default version's document."""
        version = self.version(self.default)
        assert version is not None
        return version.document


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A user's access key."""

    id: str
    secret: str
    user: str
    status: str  # "Active" | "Inactive"
    created_s: float


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has once."""

    alias: str = ""
