"""What HELLO may add: compression, durations, map push; and durable writes nobody sees early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import cramjam
import msgspec
import pytest
from tests.couchbase.kv.raw import FLAGS, Running, frame, serving

from cloudlet.couchbase.kv import connection, durations
from cloudlet.couchbase.kv.protocol import SNAPPY, Feature, Opcode, Status
from cloudlet.storage.documents import BucketSettings


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path) as server:
        yield server


def snappy(value: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(value))


@pytest.mark.parametrize(
    ("value", "datatype"),
    [
        (b'{"a":1}' + b" " * 100, 1),
        (b"[" + b"1," * 400_000 + b"1]", 1),
        (b"\xff" * 800_000, 0),
        (b'"' + "é".encode() * 400_000 + b'"', 1),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
async def test_values_of_all_sizes_are_expanded_and_classified(
    running: Running, value: bytes, datatype: int, compressed: bool
) -> None:
    client = await (await running.client()).enter((Feature.SNAPPY, Feature.JSON))
    sent = snappy(value) if compressed else value
    bits = SNAPPY if compressed else 0
    stored = frame(Opcode.SET, b"k", sent, FLAGS, datatype=bits)
    client.writer.write(stored + frame(Opcode.GET, b"k", opaque=2))
    assert (await client.read()).status == 0
    found = await client.read()
    assert (found.opaque, found.value, found.datatype) == (2, value, datatype)


@pytest.mark.parametrize(
    ("sent", "features", "status"),
    [
        (b"\xff\xff\xff\xff\xff\xff", (Feature.SNAPPY,), Status.INVALID),
        (b"\x05abc", (Feature.SNAPPY,), Status.INVALID),
        (b"\x80\x80\x80\x20abc", (Feature.SNAPPY,), Status.TOO_BIG),
        (snappy(b"1"), (), Status.INVALID),
    ],
)
async def test_what_is_not_snappy_is_refused(
    running: Running, sent: bytes, features: tuple[int, ...], status: int
) -> None:
    client = await (await running.client()).enter(features)
    answer = await client.ask(frame(Opcode.SET, b"k", sent, FLAGS, datatype=SNAPPY))
    assert answer.status == status
    assert (await client.ask(frame(Opcode.NOOP))).status == 0


async def test_answers_say_how_long_they_took(running: Running) -> None:
    client = await (await running.client()).enter((Feature.TRACING,))
    stored = await client.ask(frame(Opcode.SET, b"k", b"1", FLAGS))
    assert (stored.magic, stored.status, len(stored.framing)) == (0x18, 0, 3)
    encoded = int.from_bytes(stored.framing[1:], "big")
    microseconds = encoded**1.74 / 2
    # The answer waited for the disk.
    assert 50 < microseconds < 5_000_000
    found = await client.ask(frame(Opcode.GET, b"k"))
    assert found.value == b"1"


def test_durations_are_exact_to_some_per_cent() -> None:
    for microseconds in (5, 100, 10_000, 1_000_000, 100_000_000):
        decoded = durations.encoded(microseconds / 1e6) ** 1.74 / 2
        assert abs(decoded - microseconds) / microseconds < 0.2
    assert durations.encoded(1e9) == 0xFFFF


async def test_a_change_of_the_configuration_is_pushed(running: Running) -> None:
    features = (Feature.CLUSTERMAP_CHANGE, Feature.DUPLEX, Feature.JSON)
    client = await (await running.client()).enter(features)
    catalog = running.server.store.catalog
    await catalog.create_scope(catalog.buckets["default"], "made")
    pushed = await asyncio.wait_for(client.read(), 5)
    config = msgspec.json.decode(pushed.value)
    assert (pushed.magic, pushed.opcode, pushed.key) == (0x82, 0x01, b"default")
    assert int.from_bytes(pushed.extras[8:], "big") == config["rev"]
    assert config["collectionsManifestUid"] == "1"


@pytest.mark.parametrize("level", [2, 3])
async def test_a_durable_write_is_seen_when_it_is_on_disk(running: Running, level: int) -> None:
    writer = await (await running.client()).enter((Feature.SYNC_REPLICATION, Feature.ALT_REQUEST))
    other = await (await running.client()).enter((Feature.XERROR,))
    await writer.ask(frame(Opcode.SET, b"k", b"1", FLAGS))
    bucket = running.server.store.catalog.buckets["default"]
    collection = bucket.collections[0]
    durable = bytes((0x11, level))
    held = asyncio.Event()
    loop = asyncio.get_running_loop()
    database = running.server.store.database
    # The disk takes its time.
    blocked = loop.run_in_executor(None, lambda: database.submit(lambda _: _wait(held)).result())
    await asyncio.sleep(0.05)
    writer.writer.write(frame(Opcode.SET, b"k", b"2", FLAGS, framing=durable))
    while b"k" not in collection.prepared:  # noqa: ASYNC110
        await asyncio.sleep(0)
    seqno = collection.visible_seqno
    assert (await other.ask(frame(Opcode.GET, b"k"))).value == b"1"
    for opcode, extras in ((Opcode.SET, FLAGS), (Opcode.DELETE, b""), (Opcode.GET_LOCKED, b"")):
        refused = await other.ask(frame(opcode, b"k", b"3" if extras else b"", extras))
        assert refused.status == Status.SYNC_WRITE_IN_PROGRESS
    held.set()
    await blocked
    assert (await asyncio.wait_for(writer.read(), 5)).status == 0
    assert (await other.ask(frame(Opcode.GET, b"k"))).value == b"2"
    assert collection.visible_seqno > seqno


def _wait(held: asyncio.Event) -> None:
    import time

    while not held.is_set():
        time.sleep(0.001)


async def test_who_does_not_authenticate_is_sent_away(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AUTHENTICATION_S", 0.1)
    stranger = await running.client()
    known = await (await running.client()).enter()
    assert await stranger.closed()
    assert (await known.ask(frame(Opcode.NOOP))).status == 0


async def test_an_ephemeral_buckets_documents_end_with_the_process(tmp_path: Path) -> None:
    settings = BucketSettings(bucket_type="ephemeral", eviction_policy="noEviction")
    async with serving(tmp_path) as running:
        await running.server.store.catalog.create_bucket("fast", settings)
        client = await (await running.client()).enter(
            (Feature.MUTATION_SEQNO, Feature.ALT_REQUEST), b"fast"
        )
        first = await client.ask(frame(Opcode.SET, b"k", b"1", FLAGS))
        assert (await client.ask(frame(Opcode.GET, b"k"))).value == b"1"
        level = await client.ask(frame(Opcode.SET, b"k", b"1", FLAGS, framing=b"\x11\x03"))
        assert level.status == Status.DURABILITY_INVALID_LEVEL
    async with serving(tmp_path) as running:
        client = await (await running.client()).enter((Feature.MUTATION_SEQNO,), b"fast")
        assert (await client.ask(frame(Opcode.GET, b"k"))).status == Status.NOT_FOUND
        second = await client.ask(frame(Opcode.SET, b"k", b"1", FLAGS))
        assert first.extras[:8] != second.extras[:8]


@pytest.mark.parametrize(
    ("policy", "status"), [("noEviction", Status.NO_MEMORY), ("nruEviction", Status.SUCCESS)]
)
async def test_a_full_ephemeral_bucket(tmp_path: Path, policy: str, status: int) -> None:
    settings = BucketSettings(bucket_type="ephemeral", eviction_policy=policy, ram_quota_mb=1)
    async with serving(tmp_path) as running:
        bucket = await running.server.store.catalog.create_bucket("fast", settings)
        client = await (await running.client()).enter((), b"fast")
        for at in range(30):
            answer = await client.ask(frame(Opcode.SET, b"%d" % at, b"x" * 100_000, FLAGS))
        assert answer.status == status
        assert bucket.used_bytes < 2_200_000
