"""Users, groups and roles over HTTP."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any, Final

from cloudlet.couchbase.cluster.http import Answer, HttpError, Request, Routes
from cloudlet.couchbase.cluster.roles import ROLES
from cloudlet.couchbase.cluster.users import Group, Role, User, Users, make_verifiers

_ROLE: Final = re.compile(r"(\w+)(?:\[([^\]]*)\])?")
_PASSWORD_LEAST: Final = 6


class Rbac:
    """`/settings/rbac`."""

    def __init__(self, users: Users) -> None:
        self._users = users

    def route(self, routes: Routes) -> None:
        """Serve these paths."""
        routes.add("GET", "/settings/rbac/users", self.list_users)
        routes.add("GET", "/settings/rbac/users/{}", self.list_users)
        routes.add("GET", "/settings/rbac/users/{}/{}", self.get_user)
        routes.add("PUT", "/settings/rbac/users/{}/{}", self.put_user)
        routes.add("DELETE", "/settings/rbac/users/{}/{}", self.drop_user)
        routes.add("GET", "/settings/rbac/groups", self.list_groups)
        routes.add("GET", "/settings/rbac/groups/{}", self.get_group)
        routes.add("PUT", "/settings/rbac/groups/{}", self.put_group)
        routes.add("DELETE", "/settings/rbac/groups/{}", self.drop_group)
        routes.add("GET", "/settings/rbac/roles", self.list_roles)
        routes.add("POST", "/controller/changePassword", self.change_password)

    async def list_users(self, request: Request) -> Answer:
        """All users; those of the external domain are none."""
        if request.names and request.names[0] != "local":
            return Answer([])
        return Answer([described(self._users, user) for user in self._users.users.values()])

    async def get_user(self, request: Request) -> Answer:
        """One user."""
        return Answer(described(self._users, self._user(request)))

    async def put_user(self, request: Request) -> Answer:
        """Make or change a user; the password is needed for a new one."""
        domain, name = request.names
        if domain != "local":
            raise HttpError(400, {"errors": {"_": "Only the local domain is supported"}})
        old = self._users.users.get(name)
        errors = {}
        if self._users.find(name) is not None and old is None:
            errors["_"] = "The administrator cannot be changed here"
        password = request.form.get("password")
        if password is None and old is None:
            errors["password"] = "Password is required for new user."  # noqa: S105
        if password is not None and len(password) < _PASSWORD_LEAST:
            errors["password"] = "The password must be at least 6 characters long."  # noqa: S105
        groups = tuple(filter(None, request.form.get("groups", "").split(",")))
        missing = [group for group in groups if group not in self._users.groups]
        if missing:
            errors["groups"] = f"Groups do not exist: {','.join(missing)}"
        if errors:
            raise HttpError(400, {"errors": errors})
        verifiers = old.verifiers if old is not None else {}
        changed = old.password_changed if old is not None else ""
        if password is not None:
            verifiers = await asyncio.to_thread(make_verifiers, password)
            changed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        await self._users.put_user(
            User(
                id=name,
                name=request.form.get("name", old.name if old is not None else ""),
                roles=_roles(request.form.get("roles", "")),
                groups=groups,
                verifiers=verifiers,
                password_changed=changed,
            )
        )
        return Answer([])

    async def drop_user(self, request: Request) -> Answer:
        """Forget a user."""
        self._user(request)
        await self._users.drop_user(request.names[1])
        return Answer([])

    async def change_password(self, request: Request) -> Answer:
        """The caller's new password; the administrator's is the server's option."""
        assert request.principal is not None
        user = self._users.users.get(request.principal.name)
        if user is None:
            raise HttpError(400, {"errors": {"_": "The administrator's password is an option"}})
        password = request.form.get("password", "")
        if len(password) < _PASSWORD_LEAST:
            raise HttpError(
                400, {"errors": {"password": "The password must be at least 6 characters long."}}
            )
        verifiers = await asyncio.to_thread(make_verifiers, password)
        changed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        await self._users.put_user(
            User(
                id=user.id,
                name=user.name,
                roles=user.roles,
                groups=user.groups,
                verifiers=verifiers,
                password_changed=changed,
            )
        )
        return Answer()

    async def list_groups(self, request: Request) -> Answer:
        """All groups."""
        del request
        return Answer([_describe_group(group) for group in self._users.groups.values()])

    async def get_group(self, request: Request) -> Answer:
        """One group."""
        return Answer(_describe_group(self._group(request)))

    async def put_group(self, request: Request) -> Answer:
        """Make or change a group."""
        await self._users.put_group(
            Group(
                id=request.names[0],
                description=request.form.get("description", ""),
                roles=_roles(request.form.get("roles", "")),
                ldap_group_ref=request.form.get("ldap_group_ref", ""),
            )
        )
        return Answer([])

    async def drop_group(self, request: Request) -> Answer:
        """Forget a group."""
        self._group(request)
        await self._users.drop_group(request.names[0])
        return Answer([])

    async def list_roles(self, request: Request) -> Answer:
        """The roles there are."""
        del request
        return Answer([role.describe() for role in ROLES.values()])

    def _user(self, request: Request) -> User:
        domain, name = request.names
        user = self._users.users.get(name)
        if domain != "local" or user is None:
            raise HttpError(404, "Unknown user.")
        return user

    def _group(self, request: Request) -> Group:
        group = self._users.groups.get(request.names[0])
        if group is None:
            raise HttpError(404, "Unknown group.")
        return group


