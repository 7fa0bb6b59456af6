from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.couchbase.kv.raw import FLAGS, HEADER, Running, frame, serving

from cloudlet.couchbase.kv.protocol import Feature, Opcode, Status


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path) as server:
        yield server


BEFORE_AUTHENTICATION = {
    Opcode.NOOP,
    Opcode.VERSION,
    Opcode.HELLO,
    Opcode.SASL_LIST_MECHS,
    Opcode.GET_ERROR_MAP,
    Opcode.QUIT,
}


async def test_a_stranger_may_only_authenticate(running: Running) -> None:
    client = await running.client()
    for opcode in range(256):
        if opcode in (Opcode.QUIT, Opcode.NOOP):
            continue
        answer = await client.ask(frame(opcode, b"k", opaque=opcode))
        assert answer.opaque == opcode
        if opcode not in BEFORE_AUTHENTICATION:
            assert answer.status in (Status.AUTH_ERROR, Status.UNKNOWN_COMMAND)
    assert (await client.ask(frame(Opcode.NOOP))).status == 0


async def test_every_opcode_answers_whatever_it_is_sent(running: Running) -> None:
    client = await (await running.client()).enter((Feature.COLLECTIONS, Feature.XERROR))
    dice = random.Random(7)
    for opcode in range(256):
        if opcode in (Opcode.QUIT, Opcode.GETQ, Opcode.STAT):
            continue
        for size in (0, 1, 3, 8, 21):
            extras = dice.randbytes(size)
            key, value = dice.randbytes(dice.randrange(12)), dice.randbytes(dice.randrange(40))
            answer = await client.ask(frame(opcode, key, value, extras, opaque=size))
            assert (answer.opcode, answer.opaque) == (opcode, size)
            assert answer.status != Status.INTERNAL, hex(opcode)
        if opcode == Opcode.SASL_AUTH:
            await client.enter((Feature.COLLECTIONS, Feature.XERROR))
        if opcode == Opcode.HELLO:
            await client.enter((Feature.COLLECTIONS, Feature.XERROR))


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n",
        HEADER.pack(0x80, Opcode.GET, 50, 0, 0, 0, 10, 0, 0) + bytes(10),
        HEADER.pack(0x80, Opcode.GET, 5, 200, 0, 0, 10, 0, 0) + bytes(10),
        HEADER.pack(0x81, Opcode.GET, 0, 0, 0, 0, 0, 0, 0),
        HEADER.pack(0x80, Opcode.SET, 1, 8, 0, 0, 31 * 1024 * 1024, 0, 0),
    ],
)
async def test_a_malformed_frame_ends_only_its_connection(running: Running, sent: bytes) -> None:
    bystander = await (await running.client()).enter()
    client = await (await running.client()).enter()
    client.writer.write(sent)
    assert await client.closed()
    assert (await bystander.ask(frame(Opcode.NOOP))).status == 0


async def test_a_strangers_large_frame_ends_the_connection(running: Running) -> None:
    client = await running.client()
    client.writer.write(HEADER.pack(0x80, Opcode.SASL_AUTH, 5, 0, 0, 0, 100_000, 0, 0))
    assert await client.closed()


async def test_frames_in_pieces_are_put_together(running: Running) -> None:
    client = await (await running.client()).enter()
    sent = frame(Opcode.SET, b"k", b'{"a":1}', FLAGS, opaque=1) + frame(Opcode.GET, b"k", opaque=2)
    for at in range(len(sent)):
        client.writer.write(sent[at : at + 1])
        await client.writer.drain()
        await asyncio.sleep(0)
    assert (await client.read()).opaque == 1
    assert (await client.read()).value == b'{"a":1}'


async def test_a_truncated_frame_and_a_lost_client_leave_nothing(running: Running) -> None:
    client = await (await running.client()).enter()
    client.writer.write(frame(Opcode.SET, b"k", b"1" * 100, FLAGS)[:-1])
    await client.writer.drain()
    client.writer.close()
    bystander = await (await running.client()).enter()
    assert (await bystander.ask(frame(Opcode.GET, b"k"))).status == Status.NOT_FOUND
    assert len(running.server.service.connections) == 1


@pytest.mark.parametrize("acknowledge", ["persisted", "memory"])
async def test_pipelined_answers_come_in_order(tmp_path: Path, acknowledge: str) -> None:
    async with serving(tmp_path, acknowledge) as running:  # type: ignore[arg-type]
        client = await (await running.client()).enter()
        frames = []
        for number in range(2000):
            value = b"%d" % number
            frames.append(frame(Opcode.SET, b"k", value, FLAGS, opaque=number * 2))
            frames.append(frame(Opcode.GET, b"k", opaque=number * 2 + 1))
        client.writer.write(b"".join(frames))
        for number in range(2000):
            assert (await client.read()).opaque == number * 2
            got = await client.read()
            assert (got.opaque, got.value) == (number * 2 + 1, b"%d" % number)


