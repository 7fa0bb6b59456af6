"""Documents by key: a raw pipelining client, the SDK, memory, and a set larger than the cache."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
from bench.load import pressure

from cloudlet.couchbase.kv.frame import HEADER
from cloudlet.couchbase.kv.protocol import Opcode
from cloudlet.couchbase.options import Ports

#: Requests under way on a connection, operations of a measurement, bytes of a document.
PIPELINE = 64
OPERATIONS = 60_000
VALUE = b'{"text":"' + b"x" * 1000 + b'"}'
KEYS = 10_000
REPEATS = 5


class Raw:
    """One connection that keeps a pipeline of requests full."""

    def __init__(self, port: int, *, authenticate: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if authenticate:
            self.one(Opcode.SASL_AUTH, b"PLAIN", b"\0Administrator\0password")
            self.one(Opcode.SELECT_BUCKET, b"default")

    def one(self, opcode: int, key: bytes, value: bytes = b"", extras: bytes = b"") -> None:
        self.socket.sendall(request(opcode, key, value, extras))
        self.answers(1)

    def answers(self, count: int) -> int:
        """Read so many answers whole; how many of them are refusals."""
        data = bytearray()
        at = refused = 0
        while count:
            if len(data) - at < 24 or len(data) - at < 24 + _body(data, at):
                data = data[at:]
                at = 0
                chunk = self.socket.recv(1 << 20)
                assert chunk, "the server closed the connection"
                data += chunk
                continue
            if data[at + 6] or data[at + 7]:
                refused += 1
            at += 24 + _body(data, at)
            count -= 1
        return refused

    def rate(self, batches: list[bytes], size: int) -> float:
        """Operations a second over all batches of `size` requests; none may be refused."""
        refused = 0
        started = time.perf_counter()
        for batch in batches:
            self.socket.sendall(batch)
            refused += self.answers(size)
        assert not refused, f"{refused} requests were refused"
        return len(batches) * size / (time.perf_counter() - started)

    def close(self) -> None:
        self.socket.close()


def _body(data: bytearray, at: int) -> int:
    return int.from_bytes(data[at + 8 : at + 12], "big")


def request(opcode: int, key: bytes, value: bytes = b"", extras: bytes = b"") -> bytes:
    body = len(key) + len(value) + len(extras)
    head = HEADER.pack(0x80, opcode, len(key), len(extras), 0, 0, body, 0, 0)
    return b"".join((head, extras, key, value))


def batches(opcode: int) -> list[bytes]:
    dice = random.Random(1)
    store = opcode == Opcode.SET
    return [
        b"".join(
            request(
                opcode,
                b"key-%06d" % dice.randrange(KEYS),
                VALUE if store else b"",
                bytes(8) if store else b"",
            )
            for _ in range(PIPELINE)
        )
        for _ in range(OPERATIONS // PIPELINE)
    ]


@contextlib.contextmanager
def documents(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Ports]]:
    """A document server in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="cloudlet-bench-") as data:
        command = [sys.executable, "-m", "cloudlet.couchbase", "--data", data, "--json"]
        for name in ("kv", "management", "query"):
            command += [f"--{name}-port", "0"]
        with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            yield process, msgspec.json.decode(process.stdout.readline(), type=Ports)
            process.terminate()


@contextlib.contextmanager
def memcached() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Debian's memcached with one thread on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = ["memcached", "-p", str(port), "-l", "127.0.0.1", "-t", "1", "-m", "512"]
    command += ["-u", "nobody"] if os.getuid() == 0 else []
    with subprocess.Popen(command) as process:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        yield process, port
        process.terminate()


class Contestant:
    """A server, and what was measured of it, in turns with the others."""

    def __init__(self, name: str, port: int, pid: int, bucket: bytes | None) -> None:
        self.name = name
        self.pid = pid
        self.client = Raw(port, authenticate=bucket is not None)
        if bucket is not None:
            self.client.one(Opcode.SELECT_BUCKET, bucket)
        #: Rates, and the server's processor time for an operation in microseconds, by opcode.
        self.rates: dict[int, list[float]] = {Opcode.SET: [], Opcode.GET: []}
        self.costs: dict[int, list[float]] = {Opcode.SET: [], Opcode.GET: []}

    def turn(self, opcode: int, work: list[bytes]) -> None:
        """Measure once; what was acknowledged from memory is on disk before and after."""
        at_rest(self.pid)
        before = used_s(self.pid)
        self.rates[opcode].append(self.client.rate(work, PIPELINE))
        at_rest(self.pid)
        used = used_s(self.pid) - before
        self.costs[opcode].append(used / len(work) / PIPELINE * 1e6)

    def described(self, opcode: int) -> str:
        rate, cost = (statistics.median(one[opcode]) for one in (self.rates, self.costs))
        return f"{rate:9,.0f} ({cost:5.2f} us)"

    def of(self, other: Contestant, opcode: int) -> float:
        """The median of the rates' ratios, each of neighbouring turns."""
        pairs = zip(self.rates[opcode], other.rates[opcode], strict=True)
        return statistics.median(mine / its for mine, its in pairs)


