"""The system keyspaces about users: user_info, my_user_info and applicable_roles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudlet.couchbase.cluster.rbac import describe_role, described
from cloudlet.couchbase.cluster.users import Users
from cloudlet.couchbase.sqlpp.system import SystemKeyspaces


class UserCatalogs:
    """Users and their roles as documents to be queried."""

    def __init__(self, users: Users) -> None:
        self._users = users

    def offer(self, system: SystemKeyspaces) -> None:
        """Add the keyspaces."""
        system.add("user_info", self._all)
        system.add_own("my_user_info", self._own)
        system.add("applicable_roles", self._roles)

    def _all(self) -> Iterator[tuple[str, Any]]:
        """Every user, the administrator last, who is of the cluster's own domain."""
        for name, user in sorted(self._users.users.items()):
            yield f"local:{name}", described(self._users, user)
        administrator = self._users.administrator
        shown = {"domain": "ns_server", "id": administrator.id, "name": administrator.id,
                 "roles": [{"role": "admin"}]}  # fmt: skip
        yield f"ns_server:{administrator.id}", shown

    def _own(self, name: str) -> Iterator[tuple[str, Any]]:
        return ((key, user) for key, user in self._all() if user["id"] == name)

    def _roles(self) -> Iterator[tuple[str, Any]]:
        """A document for every role that somebody has, by themselves or by a group."""
        for name in sorted(self._users.users):
            for place, role in enumerate(self._users.principal(name).roles):
                yield f"{name}:{place}", {"grantee": name, **describe_role(role)}
