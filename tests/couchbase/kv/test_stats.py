from __future__ import annotations

from pathlib import Path

import pytest
from tests.couchbase.kv.raw import FLAGS, Client, frame, serving

from cloudlet.couchbase.kv.protocol import Opcode, Status


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


@pytest.mark.parametrize(
    ("group", "status"),
    [
        (b"unheard-of", Status.NOT_FOUND),
        (b"vbucket x", Status.INVALID),
        (b"vbucket 99", Status.NOT_MY_VBUCKET),
    ],
)
async def test_refusals(tmp_path: Path, group: bytes, status: int) -> None:
    async with serving(tmp_path) as running:
        client = await (await running.client()).enter()
        assert (await client.ask(frame(Opcode.STAT, group))).status == status
