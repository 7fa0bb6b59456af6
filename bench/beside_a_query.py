"""What a ten-second query costs its neighbours: documents by key, and API calls through functions.

Quiet and busy stretches take turns on one server; each kind of request is measured in both.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import random
import socket
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bench import load
from bench.application import HANDLER, deploy, get
from bench.sqlpp import documents
from tests.clients.live import Live

DOCUMENTS = 60_000
ROUNDS = 3
#: How long each kind of request is measured in a round, and what each query is given.
STRETCH_S = 3.0
QUERY_S = 10

#: It would take minutes: its time-out ends it.
LONG = (
    "SELECT a.kind, COUNT(*) AS n, SUM(c.price) AS s FROM default a JOIN default b "
    "ON a.author = b.author JOIN default c ON b.author = c.author "
    "WHERE LOWER(a.title) LIKE '%o%' GROUP BY a.kind"
)
#: A function that reads a document by its key, without an SDK's own start in the way.
READER = """
import socket, struct
STORE = None

def call(opcode, key, value=b""):
    STORE.sendall(struct.pack(">BBHBBHIIQ", 0x80, opcode, len(key), 0, 0, 0,
                              len(key) + len(value), 0, 0) + key + value)
    head = read(24)
    return struct.unpack(">H", head[6:8])[0], read(struct.unpack(">I", head[8:12])[0])

def read(count):
    data = b""
    while len(data) < count:
        data += STORE.recv(count - len(data))
    return data

def handler(event, context):
    global STORE
    if STORE is None:
        STORE = socket.create_connection((HOST, PORT))
        STORE.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert call(0x21, b"PLAIN", LOGIN)[0] == 0
        assert call(0x89, b"default")[0] == 0
    status, body = call(0x00, b"book000007")
    return {"statusCode": 200 if status == 0 else 500, "body": body[4:].decode()}
"""


class Documents:
    """The document server of a running cloudlet: its query door and its key-value door."""

    def __init__(self, described: dict[str, str]) -> None:
        self.host, _, port = described["connection_string"].rpartition("/")[2].partition(":")
        self.port = int(port or 11210)
        self.login = f"\0{described['username']}\0{described['password']}".encode()
        name = f"{described['username']}:{described['password']}"
        self._query = described["query"].rpartition("/")[2]
        self._basic = base64.b64encode(name.encode()).decode()
        self.store = socket.create_connection((self.host, self.port))
        self.store.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.call(0x21, b"PLAIN", self.login)
        self.call(0x89, b"default")

    def query(self, statement: str, **more: object) -> str:
        """A statement's status."""
        connection = http.client.HTTPConnection(self._query, timeout=60)
        headers = {"content-type": "application/json", "authorization": f"Basic {self._basic}"}
        body = json.dumps({"statement": statement, **more})
        with contextlib.closing(connection):
            connection.request("POST", "/query/service", body, headers)
            return str(json.loads(connection.getresponse().read())["status"])

    def fill(self) -> None:
        """Write the documents, in batches."""
        rows = documents(DOCUMENTS)
        for at in range(0, len(rows), 2000):
            pairs = [{"k": key, "v": value} for key, value in rows[at : at + 2000]]
            statement = "UPSERT INTO default (KEY k, VALUE v) SELECT p.k, p.v FROM $1 AS p"
            assert self.query(statement, args=[pairs]) == "success"

    def call(self, opcode: int, key: bytes, value: bytes = b"") -> None:
        """One key-value request, answered well."""
        head = struct.pack(
            ">BBHBBHIIQ", 0x80, opcode, len(key), 0, 0, 0, len(key) + len(value), 0, 0
        )
        self.store.sendall(head + key + value)
        header = self._read(24)
        self._read(struct.unpack(">I", header[8:12])[0])
        assert header[6:8] == b"\0\0"

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self.store.recv(count - len(data))
        return data

    def gets(self, seconds: float) -> load.Figures:
        """One GET after the other, half a millisecond apart."""
        chance, times = random.Random(3), []
        end = time.monotonic() + seconds
        while (start := time.perf_counter()) and time.monotonic() < end:
            self.call(0x00, f"book{chance.randrange(DOCUMENTS):06d}".encode())
            times.append(time.perf_counter() - start)
            time.sleep(0.0005)
        times.sort()
        return load.Figures(
            connections=1,
            requests=len(times),
            per_second=len(times) / seconds,
            p50_ms=statistics.median(times) * 1000,
            p99_ms=times[int(len(times) * 0.99)] * 1000,
        )


Measure = Callable[[], load.Figures]


def calls(live: Live, name: str, source: str) -> Measure:
    """Calls of a function through a REST API, one at a time."""
    api = deploy(live.client, source, name)
    request = get(f"{api}.execute-api.localhost", live.port, "/prod/")
    return lambda: load.run("127.0.0.1", live.port, request, connections=1, seconds=STRETCH_S)


def rounds(store: Documents, measures: dict[str, Measure]) -> dict[str, list[list[load.Figures]]]:
    """What each measure gave, quiet and busy, round by round."""
    found: dict[str, list[list[load.Figures]]] = {name: [[], []] for name in measures}
    for _ in range(ROUNDS):
        for busy in (0, 1):
            query = threading.Thread(
                target=store.query, args=(LONG,), kwargs={"timeout": f"{QUERY_S}s"}
            )
            if busy:
                query.start()
            for name, measure in measures.items():
                found[name][busy].append(measure())
            if busy:
                assert query.is_alive(), "the query ended before the measurements"
                query.join()
    return found


def main() -> None:
    """Start, load, measure in turns, compare."""
    with tempfile.TemporaryDirectory(prefix="cloudlet-bench-") as folder:
        live = Live(Path(folder) / "data").start()
        try:
            store = Documents(live.couchbase)
            store.fill()
            given = f"HOST, PORT, LOGIN = {store.host!r}, {store.port}, {store.login!r}\n"
            measures = {
                "GET by key": lambda: store.gets(STRETCH_S),
                "API call": calls(live, "plain", HANDLER),
                "API call that reads a document": calls(live, "reader", given + READER),
            }
            for measure in measures.values():
                measure()
            report(rounds(store, measures))
        finally:
            live.stop()


def report(found: dict[str, list[list[load.Figures]]]) -> None:
    """Medians of the rounds."""
    for name, stretches in found.items():
        (p50, p99), (busy_p50, busy_p99) = (
            (
                statistics.median(one.p50_ms for one in stretch),
                statistics.median(one.p99_ms for one in stretch),
            )
            for stretch in stretches
        )
        print(f"{name:<32} quiet p50 {p50:6.2f}  p99 {p99:6.2f} ms   beside a query p50"
              f" {busy_p50:6.2f}  p99 {busy_p99:6.2f} ms   p50 x {busy_p50 / p50:.2f}")  # fmt: skip
    print(f"(bars: GET p99 under 10 ms; API p50 at most x 1.20; {ROUNDS} rounds, queries of"
          f" {QUERY_S} s over {DOCUMENTS:,} documents; {load.pressure()})")  # fmt: skip


if __name__ == "__main__":
    main()
