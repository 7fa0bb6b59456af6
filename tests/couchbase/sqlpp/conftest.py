"""A query service over an in-memory store, driven without HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.couchbase.sqlpp.memory import MemoryKeyspaces

from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.engine import Engine
from cloudlet.couchbase.sqlpp.planner.catalog import Catalog
from cloudlet.couchbase.sqlpp.system import SystemKeyspaces

Run = Callable[..., Awaitable[list[Any]]]


class Session:
    """Runs statements and remembers what the last one left behind."""

    def __init__(self, keyspaces: MemoryKeyspaces) -> None:
        self.keyspaces = keyspaces
        self.engine = Engine(Catalog(keyspaces, SystemKeyspaces(keyspaces, version="7.6.0")))
        self.context = Context(self.engine.catalog)

    async def __call__(
        self, statement: str, *positional: Any, within: tuple[str, str] | None = None, **named: Any
    ) -> list[Any]:
        compiled = await self.engine.compile(statement, within)
        self.context = Context(self.engine.catalog, named=named, positional=positional)
        return [row async for rows in self.engine.run(compiled, self.context) for row in rows]


@pytest.fixture
def session() -> Session:
    books = {
        f"b{n}": {
            "n": n,
            "kind": "even" if n % 2 == 0 else "odd",
            "name": f"N{n}",
            "tags": ["a", "b", "c"][: n % 4],
        }
        for n in range(8)
    }
    kinds = {"k1": {"kind": "odd", "words": "not even"}, "k2": {"kind": "prime", "words": "few"}}
    return Session(MemoryKeyspaces(books=books, kinds=kinds))
