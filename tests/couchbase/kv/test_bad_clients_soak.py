"""Every way to misbehave, again and again: what others wait, and what stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.couchbase.kv.raw import FLAGS, Client, frame
from tests.couchbase.kv.requests import STREAMING, broken_frames, well_formed
from tests.couchbase.test_crashes import Raw, start

from cloudlet.couchbase.kv.protocol import Feature, Opcode
from cloudlet.couchbase.kv.verbs import handlers

#: What others wait at most (the 99th of 100), and what may stay behind after a round.
OTHERS_S = 0.05
LEFT_MB = 16

BIG = b'{"text":"' + b"x" * (20 * 1024 * 1024 - 11) + b'"}'


async def connected(port: int) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port))


async def entered(port: int) -> Client:
    return await (await connected(port)).enter((Feature.JSON, Feature.COLLECTIONS))


async def trickled(port: int) -> None:
    async def one(number: int) -> None:
        client = await entered(port)
        data = frame(Opcode.SET, b"\0slow-%d" % number, b"1" * 400, FLAGS)
        for at in range(0, len(data), 8):
            client.writer.write(data[at : at + 8])
            await asyncio.sleep(0.03)
        assert (await client.read()).status == 0
        client.writer.close()

    await asyncio.gather(*(one(number) for number in range(50)))


async def large(port: int) -> None:
    client = await entered(port)
    for _ in range(5):
        client.writer.write(frame(Opcode.SET, b"\0big", BIG, FLAGS))
        assert (await client.read()).status == 0
        client.writer.write(frame(Opcode.GET, b"\0big"))
        assert len((await client.read()).value) == len(BIG)
    client.writer.write(frame(Opcode.DELETE, b"\0big"))
    assert (await client.read()).status == 0
    client.writer.close()


async def crowded(port: int) -> None:
    clients = [await connected(port) for _ in range(2000)]
    for _ in range(2):
        for client in clients:
            assert (await client.ask(frame(Opcode.NOOP))).status == 0
    for client in clients:
        client.writer.close()


async def never_read(port: int) -> None:
    clients = []
    for number in range(20):
        client = await entered(port)
        key = b"\0unread-%d" % number
        client.writer.write(frame(Opcode.SET, key, b"x" * 1_000_000, FLAGS))
        client.writer.write(frame(Opcode.GET, key) * 500)
        clients.append(client)
    await asyncio.sleep(2)
    for client in clients:
        client.writer.transport.abort()


async def malformed(port: int) -> None:
    for opcode in range(256):
        sent = list(broken_frames(opcode))
        for one in sent if handlers()[opcode] is not None else sent[:2]:
            client = await entered(port)
            if opcode in STREAMING:
                client.writer.write(well_formed(Opcode.DCP_OPEN))
            client.writer.write(one)
            client.writer.close()


async def stranger(port: int) -> None:
    for opcode in range(256):
        client = await connected(port)
        client.writer.write(well_formed(opcode))
        client.writer.write(frame(opcode, b"", struct.pack(">Q", 7)))
        with contextlib.suppress(OSError):  # the server has closed already
            client.writer.write_eof()
        assert await client.closed()
        client.writer.close()


WAYS: dict[str, Callable[[int], Awaitable[None]]] = {
    "slow clients": trickled,
    "documents of 20 MB": large,
    "2,000 connections": crowded,
    "clients that never read": never_read,
    "malformed frames": malformed,
    "strangers": stranger,
}


def misbehave(way: str, port: int) -> None:
    async def work() -> None:
        await WAYS[way](port)

    asyncio.run(work())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, int]]:
    process, port = start(tmp_path / "data")
    yield process.pid, port
    process.terminate()
    assert process.wait(10) == 0
    assert process.stdout is not None
    process.stdout.close()


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_whatever_clients_do_others_are_answered_and_nothing_stays(
    server: tuple[int, int],
) -> None:
    pid, port = server
    bystander = Raw(port)
    bystander.ask(Opcode.SET, b"k", b"1", bytes(8))
    opened = files(pid)
    spawn = multiprocessing.get_context("spawn")
    memory = []
    for _ in range(5):
        for way in WAYS:
            worker = spawn.Process(target=misbehave, args=(way, port))
            worker.start()
            took = []
            while worker.is_alive():
                began = time.perf_counter()
                assert bystander.ask(Opcode.GET, b"k")[2] == b"1"
                took.append(time.perf_counter() - began)
                time.sleep(0.001)
            worker.join()
            assert worker.exitcode == 0, way
            took.sort()
            p99 = took[len(took) * 99 // 100]
            print(f"{way}: {len(took)} gets, p99 {p99 * 1000:.1f} ms, max {took[-1] * 1000:.1f} ms")
            assert p99 < OTHERS_S, way
        deadline = time.monotonic() + 10
        while files(pid) > opened + 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert files(pid) <= opened + 2
        memory.append(resident_mb(pid))
        print(f"resident {memory[-1]:.0f} MB")
    # The first rounds fill what is kept for the next ones.
    assert memory[-1] - memory[1] < LEFT_MB
    bystander.close()
