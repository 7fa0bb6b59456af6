"""Clients that misbehave: the server stays up and answers others."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.couchbase.kv.raw import FLAGS, Client, Running, frame, serving
from tests.couchbase.kv.requests import FORMED, STREAMING, broken_frames, well_formed

from cloudlet.couchbase.kv.large import LARGE_VALUE, TAKING_DOCUMENTS
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


#: Every opcode that the server answers, of its own table.
ANSWERED = [opcode for opcode, handler in enumerate(handlers()) if handler is not None]


async def opened(running: Running, opcode: int) -> Client:
    """A client from which a request of the opcode makes sense."""
    client = await (await running.client()).enter((Feature.JSON, Feature.COLLECTIONS))
    if opcode in STREAMING:
        assert (await client.ask(well_formed(Opcode.DCP_OPEN))).status == 0
    return client


async def test_every_opcode_that_is_answered_has_a_request_that_is_understood(
    running: Running,
) -> None:
    """What is cut and garbled below would be understood whole."""
    assert set(ANSWERED) == FORMED
    await (await opened(running, 0)).ask(frame(Opcode.SET, b"\0key", b'{"a":[1]}', FLAGS))
    for opcode in ANSWERED:
        client = await opened(running, opcode)
        # Two of them answer nothing where all is well.
        answer = await client.ask(well_formed(opcode, 1), frame(Opcode.NOOP, opaque=2))
        assert answer.status not in (Status.INVALID, Status.UNKNOWN_COMMAND), hex(opcode)
        assert (answer.opcode, answer.opaque) in ((opcode, 1), (Opcode.NOOP, 2)), hex(opcode)
        client.writer.close()


async def test_truncated_and_malformed_frames_of_every_opcode_leave_others_alone(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    bystander = await (await running.client()).enter()
    for opcode in ANSWERED:
        for one in broken_frames(opcode):
            client = await opened(running, opcode)
            client.writer.write(one)
            client.writer.close()
        assert (await bystander.ask(frame(Opcode.NOOP))).status == 0, hex(opcode)
    while len(running.server.service.connections) > 1:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert not caplog.records  # no exception that nobody foresaw


async def test_only_verbs_that_take_documents_take_large_values(running: Running) -> None:
    """Another verb would take them apart on the loop."""
    client = await (await running.client()).enter((Feature.JSON, Feature.COLLECTIONS))
    for opcode in set(ANSWERED) - TAKING_DOCUMENTS:
        large = frame(opcode, value=b"\0" * (LARGE_VALUE + 1), opaque=opcode)
        answer = await client.ask(large)
        assert (answer.status, answer.opaque) == (Status.INVALID, opcode), hex(opcode)
    features = frame(Opcode.HELLO, value=bytes(4096))
    assert (await client.ask(features)).status == Status.INVALID


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
