"""No query works for more than 5 ms between two turns of the loop (processor time, `make soak`)."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.couchbase.sqlpp.memory import MemoryKeyspaces
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.collector import Collector
from cloudlet.couchbase.sqlpp import pausing

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

DOCUMENTS = 20_000
LIMIT_S = 0.005

STATEMENTS = {
    "sort": "SELECT d.n, d.t FROM d ORDER BY d.p DESC, d.t OFFSET 19990",
    "sort of arrays": "SELECT RAW d.a FROM d ORDER BY d.a, d.o OFFSET 19990",
    "best ten": "SELECT RAW d.t FROM d ORDER BY d.t DESC LIMIT 10",
    "many groups": "SELECT d.n, COUNT(*) AS c FROM d GROUP BY d.n HAVING COUNT(*) > 1",
    "few groups": "SELECT d.k, AVG(d.p) AS a, MEDIAN(d.p) AS m FROM d GROUP BY d.k",
    "collected groups": "SELECT d.k, ARRAY_AGG(d.t) AS t FROM d GROUP BY d.k",
    "distinct": "SELECT RAW COUNT(DISTINCT d.t) FROM d",
    "join": "SELECT RAW COUNT(*) FROM d JOIN d AS e ON d.n = e.n",
    "join of many partners": (
        "SELECT RAW COUNT(*) FROM ARRAY_RANGE(0, 4) AS x JOIN d ON x = d.k AND d.p < x - 9"
    ),
    "nested loops": "SELECT RAW COUNT(*) FROM [1, 2, 3] AS x JOIN d ON d.n < x",
    "unnest": "SELECT v, COUNT(*) AS c FROM d UNNEST d.a AS v GROUP BY v",
    "union": "SELECT RAW COUNT(*) FROM (SELECT d.t FROM d UNION SELECT d.t FROM d) AS x",
    "window": "SELECT RAW MAX(x.s) FROM (SELECT SUM(d.p) OVER (PARTITION BY d.k ORDER BY d.t) AS s"
    " FROM d) AS x",
    "moving window": "SELECT RAW MAX(x.s) FROM (SELECT SUM(d.p) OVER (ORDER BY d.p ROWS BETWEEN 5"
    " PRECEDING AND CURRENT ROW) AS s FROM d) AS x",
    "array functions": "WITH a AS (SELECT RAW d.t FROM d) SELECT"
    " ARRAY_LENGTH(ARRAY_DISTINCT(a)) AS b,"
    " ARRAY_LENGTH(ARRAY_SORT(a)) AS c, ARRAY_MAX(a) AS e, ARRAY_LENGTH(ARRAY_UNION(a, a)) AS f",
    "change": "UPDATE d SET z = 1 WHERE d.p < 300",
}


@pytest.fixture
def collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    found = Collector()
    found.install()
    yield
    found.remove()
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_the_longest_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0.0
    plain = pausing._Worker.advance

    def timed(worker: Any) -> Any:
        nonlocal longest
        start = time.thread_time()
        try:
            return plain(worker)
        finally:
            longest = max(longest, time.thread_time() - start)

    monkeypatch.setattr(pausing._Worker, "advance", timed)
    chance = random.Random(5)
    documents = {
        f"k{n:05d}": {
            "n": n, "k": n % 4, "t": f"text {chance.randrange(10**6)}", "p": chance.randrange(1000),
            "a": [chance.randrange(9), "x"], "o": {"q": n % 7},
        }
        for n in range(DOCUMENTS)
    }  # fmt: skip
    session = Session(MemoryKeyspaces(d=documents))
    found = {}
    for name, statement in STATEMENTS.items():
        tries = []
        for _ in range(3):
            longest = 0.0
            asyncio.run(session(statement))
            tries.append(longest)
        # The least of three: what the machine's other work adds is not the query's.
        found[name] = min(tries)
    assert {name: took for name, took in found.items() if took > LIMIT_S} == {}
