"""OBSERVE and OBSERVE_SEQNO: what is on disk, asked by clients of before durability levels."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.couchbase.kv.raw import FLAGS, Client, Running, frame, serving

from cloudlet.couchbase.kv.protocol import Feature, Opcode, Status
from cloudlet.couchbase.kv.reads import OBSERVED_KEYS


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path, "memory") as server:
        yield server


def asked(*keys: bytes, vbucket: int = 0) -> bytes:
    return b"".join(struct.pack(">HH", vbucket, len(key)) + key for key in keys)


async def states(client: Client, *keys: bytes) -> list[tuple[int, int]]:
    """State and CAS of each key, after a check that the answer names them as they were asked."""
    answer = await client.ask(frame(Opcode.OBSERVE, value=asked(*keys)))
    assert answer.status == 0
    found, at = [], 0
    for key in keys:
        vbucket, size = struct.unpack_from(">HH", answer.value, at)
        assert (vbucket, answer.value[at + 4 : at + 4 + size]) == (0, key)
        found.append(struct.unpack_from(">BQ", answer.value, at + 4 + size))
        at += 4 + size + 9
    assert at == len(answer.value)
    return found


async def test_a_keys_state_follows_it_to_the_disk(running: Running) -> None:
    client = await (await running.client()).enter()
    assert await states(client, b"k", b"gone") == [(0x80, 0), (0x80, 0)]
    await client.ask(frame(Opcode.SET, b"gone", b"1", FLAGS))
    await running.server.store.flushed()
    client.writer.write(frame(Opcode.SET, b"k", b"1", FLAGS) + frame(Opcode.DELETE, b"gone"))
    client.writer.write(frame(Opcode.OBSERVE, value=asked(b"k", b"gone")))
    cas = (await client.read()).cas
    assert (await client.read()).status == 0
    observed = (await client.read()).value
    assert struct.unpack_from(">BQ", observed, 5) == (0x00, cas)
    assert struct.unpack_from(">BQ", observed, len(observed) - 9) == (0x81, 0)
    await running.server.store.flushed()
    assert await states(client, b"k", b"gone") == [(0x01, cas), (0x80, 0)]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b"", Status.SUCCESS),
        (b"\0\0\0", Status.INVALID),
        (asked(b"k")[:-1], Status.INVALID),
        (asked(b"\0k", vbucket=64), Status.NOT_MY_VBUCKET),
        (asked(b"\x77k"), Status.UNKNOWN_COLLECTION),
        (asked(b"\0"), Status.INVALID),
        (asked(*[b"\0k"] * OBSERVED_KEYS), Status.SUCCESS),
        (asked(*[b"\0k"] * (OBSERVED_KEYS + 1)), Status.TOO_BIG),
    ],
    ids=["nothing", "head", "key", "vbucket", "collection", "empty key", "many", "too many"],
)
async def test_refusals(running: Running, value: bytes, status: int) -> None:
    client = await (await running.client()).enter((Feature.COLLECTIONS,))
    assert (await client.ask(frame(Opcode.OBSERVE, value=value))).status == status


async def test_sequence_numbers_of_this_history_and_of_earlier_ones(running: Running) -> None:
    client = await (await running.client()).enter()
    bucket = running.server.store.catalog.buckets["default"]
    for key in (b"a", b"b"):
        await client.ask(frame(Opcode.SET, key, b"1", FLAGS))
    await running.server.store.flushed()

    async def observed(uuid: int) -> tuple[int, bytes]:
        answer = await client.ask(
            frame(Opcode.OBSERVE_SEQNO, value=struct.pack(">Q", uuid), vbucket=5)
        )
        return answer.status, answer.value

    first = bucket.vbucket_uuid
    assert await observed(first) == (0, struct.pack(">BHQQQ", 0, 5, first, 2, 2))
    bucket.begin_history()
    now = bucket.vbucket_uuid
    await client.ask(frame(Opcode.SET, b"c", b"1", FLAGS))
    await running.server.store.flushed()
    assert await observed(first) == (0, struct.pack(">BHQQQQQ", 1, 5, now, 3, 3, first, 2))
    assert await observed(now) == (0, struct.pack(">BHQQQ", 0, 5, now, 3, 3))
    assert await observed(12345) == (Status.NOT_FOUND, b"")


async def test_sequence_numbers_are_refused_where_there_are_none(running: Running) -> None:
    client = await (await running.client()).enter()
    for value, vbucket, status in (
        (bytes(7), 0, Status.INVALID),
        (bytes(8), 64, Status.NOT_MY_VBUCKET),
    ):
        wrong = frame(Opcode.OBSERVE_SEQNO, value=value, vbucket=vbucket)
        assert (await client.ask(wrong)).status == status
    homeless = await running.client()
    await homeless.ask(frame(Opcode.SASL_AUTH, b"PLAIN", b"\0Administrator\0password"))
    for opcode, value in ((Opcode.OBSERVE_SEQNO, bytes(8)), (Opcode.OBSERVE, asked(b"k"))):
        assert (await homeless.ask(frame(opcode, value=value))).status == Status.NO_BUCKET
