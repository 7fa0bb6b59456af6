"""SQL++ over 100,000 documents, each query beside the same one in sqlite3 and DuckDB over JSON.

    bench/sqlpp.py [--documents N]

DuckDB is no dependency: it is installed outside the checkout, and left out where it cannot be.
Times are medians of rounds in which each contestant runs once; a document server's include HTTP
and the answer's JSON.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from bench.load import pressure
from bench.peers import CACHE

KINDS = ["novel", "essay", "poem", "play"]
REPEATS = 5
DOCUMENTS = 100_000
DUCKDB = "duckdb==2.0.0"

# name: SQL++, SQL for sqlite3, SQL for DuckDB
QUERIES = {
    "primary scan with filter": (
        "SELECT RAW COUNT(d.id) FROM docs d WHERE d.price > 990 AND d.stock < 50",
        "SELECT count(body->>'id') FROM docs WHERE body->>'price' > 990 AND body->>'stock' < 50",
        (
            "SELECT count(body->>'id') FROM docs WHERE (body->>'price')::int > 990"
            " AND (body->>'stock')::int < 50"
        ),
    ),
    "covered index range": (
        "SELECT RAW SUM(d.year) FROM docs d WHERE d.year BETWEEN 1950 AND 1959",
        "SELECT sum(body->>'year') FROM docs WHERE body->>'year' BETWEEN 1950 AND 1959",
        (
            "SELECT sum((body->>'year')::int) FROM docs"
            " WHERE (body->>'year')::int BETWEEN 1950 AND 1959"
        ),
    ),
    "group by": (
        "SELECT d.kind, COUNT(*) AS n, AVG(d.price) AS p FROM docs d GROUP BY d.kind",
        "SELECT body->>'kind' AS k, count(*), avg(body->>'price') FROM docs GROUP BY k",
        "SELECT body->>'kind' AS k, count(*), avg((body->>'price')::int) FROM docs GROUP BY k",
    ),
    "unnest": (
        "SELECT t, COUNT(*) AS n FROM docs d UNNEST d.tags AS t GROUP BY t",
        "SELECT j.value AS t, count(*) FROM docs, json_each(body, '$.tags') AS j GROUP BY t",
        (
            "SELECT t, count(*) FROM (SELECT unnest((body->'tags')::varchar[]) AS t FROM docs)"
            " GROUP BY t"
        ),
    ),
    "join": (
        (
            "SELECT a.country, COUNT(*) AS n FROM docs d JOIN authors a ON d.author = a.id"
            " GROUP BY a.country"
        ),
        (
            "SELECT a.body->>'country' AS c, count(*) FROM docs d JOIN authors a"
            " ON d.body->>'author' = a.body->>'id' GROUP BY c"
        ),
        (
            "SELECT a.body->>'country' AS c, count(*) FROM docs d JOIN authors a"
            " ON d.body->>'author' = a.body->>'id' GROUP BY c"
        ),
    ),
    "order, limit": (
        "SELECT d.id, d.price FROM docs d ORDER BY d.price DESC, d.id LIMIT 20",
        "SELECT body->>'id' AS i, body->>'price' AS p FROM docs ORDER BY p DESC, i LIMIT 20",
        "SELECT body->>'id' AS i, (body->>'price')::int AS p FROM docs ORDER BY p DESC, i LIMIT 20",
    ),
    "aggregate over a window": (
        (
            "SELECT RAW MAX(w.r) FROM (SELECT SUM(d.price) OVER (PARTITION BY d.kind ORDER BY d.id)"
            " AS r FROM docs d) AS w"
        ),
        (
            "SELECT max(r) FROM (SELECT sum(body->>'price') OVER (PARTITION BY body->>'kind'"
            " ORDER BY body->>'id') AS r FROM docs)"
        ),
        (
            "SELECT max(r) FROM (SELECT sum((body->>'price')::int) OVER (PARTITION BY body->>'kind'"
            " ORDER BY body->>'id') AS r FROM docs)"
        ),
    ),
}


def documents(count: int) -> list[tuple[str, dict[str, Any]]]:
    """Books of about 250 bytes."""
    chance = random.Random(1)
    return [
        (
            f"book{n:06d}",
            {
                "id": f"book{n:06d}", "kind": KINDS[chance.randrange(4)],
                "title": f"The book number {n}", "year": 1900 + chance.randrange(120),
                "price": chance.randrange(1000), "stock": chance.randrange(100),
                "author": f"author{chance.randrange(1000):04d}",
                "tags": [f"tag{chance.randrange(20)}" for _ in range(3)],
                "publisher": {"name": f"P{chance.randrange(50)}", "city": "Somewhere"},
            },
        )
        for n in range(count)
    ]  # fmt: skip


def authors() -> list[tuple[str, dict[str, Any]]]:
    """The books' authors."""
    return [
        (f"author{n:04d}", {"id": f"author{n:04d}", "country": f"C{n % 30}"}) for n in range(1000)
    ]