def described(users: Users, user: User) -> dict[str, Any]:
    """A user as management and system:user_info show it."""
    origins: dict[Role, list[dict[str, str]]] = {role: [{"type": "user"}] for role in user.roles}
    for name in user.groups:
        group = users.groups.get(name)
        for role in group.roles if group is not None else ():
            origins.setdefault(role, []).append({"type": "group", "name": name})
    return {
        "id": user.id,
        "domain": "local",
        "name": user.name,
        "roles": [describe_role(role) | {"origins": via} for role, via in origins.items()],
        "groups": list(user.groups),
        "external_groups": [],
        "password_change_date": user.password_changed,
    }


def describe_role(role: Role) -> dict[str, Any]:
    """A role with what it is on."""
    description: dict[str, Any] = {"role": role.role}
    if role.bucket_name is not None:
        description["bucket_name"] = role.bucket_name
        if ROLES[role.role].reach == "collection":
            description["scope_name"] = role.scope_name or "*"
            description["collection_name"] = role.collection_name or "*"
    return description


def _describe_group(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "description": group.description,
        "ldap_group_ref": group.ldap_group_ref,
        "roles": [describe_role(role) for role in group.roles],
    }


def _roles(text: str) -> tuple[Role, ...]:
    """Roles as forms write them: `role[bucket:scope:collection],role`; 400 for unknown ones."""
    roles = []
    for part in re.findall(r"[^,\[]+(?:\[[^\]]*\])?", text):
        match = _ROLE.fullmatch(part.strip())
        kind = ROLES.get(match[1]) if match else None
        if match is None or kind is None:
            raise HttpError(
                400,
                {"errors": {"roles": f"Cannot assign roles to user because the following roles"
                                     f" are unknown, malformed or role parameters are undefined:"
                                     f" [{part}]"}},
            )  # fmt: skip
        names = [name or None for name in (match[2] or "").split(":")]
        if kind.reach != "cluster" and names == [None]:
            names = ["*"]
        names += [None] * (3 - len(names))
        if kind.reach == "cluster":
            roles.append(Role(match[1]))
        else:
            wide = [None if name == "*" else name for name in names[1:3]]
            roles.append(Role(match[1], names[0], wide[0], wide[1]))
    return tuple(roles)
