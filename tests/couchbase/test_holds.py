"""Nothing that a client of queries does holds the document server's loop for 5 ms (`make soak`).

A probe in the server's loop takes the processor time between two of its turns: all of it counts,
the request's reading and the answer's writing, the collector and the freeing of what was used.
"""

from __future__ import annotations

import base64
import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

DOCUMENTS = 60_000
LIMIT_MS = 5.0
TRIES = 4

#: The server as it is, with a probe: whenever SIGUSR1 comes, the longest hold since is printed.
SERVED = """
import asyncio, signal, sys
from time import thread_time
from cloudlet.couchbase import __main__ as server

def probe(loop):
    seen, longest = thread_time(), 0.0
    def tick():
        nonlocal seen, longest
        now = thread_time()
        longest = max(longest, now - seen)
        seen = now
        loop.call_soon(tick)
    def told():
        nonlocal longest
        print(longest * 1000, flush=True)
        longest = 0.0
    loop.add_signal_handler(signal.SIGUSR1, told)
    tick()

serve = server._serve
async def probed(*arguments):
    probe(asyncio.get_running_loop())
    await serve(*arguments)
server._serve = probed
sys.exit(server.main())
"""

STATEMENTS: dict[str, str | tuple[str, dict[str, Any]]] = {
    "sort of all": "SELECT d.* FROM default d ORDER BY d.title",
    "sort of all, twice": "SELECT RAW d FROM default d ORDER BY d.author DESC, d.title",
    "group for each": "SELECT META(d).id, COUNT(*) AS n FROM default d GROUP BY META(d).id",
    "distinct": "SELECT DISTINCT d.* FROM default d",
    "union": "SELECT d.title FROM default d UNION SELECT d.title FROM default d",
    "except": "SELECT d.title FROM default d EXCEPT ALL SELECT d.title FROM default d",
    "window of one part": "SELECT RAW MAX(x.s) FROM (SELECT SUM(d.price) OVER (ORDER BY d.title)"
    " AS s, NTILE(7) OVER (ORDER BY d.n) AS t FROM default d) AS x",
    "join": "SELECT RAW COUNT(*) FROM default a JOIN default b ON a.n = b.n",
    "one array of all": "SELECT ARRAY_AGG(d) AS a FROM default d",
    "groups as arrays": "SELECT d.author, ARRAY_LENGTH(g) AS n FROM default d GROUP BY d.author"
    " GROUP AS g",
    "array of a subquery": "SELECT RAW ARRAY_LENGTH(ARRAY_SORT((SELECT d.* FROM default d)))",
    "long list in the text": "SELECT RAW COUNT(*) FROM default d WHERE d.price IN"
    f" {list(range(20_000))}",
    "long list as a parameter": (
        "SELECT RAW COUNT(*) FROM default d WHERE d.title IN $l",
        {"$l": [str(n) for n in range(100_000)]},
    ),
    "many keys": (
        "SELECT RAW COUNT(*) FROM default d USE KEYS $k",
        {"$k": [f"k{n:05d}" for n in range(DOCUMENTS)]},
    ),
    "documents as a parameter": (
        "SELECT RAW ARRAY_LENGTH($1)",
        {"args": [[{"n": n, "s": "x" * 40} for n in range(100_000)]]},
    ),
    "many parameters": ("SELECT $p1 AS p", {f"$p{n}": n for n in range(20_000)}),
    "many fields": f"SELECT {','.join(f'd.f{n}' for n in range(3000))} FROM default d LIMIT 1",
    "many cases": f"SELECT CASE {' '.join(f'WHEN {n} = 1 THEN 2' for n in range(5000))} END",
    "deep array": ("SELECT $1 AS d", {"args": [json.loads("[" * 400 + "]" * 400)]}),
}

Query = Callable[..., None]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Query, Callable[[], float]]]:
    folder: Path = tmp_path_factory.mktemp("holds")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVED, "--data", folder / "data", "--acknowledge", "memory",
         "--username", "u", "--password", "password", "--kv-port", "0", "--management-port", "0",
         "--query-port", "0", "--cache-mb", "1024", "--json"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    output = process.stdout
    port = json.loads(output.readline())["query"]
    headers = {
        "authorization": "Basic " + base64.b64encode(b"u:password").decode(),
        "content-type": "application/json",
    }

    def query(statement: str, **more: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            body = json.dumps({"statement": statement, **more})
            connection.request("POST", "/query/service", body, headers)
            assert b'"status": "success"' in connection.getresponse().read()[-600:], statement[:99]
        finally:
            connection.close()

    def longest_ms() -> float:
        process.send_signal(signal.SIGUSR1)
        return float(output.readline())

    try:
        documents = [
            {"k": f"k{n:05d}", "v": {"n": n, "title": f"title {n * 7919 % DOCUMENTS}", "price":
             n % 1000, "author": f"author {n % 9}", "tags": ["x", n], "o": {"a": 1}}}
            for n in range(DOCUMENTS)
        ]  # fmt: skip
        for at in range(0, DOCUMENTS, 2000):
            statement = "UPSERT INTO default (KEY k, VALUE v) SELECT p.k, p.v FROM $1 AS p"
            query(statement, args=[documents[at : at + 2000]])
        query("SELECT RAW COUNT(*) FROM default d WHERE d.n > 1")
        yield query, longest_ms
    finally:
        process.terminate()
        process.wait(20)
        output.close()


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_loop_is_never_held(name: str, served: tuple[Query, Callable[[], float]]) -> None:
    query, longest_ms = served
    given = STATEMENTS[name]
    statement, more = given if isinstance(given, tuple) else (given, {})
    longest_ms()
    tries = []
    for _ in range(TRIES):
        query(statement, **more)
        tries.append(longest_ms())
    # The least: what the machine's other work adds to processor time is not the query's.
    assert min(tries) < LIMIT_MS, tries
