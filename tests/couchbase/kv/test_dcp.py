from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.couchbase.kv.raw import FLAGS, Answer, Client, Running, frame, serving

from cloudlet.couchbase.cluster.users import Role, User, make_verifiers
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


def control(name: bytes, value: bytes) -> bytes:
    return frame(Opcode.DCP_CONTROL, name, value)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (stream(0, start=5, uuid=99), Status.ROLLBACK),
        (stream(0, start=5, end=4), Status.RANGE),
        (stream(99), Status.NOT_MY_VBUCKET),
        (stream(0, value=b"{"), Status.INVALID),
        (stream(0, value=b'{"scope":"zz"}'), Status.INVALID),
        (stream(0, value=b'{"collections":[7]}'), Status.INVALID),
        (stream(0, value=b'{"x":' + b"[" * 5000), Status.INVALID),
        (stream(0, value=b" " * 70_000 + b"{}"), Status.INVALID),
        (stream(0, value=b'{"collections":["77"]}'), Status.UNKNOWN_COLLECTION),
        (frame(Opcode.DCP_STREAM_REQUEST, extras=bytes(47)), Status.INVALID),
        (frame(Opcode.DCP_OPEN, b"again", extras=struct.pack(">II", 0, 1)), Status.INVALID),
        (frame(Opcode.DCP_CLOSE_STREAM, vbucket=1), Status.NOT_FOUND),
        (frame(Opcode.DCP_GET_FAILOVER_LOG, vbucket=64), Status.NOT_MY_VBUCKET),
        (frame(Opcode.DCP_BUFFER_ACKNOWLEDGEMENT, extras=bytes(3)), Status.INVALID),
        (frame(Opcode.DCP_NOOP), Status.SUCCESS),
        (control(b"unheard_of", b"1"), Status.INVALID),
        (control(b"connection_buffer_size", b"x"), Status.INVALID),
        (control(b"connection_buffer_size", b"-1"), Status.INVALID),
        (control(b"connection_buffer_size", b"9" * 5000), Status.INVALID),
        (control(b"set_noop_interval", b"nan"), Status.INVALID),
        (control(b"set_noop_interval", b"inf"), Status.INVALID),
        (control(b"set_noop_interval", b"-1"), Status.INVALID),
        (control(b"set_noop_interval", b"0"), Status.INVALID),
        (control(b"set_noop_interval", b"120"), Status.SUCCESS),
    ],
    ids=str,
)
async def test_refusals(running: Running, request_: bytes, status: int) -> None:
    client = await consumer(running)
    assert (await client.ask(request_)).status == status
    # The producer goes on.
    assert (await client.ask(stream(7))).status == 0


async def test_only_an_open_producer_has_streams(running: Running) -> None:
    client = await (await running.client()).enter()
    for one in (
        stream(0),
        control(b"enable_noop", b"true"),
        frame(Opcode.DCP_CLOSE_STREAM),
        frame(Opcode.DCP_BUFFER_ACKNOWLEDGEMENT, extras=bytes(4)),
        frame(Opcode.DCP_NOOP),
    ):
        assert (await client.ask(one)).status == Status.INVALID


@pytest.mark.parametrize(
    ("name", "extras", "status"),
    [
        (b"", struct.pack(">II", 0, 1), Status.INVALID),
        (b"name", bytes(7), Status.INVALID),
        # A consumer, which the server would be of another node's mutations.
        (b"name", struct.pack(">II", 0, 0), Status.NOT_SUPPORTED),
    ],
)
async def test_what_cannot_be_opened(
    running: Running, name: bytes, extras: bytes, status: int
) -> None:
    client = await (await running.client()).enter()
    assert (await client.ask(frame(Opcode.DCP_OPEN, name, extras=extras))).status == status


async def test_a_producer_is_opened_in_a_bucket_by_those_who_may_follow_it(
    running: Running,
) -> None:
    opening = frame(Opcode.DCP_OPEN, b"name", extras=struct.pack(">II", 0, 1))
    homeless = await running.client()
    await homeless.ask(frame(Opcode.SASL_AUTH, b"PLAIN", b"\0Administrator\0password"))
    assert (await homeless.ask(opening)).status == Status.NO_BUCKET
    for role, status in (("data_reader", Status.NO_ACCESS), ("data_dcp_reader", Status.SUCCESS)):
        user = User(id=role, roles=(Role(role, "default"),), verifiers=make_verifiers("secret"))
        await running.server.users.put_user(user)
        client = await running.client()
        plain = f"\0{role}\0secret".encode()
        assert (await client.ask(frame(Opcode.SASL_AUTH, b"PLAIN", plain))).status == 0
        assert (await client.ask(frame(Opcode.SELECT_BUCKET, b"default"))).status == 0
        assert (await client.ask(opening)).status == status