class Server:
    """A document server of its own, with its documents in memory."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-m", "cloudlet.couchbase", "--data", str(data), "--json"]
        command += ["--bucket", "docs", "--bucket", "authors", "--cache-mb", "1024"]
        for port in ("--kv-port", "--management-port", "--query-port"):
            command += [port, "0"]
        self.process = Popen(command, stdout=PIPE)
        assert self.process.stdout is not None
        self.ports = json.loads(self.process.stdout.readline())
        self.connection = self.connect()

    def connect(self) -> http.client.HTTPConnection:
        """A connection to the query port."""
        return http.client.HTTPConnection("127.0.0.1", self.ports["query"], timeout=120)

    def query(
        self, statement: str, connection: http.client.HTTPConnection | None = None, **more: Any
    ) -> Any:
        """The results of a statement."""
        found = connection or self.connection
        login = base64.b64encode(b"Administrator:password").decode()
        headers = {"content-type": "application/json", "authorization": f"Basic {login}"}
        found.request(
            "POST", "/query/service", json.dumps({"statement": statement, **more}), headers
        )
        answer = json.loads(found.getresponse().read())
        if answer["status"] != "success":
            raise RuntimeError(answer)
        return answer["results"]

    def load(self, bucket: str, rows: list[tuple[str, dict[str, Any]]]) -> None:
        """Write documents in batches."""
        for at in range(0, len(rows), 2000):
            pairs = [{"k": key, "v": value} for key, value in rows[at : at + 2000]]
            statement = f"UPSERT INTO {bucket} (KEY k, VALUE v) SELECT p.k, p.v FROM $1 AS p"
            self.query(statement, args=[pairs])

    def stop(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.terminate()
        self.process.wait(30)


def medians_ms(runs: list[Callable[[], Any]], repeats: int = REPEATS) -> list[float]:
    """The median of each of some runs, done in turns after one of each, in milliseconds.

    What is over within a few milliseconds is repeated five times as often, each time after a run
    that is not measured: the processors' caches are full of the engine's before it.
    """
    times: list[list[float]] = [[] for _ in runs]
    begun = time.perf_counter()
    for run in runs:
        run()
    is_quick = time.perf_counter() - begun < 0.1 * len(runs)
    for _ in range(repeats * 5 if is_quick else repeats):
        for run, found in zip(runs, times, strict=True):
            if is_quick:
                run()
            start = time.perf_counter()
            run()
            found.append(time.perf_counter() - start)
    return [statistics.median(found) * 1000 for found in times]


def sqlite_of(docs: Any, writers: Any) -> sqlite3.Connection:
    """The same documents in sqlite3, as JSON text."""
    connection = sqlite3.connect(":memory:")
    for table, rows in (("docs", docs), ("authors", writers)):
        connection.execute(f"CREATE TABLE {table} (id TEXT PRIMARY KEY, body TEXT)")
        connection.executemany(
            f"INSERT INTO {table} VALUES (?, ?)", [(key, json.dumps(value)) for key, value in rows]
        )
    connection.execute("CREATE INDEX year ON docs (body->>'year')")
    connection.execute("CREATE INDEX author ON authors (body->>'id')")
    return connection


def duckdb_of(docs: Any, writers: Any) -> Any:
    """The same documents in DuckDB; None where it cannot be had."""
    place = CACHE / "duckdb"
    if not (place / "duckdb").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(place)]
        subprocess.run([*command, DUCKDB], capture_output=True, check=False)
    sys.path.insert(0, str(place))
    try:
        import duckdb  # type: ignore[import-not-found]
    except ImportError:
        return None
    connection = duckdb.connect()
    with tempfile.TemporaryDirectory() as folder:
        for table, rows in (("docs", docs), ("authors", writers)):
            path = Path(folder) / f"{table}.csv"
            path.write_text("".join(f"{key}\x01{json.dumps(value)}\n" for key, value in rows))
            connection.execute(
                f"CREATE TABLE {table} AS SELECT column0 AS id, column1::JSON AS body FROM"
                " read_csv("
                f"'{path}', delim='\x01', header=false, quote='', escape='', auto_detect=false, "
                "columns={'column0': 'VARCHAR', 'column1': 'VARCHAR'})"
            )
    return connection


def rows_of(connection: Any, statement: str) -> Any:
    """All rows of a statement of sqlite3 or DuckDB."""
    return connection.execute(statement).fetchall()


def percentile(values: list[float], share: float) -> float:
    """A percentile of times, in milliseconds."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def look_ups(server: Server, count: int, total: int) -> None:
    """An index look-up by parameter, prepared, over one connection."""
    server.query("PREPARE look FROM SELECT d.title FROM docs d WHERE d.id = $1")
    chance, times = random.Random(2), []
    login = base64.b64encode(b"Administrator:password").decode()
    headers = {"content-type": "application/json", "authorization": f"Basic {login}"}
    for _ in range(count):
        body = f'{{"prepared":"look","args":["book{chance.randrange(total):06d}"]}}'
        start = time.perf_counter()
        server.connection.request("POST", "/query/service", body, headers)
        answer = server.connection.getresponse().read()
        times.append(time.perf_counter() - start)
        assert b'"title"' in answer
    p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
    print(f"\nIndex look-up by parameter, prepared, over HTTP: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    print(f"({count} requests; bar: p50 under 1 ms)")


def write_cost(server: Server, rows: list[tuple[str, dict[str, Any]]]) -> None:
    """Acknowledged writes with and without indexes: the cost of keeping them."""
    some = rows[:10_000]

    def rewritten(mark: int) -> Callable[[], None]:
        changed = [(key, {**value, "year": value["year"] + mark}) for key, value in some]
        return lambda: server.load("authors", changed)

    plain = medians_ms([rewritten(1)], 3)[0]
    for number, keys in enumerate(("year", "kind, price", "ALL tags")):
        server.query(f"CREATE INDEX w{number} ON authors({keys})")
    indexed = medians_ms([rewritten(2)], 3)[0]
    print(f"\nUPSERT of 10,000 documents, acknowledged on disk: {plain:.0f} ms without indexes, "
          f"{indexed:.0f} ms with three ({indexed / plain - 1:+.0%})")  # fmt: skip


def main() -> None:
    """Load, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    options = parser.parse_args()
    docs, writers = documents(options.documents), authors()
    print(f"SQL++, {len(docs):,} documents; {pressure()}")
    lite, duck = sqlite_of(docs, writers), duckdb_of(docs, writers)
    if duck is None:
        print("DuckDB is not installed here: left out.")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            start = time.perf_counter()
            server.load("docs", docs)
            server.load("authors", writers)
            print(f"loaded in {time.perf_counter() - start:.1f} s")
            start = time.perf_counter()
            server.query("CREATE INDEX year ON docs(year)")
            print(f"first index built in {time.perf_counter() - start:.1f} s")
            server.query("CREATE INDEX id ON docs(id)")
            server.query("CREATE INDEX author ON authors(id)")
            compare(server, lite, duck, len(docs))
            look_ups(server, 2000, len(docs))
            write_cost(server, docs)
        finally:
            server.stop()
    print(pressure())


def compare(server: Server, lite: sqlite3.Connection, duck: Any, total: int) -> None:
    """The table of queries; contestants in turns."""
    print("\n| query | SQL++ ms | documents/s | sqlite3 ms | ratio | DuckDB ms | ratio |")
    print("|---|---|---|---|---|---|---|")
    missed = []
    for name, (ours, theirs, ducks) in QUERIES.items():
        runs: list[Callable[[], Any]] = [
            partial(server.query, ours),
            partial(rows_of, lite, theirs),
        ]
        if duck is not None:
            runs.append(partial(rows_of, duck, ducks))
        mine, other, *third = medians_ms(runs)
        cells = [
            f"{mine:.1f}",
            f"{total / mine * 1000:,.0f}",
            f"{other:.1f}",
            f"{mine / other:.2f}",
        ]
        cells += [f"{third[0]:.1f}", f"{mine / third[0]:.1f}"] if third else ["-", "-"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
        if mine > 5 * other:
            missed.append(name)
    held = f"missed by {', '.join(missed)}" if missed else "held"
    print(f"(bar: no ratio to sqlite3 over 5: {held}; {pressure()})")


if __name__ == "__main__":
    main()
