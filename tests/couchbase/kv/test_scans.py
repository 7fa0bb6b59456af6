from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.couchbase.kv.raw import FLAGS, Client, Running, frame, serving

from cloudlet.couchbase.kv.protocol import Feature, Opcode, Status, vbucket_of

VBUCKET = 5
KEYS = sorted(key for n in range(3000) if vbucket_of(key := b"k-%04d" % n) == VBUCKET)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path, "memory") as server:
        yield server


@pytest.fixture
async def client(running: Running) -> Client:
    client = await (await running.client()).enter((Feature.JSON,))
    for n in range(3000):
        client.writer.write(frame(Opcode.SET, b"k-%04d" % n, b'{"n":%d}' % n, FLAGS))
    for _ in range(3000):
        assert (await client.read()).status == 0
    return client


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def create(wanted: dict[str, Any]) -> bytes:
    return frame(Opcode.RANGE_SCAN_CREATE, value=msgspec.json.encode(wanted), vbucket=VBUCKET)


EVERYTHING = {"range": {"start": text(b"k"), "end": text(b"l")}}


async def read(
    client: Client, ident: bytes, items: int = 0, size: int = 0
) -> tuple[int, list[bytes]]:
    """One continue: its last status, and the keys or documents it gave."""
    extras = struct.pack(">16sIII", ident, items, 0, size)
    client.writer.write(frame(Opcode.RANGE_SCAN_CONTINUE, extras=extras, vbucket=VBUCKET))
    found: list[bytes] = []
    while True:
        answer = await client.read()
        data = answer.value
        while data:
            if answer.extras == bytes(4):
                found.append(data[1 : 1 + data[0]])
                data = data[1 + data[0] :]
            else:
                size_at = 26 + data[25]
                found.append(data[size_at + 1 : size_at + 1 + data[size_at]])
                data = data[size_at + 1 + data[size_at] :]
        if answer.status:
            return answer.status, found


async def test_a_range_is_given_in_order_and_in_parts(client: Client) -> None:
    made = await client.ask(create({**EVERYTHING, "key_only": True}))
    found: list[bytes] = []
    status = Status.RANGE_SCAN_MORE
    while status == Status.RANGE_SCAN_MORE:
        status, part = await read(client, made.value, items=10)
        assert len(part) <= 10
        found += part
    assert (status, found) == (Status.RANGE_SCAN_COMPLETE, KEYS)
    assert (await read(client, made.value))[0] == Status.NOT_FOUND


async def test_documents_come_with_their_values(client: Client) -> None:
    made = await client.ask(create(EVERYTHING))
    status, found = await read(client, made.value)
    assert status == Status.RANGE_SCAN_COMPLETE
    assert found == [b'{"n":%d}' % int(key[2:]) for key in KEYS]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"start": text(KEYS[3]), "end": text(KEYS[6])}, KEYS[3:7]),
        ({"excl_start": text(KEYS[3]), "end": text(KEYS[6])}, KEYS[4:7]),
        ({"start": text(KEYS[3]), "excl_end": text(KEYS[6])}, KEYS[3:6]),
        ({"excl_start": text(KEYS[3]), "excl_end": text(KEYS[6])}, KEYS[4:6]),
    ],
)
async def test_bounds(client: Client, bounds: dict[str, str], expected: list[bytes]) -> None:
    made = await client.ask(create({"range": bounds, "key_only": True}))
    assert (await read(client, made.value))[1] == expected


async def test_a_sample_is_random_but_repeatable(client: Client) -> None:
    drawn = []
    for seed in (1, 1, 2):
        wanted = {"sampling": {"samples": 7, "seed": seed}, "key_only": True}
        made = await client.ask(create(wanted))
        drawn.append((await read(client, made.value))[1])
    assert len(set(drawn[0])) == 7
    assert drawn[0] == drawn[1] != drawn[2]


async def test_what_was_deleted_or_cancelled_is_not_given(client: Client) -> None:
    made = await client.ask(create({**EVERYTHING, "key_only": True}))
    await client.ask(frame(Opcode.DELETE, KEYS[0]))
    assert (await read(client, made.value))[1] == KEYS[1:]
    made = await client.ask(create(EVERYTHING))
    cancelled = frame(Opcode.RANGE_SCAN_CANCEL, extras=made.value)
    assert (await client.ask(cancelled)).status == 0
    assert (await client.ask(cancelled)).status == Status.NOT_FOUND


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({}, Status.INVALID),
        ({"range": {"start": "?", "end": "?"}}, Status.INVALID),
        ({"range": {"start": text(b"a")}}, Status.INVALID),
        ({"range": {"start": text(b"a"), "end": text(b"b")}}, Status.NOT_FOUND),
        ({**EVERYTHING, "collection": "77"}, Status.UNKNOWN_COLLECTION),
        ({**EVERYTHING, "collection": "no"}, Status.INVALID),
        ({"sampling": {"samples": 0}}, Status.INVALID),
        ({**EVERYTHING, "snapshot_requirements": {"vb_uuid": "1", "seqno": 1}},
         Status.VBUCKET_UUID_DIFFERS),
    ],
)  # fmt: skip
async def test_refusals(client: Client, wanted: dict[str, Any], status: int) -> None:
    assert (await client.ask(create(wanted))).status == status


async def test_a_snapshot_waits_for_its_sequence_number(running: Running, client: Client) -> None:
    bucket = running.server.store.catalog.buckets["default"]
    uuid = str(bucket.vbucket_uuid)
    await client.ask(frame(Opcode.SET, KEYS[0], b"1", FLAGS))
    for seqno, timeout, status in (
        (bucket.high_seqno, 2000, Status.SUCCESS),
        (bucket.high_seqno + 9, 20, Status.TEMPORARY_FAILURE),
    ):
        required = {"vb_uuid": uuid, "seqno": seqno, "timeout_ms": timeout}
        answer = await client.ask(create({**EVERYTHING, "snapshot_requirements": required}))
        assert answer.status == status