def used_s(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def at_rest(pid: int) -> None:
    """Return when a process has no work left: what was acknowledged from memory is on disk."""
    while True:
        before = used_s(pid)
        time.sleep(0.5)
        if used_s(pid) - before < 0.02:
            return


def ephemeral(management: int) -> bytes:
    """A new bucket that keeps nothing on disk."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{management}/pools/default/buckets",
        data=b"name=ephemeral&bucketType=ephemeral&ramQuotaMB=256",
        headers={"Authorization": f"Basic {base64.b64encode(b'Administrator:password').decode()}"},
    )
    urllib.request.urlopen(asked).close()
    return b"ephemeral"


def pipelined() -> None:
    work = {opcode: batches(opcode) for opcode in (Opcode.SET, Opcode.GET)}
    with contextlib.ExitStack() as servers:
        memory, ports = servers.enter_context(documents("--acknowledge", "memory"))
        disk, disk_ports = servers.enter_context(documents("--acknowledge", "persisted"))
        bucket = ephemeral(ports.management)
        contestants = [
            Contestant("cloudlet, acknowledged from memory", ports.kv, memory.pid, b"default"),
            Contestant("cloudlet, an ephemeral bucket", ports.kv, memory.pid, bucket),
            Contestant("cloudlet, acknowledged from disk", disk_ports.kv, disk.pid, b"default"),
        ]
        peer = None
        if shutil.which("memcached"):
            process, port = servers.enter_context(memcached())
            peer = Contestant("memcached, one thread", port, process.pid, None)
            contestants.append(peer)
        for one in contestants:
            one.client.rate(work[Opcode.SET], PIPELINE)
        for opcode, requests in work.items():
            for _ in range(REPEATS):
                for one in contestants:
                    one.turn(opcode, requests)
        for one in contestants:
            one.client.close()
    print(f"one connection, {PIPELINE} requests under way, {KEYS:,} documents of 1 KB;")
    print("operations a second, and the server's processor time for each:")
    for one in contestants:
        found, stored = one.described(Opcode.GET), one.described(Opcode.SET)
        print(f"  {one.name:35} get {found}   set {stored}")
    if peer is None:
        print("  memcached is not installed: no comparison")
        return
    print("of memcached (the bars: get 0.4, set 0.3):")
    for one in contestants[:-1]:
        ratios = (one.of(peer, opcode) for opcode in (Opcode.GET, Opcode.SET))
        print("  {:35} get {:.2f}   set {:.2f}".format(one.name, *ratios))


def sdk() -> None:
    from couchbase.auth import PasswordAuthenticator
    from couchbase.options import ClusterOptions

    from couchbase.cluster import Cluster

    with documents("--acknowledge", "memory") as (_, ports):
        options = ClusterOptions(PasswordAuthenticator("Administrator", "password"))
        cluster = Cluster(f"couchbase://127.0.0.1:{ports.kv}", options)
        collection = cluster.bucket("default").default_collection()
        collection.upsert("k", {"text": "x" * 1000})
        count = 400

        def work(number: int) -> None:
            for at in range(count):
                collection.upsert(f"{number}-{at}", {"text": "x" * 1000})
                collection.get(f"{number}-{at}")

        for threads in (1, 8):
            workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
            started = time.perf_counter()
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            took = time.perf_counter() - started
            print(f"Python SDK, {threads} threads: {2 * count * threads / took:,.0f} ops/s")
        cluster.close()


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def fill(port: int, count: int, size: int) -> None:
    client = Raw(port, authenticate=True)
    value = b'{"text":"' + b"x" * (size - 11) + b'"}'
    batch = 500
    for low in range(0, count, batch):
        stored = b"".join(
            request(Opcode.SET, b"key-%07d" % at, value, bytes(8)) for at in range(low, low + batch)
        )
        client.socket.sendall(stored)
        while client.answers(batch):
            # The disk is behind: as a client does on a temporary failure, again a little later.
            time.sleep(0.05)
            client.socket.sendall(stored)
    client.close()


def memory() -> None:
    with documents("--acknowledge", "memory", "--cache-mb", "2048") as (process, ports):
        before = resident_mb(process.pid)
        fill(ports.kv, 1_000_000, 200)
        at_rest(process.pid)
        after = resident_mb(process.pid)
        took = after - before
        print(f"a million documents of 200 bytes: {took:,.0f} MB, {took * 1.048576:.0f} bytes each")


def larger_than_cache() -> None:
    cache_mb = 32
    with documents("--acknowledge", "memory", "--cache-mb", str(cache_mb)) as (process, ports):
        count = 5 * cache_mb * 1024 * 1024 // 1400 // 500 * 500
        fill(ports.kv, count, 1000)
        at_rest(process.pid)
        client = Raw(ports.kv, authenticate=True)
        dice = random.Random(2)
        took = []
        for _ in range(5000):
            started = time.perf_counter()
            client.one(Opcode.GET, b"key-%07d" % dice.randrange(count))
            took.append(time.perf_counter() - started)
        client.close()
        took.sort()
        p50, p99 = took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000
        print(
            f"{count:,} documents, five times the cache of {cache_mb} MB, one get at a time:"
            f" p50 {p50:.2f} ms (bar 1), p99 {p99:.2f} ms"
        )


def main() -> None:
    for part in (pipelined, sdk, memory, larger_than_cache):
        part()
        print(f"  ({pressure()})", flush=True)


if __name__ == "__main__":
    main()
