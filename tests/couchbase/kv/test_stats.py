from __future__ import annotations

from pathlib import Path

import pytest
from tests.couchbase.kv.raw import FLAGS, Client, frame, serving

from cloudlet.couchbase.kv.protocol import Opcode, Status
from cloudlet.couchbase.kv.stats import _GROUPS


async def figures(client: Client, group: bytes) -> dict[str, str]:
    client.writer.write(frame(Opcode.STAT, group))
    found = {}
    while (one := await client.read()).key:
        found[one.key.decode()] = one.value.decode()
    assert one.status == 0
    return found


async def test_groups(tmp_path: Path) -> None:
    async with serving(tmp_path) as running:
        client = await (await running.client()).enter()
        await client.ask(frame(Opcode.SET, b"k", b"1", FLAGS))
        assert (await figures(client, b""))["curr_items"] == "1"
        assert (await figures(client, b"vbucket-seqno 3"))["vb_3:last_persisted_seqno"] == "1"
        assert (await figures(client, b"collections"))["0x0:0x0:items"] == "1"
        assert (await figures(client, b"scopes _default"))["0x0:collections"] == "1"
        for group in (b"memory", b"vbucket", b"vbucket-details", b"failovers", b"uuid"):
            assert await figures(client, group)
        assert list(await figures(client, b"vbucket 3")) == ["vb_3"]
        bucket = running.server.store.catalog.buckets["default"]
        failovers = await figures(client, b"failovers 63")
        assert failovers["vb_63:0:id"] == str(bucket.vbucket_uuid)
        assert (await figures(client, b"uuid"))["uuid"] == bucket.uuid
        assert list(await figures(client, b"collections nowhere")) == ["manifest_uid"]


async def test_a_buckets_figures_are_of_a_bucket(tmp_path: Path) -> None:
    async with serving(tmp_path) as running:
        client = await running.client()
        await client.ask(frame(Opcode.SASL_AUTH, b"PLAIN", b"\0Administrator\0password"))
        for group in _GROUPS:
            if group:
                refused = await client.ask(frame(Opcode.STAT, group.encode()))
                assert refused.status == Status.NO_BUCKET, group
        assert "curr_items" not in await figures(client, b"")


@pytest.mark.parametrize(
    ("group", "status"),
    [
        (b"unheard-of", Status.NOT_FOUND),
        (b"vbucket x", Status.INVALID),
        (b"vbucket -1", Status.INVALID),
        ("vbucket \u00b2".encode(), Status.INVALID),
        (b"vbucket " + b"9" * 5000, Status.INVALID),
        (b"vbucket 99", Status.NOT_MY_VBUCKET),
        (b"vbucket-details 64", Status.NOT_MY_VBUCKET),
        (b"vbucket-seqno x", Status.INVALID),
        (b"failovers \xff", Status.INVALID),
    ],
)
async def test_refusals(tmp_path: Path, group: bytes, status: int) -> None:
    async with serving(tmp_path) as running:
        client = await (await running.client()).enter()
        assert (await client.ask(frame(Opcode.STAT, group))).status == status
