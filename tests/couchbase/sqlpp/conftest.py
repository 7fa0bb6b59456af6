"""A session over two small keyspaces, and a whole query service."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.couchbase.sqlpp.memory import MemoryKeyspaces
from tests.couchbase.sqlpp.session import EVERYTHING, Session

from cloudlet.couchbase.sqlpp.service import QueryService


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


@pytest.fixture
async def service() -> AsyncIterator[QueryService]:
    keyspaces = MemoryKeyspaces(b={f"k{n:04d}": {"n": n, "pad": "x" * 200} for n in range(1000)})
    service = QueryService(
        keyspaces,
        authenticate=lambda name, word: EVERYTHING if (name, word) == ("user", "word") else None,
    )
    await service.start()
    yield service
    await service.close()
