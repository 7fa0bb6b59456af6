"""A query service over an in-memory store, driven without HTTP."""

from __future__ import annotations

from typing import Any

from tests.couchbase.sqlpp.memory import MemoryKeyspaces

from cloudlet.couchbase.cluster.users import Principal, Role
from cloudlet.couchbase.sqlpp.administration import ChangeRoles
from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.engine import Engine
from cloudlet.couchbase.sqlpp.planner.catalog import Catalog
from cloudlet.couchbase.sqlpp.system import SystemKeyspaces

#: Who may do everything.
EVERYTHING = Principal("user", (Role("admin"),))


class Session:
    """Runs statements and remembers what the last one left behind."""

    def __init__(self, keyspaces: MemoryKeyspaces, change_roles: ChangeRoles | None = None) -> None:
        self.keyspaces = keyspaces
        catalog = Catalog(keyspaces, SystemKeyspaces(keyspaces, version="7.6.0"))
        self.engine = Engine(catalog, change_roles)
        self.context = Context(self.engine.catalog)

    async def __call__(
        self, statement: str, *positional: Any, within: tuple[str, str] | None = None, **named: Any
    ) -> list[Any]:
        compiled = await self.engine.compile(statement, within)
        self.context = Context(self.engine.catalog, named=named, positional=positional)
        return [row async for rows in self.engine.run(compiled, self.context) for row in rows]
