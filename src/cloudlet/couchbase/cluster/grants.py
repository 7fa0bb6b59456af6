"""GRANT and REVOKE of the query language, carried out on the users."""

from __future__ import annotations

import msgspec

from cloudlet.couchbase.cluster.roles import ROLES
from cloudlet.couchbase.cluster.users import Role, Users
from cloudlet.couchbase.sqlpp.administration import RoleChange
from cloudlet.couchbase.sqlpp.errors import QueryError


class Grants:
    """Changes the roles of users and groups; it counts from the next authentication."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def change(self, change: RoleChange) -> list[QueryError]:
        """Give or take the roles; 5210 to 5250 where that cannot be.

        Who has a role already, or has it not, gets warning 5260 or 5270.
        """
        roles = [role for name in change.roles for role in _roles(name, change)]
        users = [self._users.users.get(name) for name in change.users]
        groups = [self._users.groups.get(name) for name in change.groups]
        for kind, names, found in (
            ("user", change.users, users), ("group", change.groups, groups),
        ):  # fmt: skip
            for name, entry in zip(names, found, strict=True):
                if entry is None:
                    raise QueryError(5210, f"Unable to find {kind} {name}.", http=404)
        warnings: list[QueryError] = []
        for user in users:
            if user is not None:
                warnings += _warnings(f"User {user.id}", user.roles, roles, change.grant)
                await self._users.put_user(
                    msgspec.structs.replace(user, roles=_changed(user.roles, roles, change.grant))
                )
        for group in groups:
            if group is not None:
                warnings += _warnings(f"Group {group.id}", group.roles, roles, change.grant)
                await self._users.put_group(
                    msgspec.structs.replace(group, roles=_changed(group.roles, roles, change.grant))
                )
        return warnings


def _warnings(who: str, old: tuple[Role, ...], roles: list[Role], grant: bool) -> list[QueryError]:
    """What a change of roles would not change."""
    found = []
    for role in roles:
        place = ":".join(filter(None, (role.bucket_name, role.scope_name, role.collection_name)))
        shown = f"{role.role}({place})" if place else role.role
        if grant and role in old:
            found.append(QueryError(5260, f"{who} already has role {shown}."))
        elif not grant and role not in old:
            found.append(QueryError(5270, f"{who} did not have role {shown}."))
    return found


def _changed(old: tuple[Role, ...], roles: list[Role], grant: bool) -> tuple[Role, ...]:
    kept = [role for role in old if role not in roles]
    return tuple([*kept, *roles] if grant else kept)


def _roles(name: str, change: RoleChange) -> list[Role]:
    """A role on every keyspace of the change, or once without any."""
    kind = ROLES.get(name)
    if kind is None:
        raise QueryError(5250, f"Role {name} is not valid.", http=400)
    if kind.reach == "cluster":
        if change.keyspaces:
            raise QueryError(5230, f"Role {name} does not take a keyspace.", http=400)
        return [Role(name)]
    if not change.keyspaces:
        raise QueryError(5220, f"Role {name} requires a keyspace.", http=400)
    found = []
    for bucket, scope, collection in change.keyspaces:
        inner = (scope, collection) if kind.reach == "collection" else ("*", "*")
        names = [None if part == "*" else part for part in inner]
        found.append(Role(name, bucket, names[0], names[1]))
    return found
