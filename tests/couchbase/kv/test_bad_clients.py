"""Clients that misbehave: the server stays up and answers others."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.couchbase.kv.raw import FLAGS, Client, Running, broken_frames, frame, serving

from cloudlet.couchbase.kv.protocol import Feature, Opcode, Status
from cloudlet.couchbase.kv.verbs import handlers

#: What others wait at most while somebody misbehaves (the 99th of 100), with server and clients
#: in one loop: the clients' own work on 20 MB is in it.
OTHERS_S = 0.2


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path, "memory") as server:
        yield server


async def waits(client: Client, count: int = 100) -> float:
    """How long the slowest but one of `count` gets took, in seconds."""
    took = []
    for _ in range(count):
        started = time.perf_counter()
        await client.ask(frame(Opcode.GET, b"k"))
        took.append(time.perf_counter() - started)
        await asyncio.sleep(0.001)
    return statistics.quantiles(took, n=100)[98] if count >= 100 else max(took)


async def test_truncated_and_malformed_frames_of_every_opcode_leave_others_alone(
    running: Running,
) -> None:
    bystander = await (await running.client()).enter()
    for opcode in (at for at, handler in enumerate(handlers()) if handler is not None):
        for one in broken_frames(opcode):
            client = await (await running.client()).enter((Feature.JSON, Feature.COLLECTIONS))
            client.writer.write(one)
            client.writer.close()
        assert (await bystander.ask(frame(Opcode.NOOP))).status == 0, hex(opcode)
    while len(running.server.service.connections) > 1:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_a_large_document_and_a_slow_client_keep_nobody_waiting(running: Running) -> None:
    bystander = await (await running.client()).enter()
    slow = await (await running.client()).enter()
    writer = await (await running.client()).enter()
    body = b'{"text":"' + b"x" * (20 * 1024 * 1024 - 11) + b'"}'
    trickle = asyncio.create_task(_trickle(slow, frame(Opcode.SET, b"slow", b"1" * 200, FLAGS)))
    waiting = asyncio.create_task(waits(bystander))
    stored = await asyncio.wait_for(_ask(writer, frame(Opcode.SET, b"big", body, FLAGS)), 30)
    assert stored == Status.SUCCESS
    found = await writer.ask(frame(Opcode.GET, b"big"))
    assert found.value == body
    assert await waiting < OTHERS_S
    await trickle


async def _ask(client: Client, request: bytes) -> int:
    client.writer.write(request)
    return (await client.read()).status


async def _trickle(client: Client, request: bytes) -> None:
    for at in range(0, len(request), 4):
        client.writer.write(request[at : at + 4])
        await asyncio.sleep(0.002)
    assert (await client.read()).status == 0


async def test_two_thousand_connections_are_served_and_forgotten(running: Running) -> None:
    bystander = await (await running.client()).enter()
    crowd = [await running.client() for _ in range(2000)]
    for client in crowd[::100]:
        assert (await client.ask(frame(Opcode.NOOP))).status == 0
    assert await waits(bystander) < OTHERS_S
    for client in crowd:
        client.writer.close()
    while len(running.server.service.connections) > 1:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
