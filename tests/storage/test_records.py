from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

import msgspec
import pytest

from cloudlet.storage.records import Change, Records


class Thing(msgspec.Struct, frozen=True):
    name: str
    size: int = 0


@pytest.fixture
def records(tmp_path: Path):
    made = Records(tmp_path / "records.db")
    yield made
    made.close()


async def test_records_are_kept_by_account_and_region(records: Records) -> None:
    things = records.table("thing", Thing)
    await things.put("1", "eu", "a", Thing("one"))
    await things.put("2", "eu", "a", Thing("other"))
    assert things.get("1", "eu", "a") == Thing("one")
    assert things.get("1", "us", "a") is None
    assert {(account, id_) for account, _, id_, _ in things.everywhere()} == {
        ("1", "a"),
        ("2", "a"),
    }


async def test_scan_is_ordered_and_by_prefix(records: Records) -> None:
    things = records.table("thing", Thing)
    for id_ in ("b/2", "a/1", "b/1"):
        await things.put("1", "eu", id_, Thing(id_))
    assert [id_ for id_, _ in things.scan("1", "eu")] == ["a/1", "b/1", "b/2"]
    assert [id_ for id_, _ in things.scan("1", "eu", "b/")] == ["b/1", "b/2"]


async def test_they_are_there_after_a_restart(tmp_path: Path) -> None:
    first = Records(tmp_path / "r.db")
    await first.table("thing", Thing).put("1", "eu", "a", Thing("kept", 7))
    await first.table("thing", Thing).put("1", "eu", "b", Thing("gone"))
    await first.table("thing", Thing).delete("1", "eu", "b")
    first.close()
    second = Records(tmp_path / "r.db")
    assert second.table("thing", Thing).scan("1", "eu") == [("a", Thing("kept", 7))]
    second.close()


async def test_of_two_concurrent_creations_the_second_sees_the_first(records: Records) -> None:
    things = records.table("thing", Thing)

    async def create(name: str) -> bool:
        if things.get("1", "eu", "a") is not None:
            return False
        await things.put("1", "eu", "a", Thing(name))
        return True

    assert sorted(await asyncio.gather(create("x"), create("y"))) == [False, True]


async def test_a_commit_that_fails_is_undone_in_memory_too(records: Records) -> None:
    things, others = records.table("thing", Thing), records.table("other", Thing)
    await things.put("1", "eu", "a", Thing("old"))
    with mock.patch.object(records.database, "_commit", failing_commit), pytest.raises(OSError):
        await records.commit(
            Change(things, "1", "eu", "a", Thing("new")), Change(others, "1", "eu", "b", Thing("b"))
        )
    assert things.get("1", "eu", "a") == Thing("old")
    assert others.get("1", "eu", "b") is None


def failing_commit(group) -> None:
    for _, future in group:
        future.set_exception(OSError("disk full"))


async def test_clear_empties_every_table(records: Records) -> None:
    things = records.table("thing", Thing)
    await things.put("1", "eu", "a", Thing("x"))
    await records.clear()
    assert things.scan("1", "eu") == []
