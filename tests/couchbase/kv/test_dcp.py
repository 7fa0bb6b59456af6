from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.couchbase.kv.raw import FLAGS, Answer, Client, Running, frame, serving

from cloudlet.couchbase.kv.protocol import VBUCKETS as COUNT
from cloudlet.couchbase.kv.protocol import Feature, Opcode, Status, vbucket_of

END = 0xFFFFFFFFFFFFFFFF


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path) as server:
        yield server


async def consumer(running: Running, flags: int = 1, *features: int) -> Client:
    client = await (await running.client()).enter((Feature.JSON, *features))
    opened = frame(Opcode.DCP_OPEN, b"test", extras=struct.pack(">II", 0, flags))
    assert (await client.ask(opened)).status == 0
    return client


def stream(
    vbucket: int, start: int = 0, end: int = END, uuid: int = 0, value: bytes = b""
) -> bytes:
    extras = struct.pack(">IIQQQQQ", 0, 0, start, end, uuid, start, start)
    return frame(
        Opcode.DCP_STREAM_REQUEST, value=value, extras=extras, vbucket=vbucket, opaque=vbucket + 1
    )


async def changes(client: Client, count: int) -> list[tuple[int, bytes, bytes]]:
    """The next mutations and deletions: opcode, key, value."""
    found: list[Answer] = []
    while len(found) < count:
        one = await asyncio.wait_for(client.read(), 5)
        if one.opcode in (Opcode.DCP_MUTATION, Opcode.DCP_DELETION):
            assert one.opaque == vbucket_of(one.key) + 1
            found.append(one)
    return [(one.opcode, one.key, one.value) for one in found]


async def write(running: Running, *frames: bytes) -> None:
    client = await (await running.client()).enter()
    for one in frames:
        assert (await client.ask(one)).status == 0


async def test_a_consumer_gets_what_is_there_and_what_follows(running: Running) -> None:
    await write(running, *(frame(Opcode.SET, b"k%d" % n, b"%d" % n, FLAGS) for n in range(50)))
    client = await consumer(running)
    for vbucket in range(COUNT):
        client.writer.write(stream(vbucket))
    first = await changes(client, 50)
    assert {(key, value) for _, key, value in first} == {(b"k%d" % n, b"%d" % n) for n in range(50)}
    await write(running, frame(Opcode.SET, b"new", b"1", FLAGS), frame(Opcode.DELETE, b"k7"))
    assert await changes(client, 2) == [
        (Opcode.DCP_MUTATION, b"new", b"1"),
        (Opcode.DCP_DELETION, b"k7", b""),
    ]


async def test_a_stream_ends_where_it_is_asked_to(running: Running) -> None:
    keys = [key for n in range(500) if vbucket_of(key := b"k%d" % n) == 3]
    await write(running, *(frame(Opcode.SET, key, b"1", FLAGS) for key in keys))
    client = await consumer(running)
    seqnos = (await client.ask(frame(Opcode.GET_ALL_VBUCKET_SEQNOS))).value
    high = struct.unpack_from(">HQ", seqnos, 30)[1]
    client.writer.write(stream(3, end=high))
    assert [key for _, key, _ in await changes(client, len(keys))] == keys
    end = await client.read()
    assert (end.opcode, end.opaque, end.extras) == (Opcode.DCP_STREAM_END, 4, bytes(4))


async def test_flow_control_holds_back(running: Running) -> None:
    key = next(key for n in range(99) if vbucket_of(key := b"k%d" % n) == 0)
    client = await consumer(running)
    size = frame(Opcode.DCP_CONTROL, b"connection_buffer_size", b"100")
    assert (await client.ask(size)).status == 0
    assert (await client.ask(stream(0))).status == 0
    await write(running, frame(Opcode.SET, key, b"x" * 200, FLAGS))
    await changes(client, 1)
    await write(running, frame(Opcode.SET, key, b"2", FLAGS))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), 0.1)
    taken = frame(Opcode.DCP_BUFFER_ACKNOWLEDGEMENT, extras=struct.pack(">I", 400))
    client.writer.write(taken)
    assert await changes(client, 1) == [(Opcode.DCP_MUTATION, key, b"2")]


async def test_noops_are_sent_and_their_answers_taken(running: Running) -> None:
    client = await consumer(running)
    for name, value in ((b"enable_noop", b"true"), (b"set_noop_interval", b"0.05")):
        assert (await client.ask(frame(Opcode.DCP_CONTROL, name, value))).status == 0
    assert (await client.ask(stream(0))).status == 0
    noop = await asyncio.wait_for(client.read(), 5)
    assert (noop.opcode, noop.magic) == (Opcode.DCP_NOOP, 0x80)
    client.writer.write(b"\x81" + frame(Opcode.DCP_NOOP)[1:])
    assert (await asyncio.wait_for(client.read(), 5)).opcode == Opcode.DCP_NOOP


async def test_a_stream_of_a_collection_leaves_others_out(running: Running) -> None:
    catalog = running.server.store.catalog
    bucket = catalog.buckets["default"]
    made = await catalog.create_collection(bucket, "_default", "made")
    keys = [key for n in range(300) if vbucket_of(key := b"k%d" % n) == 9]
    await write(running, frame(Opcode.SET, keys[0], b"1", FLAGS))
    made.put(keys[1], b"2")
    await made.durable()
    client = await consumer(running, 1, Feature.COLLECTIONS)
    wanted = msgspec.json.encode({"collections": [f"{made.uid:x}"]})
    client.writer.write(stream(9, value=wanted))
    while (found := await client.read()).opcode != Opcode.DCP_MUTATION:
        pass
    assert (found.key, found.value) == (bytes((made.uid,)) + keys[1], b"2")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (stream(0, start=5, uuid=99), Status.ROLLBACK),
        (stream(0, start=5, end=4), Status.RANGE),
        (stream(99), Status.NOT_MY_VBUCKET),
        (stream(0, value=b"{"), Status.INVALID),
        (stream(0, value=b'{"collections":["77"]}'), Status.UNKNOWN_COLLECTION),
        (frame(Opcode.DCP_CONTROL, b"unheard_of", b"1"), Status.INVALID),
        (frame(Opcode.DCP_CLOSE_STREAM, vbucket=1), Status.NOT_FOUND),
    ],
)
async def test_refusals(running: Running, request_: bytes, status: int) -> None:
    client = await consumer(running)
    assert (await client.ask(request_)).status == status


async def test_only_an_open_producer_has_streams(running: Running) -> None:
    client = await (await running.client()).enter()
    assert (await client.ask(stream(0))).status == Status.INVALID
