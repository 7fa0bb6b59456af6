"""A session over two small keyspaces."""

from __future__ import annotations

import pytest
from tests.couchbase.sqlpp.memory import MemoryKeyspaces
from tests.couchbase.sqlpp.session import Session


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