async def test_persisted_answers_wait_for_the_disk(running: Running) -> None:
    client = await (await running.client()).enter()
    database = running.server.store.database
    for number in range(20):
        await client.ask(frame(Opcode.SET, b"k%d" % number, b"1", FLAGS))
        count = database.reader.execute("SELECT count(*) FROM documents").fetchone()
        assert count == (number + 1,)


async def test_a_client_that_never_reads_is_not_kept_in_memory(running: Running) -> None:
    bystander = await (await running.client()).enter()
    value = b'"' + b"x" * 1_000_000 + b'"'
    await bystander.ask(frame(Opcode.SET, b"large", value, FLAGS))
    client = await (await running.client()).enter()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.writer.write(frame(Opcode.GET, b"large") * 2000)
    for _ in range(50):
        assert (await bystander.ask(frame(Opcode.NOOP))).status == 0
        await asyncio.sleep(0.005)
    buffered = [
        one._transport.get_write_buffer_size()
        for one in running.server.service.connections
        if one._transport is not None
    ]
    assert max(buffered) < 8_000_000


async def test_requests_of_another_vbucket_get_the_configuration(running: Running) -> None:
    client = await (await running.client()).enter()
    answer = await client.ask(frame(Opcode.GET, b"k", vbucket=64))
    assert answer.status == Status.NOT_MY_VBUCKET
    assert b'"vBucketServerMap"' in answer.value


async def test_collections_are_named_by_ids_in_keys(running: Running) -> None:
    client = await (await running.client()).enter((Feature.COLLECTIONS,))
    catalog = running.server.store.catalog
    bucket = catalog.bucket("default")
    await catalog.create_scope(bucket, "s")
    await catalog.create_collection(bucket, "s", "c")
    answer = await client.ask(frame(Opcode.GET_COLLECTION_ID, value=b"s.c"))
    manifest, uid = struct.unpack(">QI", answer.extras)
    assert (manifest, answer.status) == (bucket.manifest_uid, 0)
    key = bytes([uid]) + b"k"
    assert (await client.ask(frame(Opcode.SET, key, b"1", FLAGS))).status == 0
    assert (await client.ask(frame(Opcode.GET, b"\0k"))).status == Status.NOT_FOUND
    assert (await client.ask(frame(Opcode.GET, key))).value == b"1"
    unknown = await client.ask(frame(Opcode.GET, b"\x55k"))
    assert unknown.status == Status.UNKNOWN_COLLECTION
    for path, status in ((b"s.x", Status.UNKNOWN_COLLECTION), (b"x.c", Status.UNKNOWN_SCOPE)):
        answer = await client.ask(frame(Opcode.GET_COLLECTION_ID, value=path))
        assert answer.status == status


@pytest.mark.parametrize(
    ("framing", "status"),
    [
        (b"\x11\x01", 0),
        (b"\x11\x03", 0),
        (b"\x13\x02\x00\x64", 0),
        (b"\x50", 0),
        (b"\x11\x09", Status.DURABILITY_INVALID_LEVEL),
        (b"\x12\x01\x00", Status.INVALID),
        (b"\x13\x01", Status.INVALID),
        (b"\xa0", Status.UNKNOWN_FRAME_INFO),
    ],
)
async def test_framing_extras(running: Running, framing: bytes, status: int) -> None:
    client = await (await running.client()).enter((Feature.ALT_REQUEST, Feature.SYNC_REPLICATION))
    answer = await client.ask(frame(Opcode.SET, b"k", b"1", FLAGS, framing=framing))
    assert answer.status == status


async def test_hello_grants_only_what_was_asked_for(running: Running) -> None:
    client = await running.client()
    asked = struct.pack(">4H", 0x0E, 0x1F, Feature.XERROR, Feature.JSON)
    answer = await client.ask(frame(Opcode.HELLO, b"raw", asked))
    assert answer.value == struct.pack(">2H", Feature.XERROR, Feature.JSON)


async def test_a_dropped_buckets_connections_are_closed(running: Running) -> None:
    from cloudlet.storage.documents import BucketSettings

    catalog = running.server.store.catalog
    bucket = await catalog.create_bucket("short", BucketSettings())
    client = await (await running.client()).enter(bucket=b"short")
    await catalog.drop_bucket(bucket)
    assert await client.closed()


@pytest.mark.parametrize("allowed", [True, False])
async def test_clients_of_2016_enter_by_a_buckets_name_where_that_is_on(
    tmp_path: Path, allowed: bool
) -> None:
    async with serving(tmp_path, bucket_names_authenticate=allowed) as running:
        client = await running.client()
        answer = await client.ask(frame(Opcode.SASL_AUTH, b"PLAIN", b"\0default\0"))
        assert (answer.status == 0) is allowed
        if allowed:
            assert (await client.ask(frame(Opcode.SET, b"k", b"1", FLAGS))).status == 0
            assert b'"name":"default"' in (await client.ask(frame(Opcode.GET_CLUSTER_CONFIG))).value
        wrong = await running.client()
        for plain in (b"\0default\0x", b"\0Administrator\0", b"\0none\0"):
            answer = await wrong.ask(frame(Opcode.SASL_AUTH, b"PLAIN", plain))
            assert answer.status == Status.AUTH_ERROR