async def test_a_stream_is_closed_when_it_is_asked_to_be_and_can_be_opened_again(
    running: Running,
) -> None:
    client = await consumer(running)
    assert (await client.ask(stream(3))).status == 0
    assert (await client.ask(stream(3))).status == Status.EXISTS
    end = await client.ask(frame(Opcode.DCP_CLOSE_STREAM, vbucket=3))
    assert (end.opcode, end.opaque, end.extras) == (Opcode.DCP_STREAM_END, 4, b"\0\0\0\1")
    closed = await client.read()
    assert (closed.opcode, closed.status) == (Opcode.DCP_CLOSE_STREAM, 0)
    assert (await client.ask(stream(3))).status == 0


async def test_a_consumer_goes_on_where_it_was_in_this_history_or_an_earlier_one(
    running: Running,
) -> None:
    keys = [key for n in range(2000) if vbucket_of(key := b"k%d" % n) == 3][:3]
    await write(running, *(frame(Opcode.SET, key, b"1", FLAGS) for key in keys[:2]))
    bucket = running.server.store.catalog.buckets["default"]
    first = bucket.vbucket_uuid
    bucket.begin_history()
    await write(running, frame(Opcode.SET, keys[2], b"1", FLAGS))
    client = await consumer(running)
    log = struct.pack(">QQQQ", bucket.vbucket_uuid, 2, first, 0)
    assert (await client.ask(frame(Opcode.DCP_GET_FAILOVER_LOG, vbucket=3))).value == log
    # In an earlier history nobody can have seen more than there was when it ended.
    for start, uuid, back_to in ((3, first, 2), (9, bucket.vbucket_uuid, 3), (1, 77, 0)):
        answer = await client.ask(stream(3, start=start, uuid=uuid))
        assert (answer.status, answer.value) == (Status.ROLLBACK, struct.pack(">Q", back_to))
    accepted = await client.ask(stream(3, start=1, uuid=first))
    assert (accepted.status, accepted.value) == (0, log)
    assert [key for _, key, _ in await changes(client, 2)] == keys[1:]


async def test_values_are_left_out_and_attributes_put_in_as_the_consumer_says(
    running: Running,
) -> None:
    key = next(key for n in range(99) if vbucket_of(key := b"k%d" % n) == 0)
    bucket = running.server.store.catalog.buckets["default"]
    assert bucket.default_collection is not None
    bucket.default_collection.put(key, b"{}", xattrs=b'{"a":1}')
    await running.server.store.flushed()
    attributes = struct.pack(">I", 4) + b"a\0" + b"1\0"
    section = struct.pack(">I", len(attributes)) + attributes
    for flags, value, datatype in ((1, b"{}", 1), (1 | 4, section + b"{}", 1 | 4), (1 | 8, b"", 0)):
        client = await consumer(running, flags)
        client.writer.write(stream(0))
        while (found := await client.read()).opcode != Opcode.DCP_MUTATION:
            pass
        assert (found.value, found.datatype) == (value, datatype)
        assert struct.unpack_from(">QQ", found.extras) == (1, 1)


async def test_a_deletion_says_when_to_consumers_that_know_collections(running: Running) -> None:
    key = next(key for n in range(99) if vbucket_of(key := b"k%d" % n) == 0)
    await write(running, frame(Opcode.SET, key, b"1", FLAGS), frame(Opcode.DELETE, key))
    for features, extras_size in (((), 18), ((Feature.COLLECTIONS,), 21)):
        client = await consumer(running, 1, *features)
        client.writer.write(stream(0))
        while (found := await client.read()).opcode != Opcode.DCP_DELETION:
            pass
        assert len(found.extras) == extras_size
        assert struct.unpack_from(">QQ", found.extras) == (2, 2)
        if features:
            (deleted_s,) = struct.unpack_from(">I", found.extras, 16)
            assert deleted_s == found.cas // 1_000_000_000


async def test_a_consumer_that_does_not_read_is_not_asked_again_and_again(
    running: Running,
) -> None:
    """Else what it is asked would fill the memory."""
    client = await consumer(running)
    (connection,) = running.server.service.connections
    assert connection.producer is not None
    sent: list[int] = []
    connection.producer._send = lambda *_: sent.append(1)  # type: ignore[method-assign]
    assert (await client.ask(control(b"set_noop_interval", b"0.01"))).status == 0
    connection.pause_writing()
    before = len(sent)
    await asyncio.sleep(0.1)
    assert len(sent) <= before + 1
    connection.resume_writing()
    async with asyncio.timeout(5):
        while len(sent) < before + 3:  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.001)
