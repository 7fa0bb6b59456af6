from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cloudlet.storage.objects import NULL, Attributes, BucketTaken, ObjectStore, Versioning, model
from cloudlet.storage.objects.versions import is_well_formed, name_of, row_of

KEYS = ["a", "a/b", "a/c", "b", "é", "\U0001f600"]
LARGE = b"x" * 40_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    store = ObjectStore(tmp_path)
    await store.create_bucket("b")
    yield store
    await store.close()


async def put(
    store: ObjectStore, key: str, content: bytes, versioning: Versioning = "Enabled"
) -> str:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    received = await store.receive(chunks(), [])
    stored = await store.put("b", key, received, Attributes(), versioning=versioning)
    return stored.version


async def get(store: ObjectStore, key: str, version: str = "") -> bytes | None:
    """The content; None for what is not there or a delete marker."""
    opened = store.open("b", key, version)
    if opened is None or opened.about.is_marker:
        return None
    return b"".join([piece async for piece in store.read(opened, 0, opened.about.size)])


def test_a_version_id_leads_to_its_row() -> None:
    for row in (1, 2**40, 2**63 - 1):
        version = name_of(row)
        assert (is_well_formed(version), row_of(version)) == (True, row)
        assert name_of(row) != version


@dataclass
class Naive:
    """Versions as AWS documents them: a list a key, the latest first."""

    kept: dict[str, list[tuple[str, bytes | None]]] = field(default_factory=dict)

    def add(self, key: str, version: str, content: bytes | None) -> None:
        there = [one for one in self.kept.get(key, []) if version != NULL or one[0] != NULL]
        self.kept[key] = [(version, content), *there]

    def remove(self, key: str, version: str) -> None:
        self.kept[key] = [one for one in self.kept.get(key, []) if one[0] != version]

    def get(self, key: str) -> bytes | None:
        there = self.kept.get(key)
        return there[0][1] if there else None

    def listed(self, prefix: str, delimiter: str) -> list[Any]:
        found: list[Any] = []
        for key in sorted(self.kept, key=lambda key: key.encode()):
            rest = key[len(prefix) :]
            if not self.kept[key] or not key.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                rolled = prefix + rest.split(delimiter)[0] + delimiter
                if rolled not in found:
                    found.append(rolled)
                continue
            found += [
                (key, version, content is None, place == 0)
                for place, (version, content) in enumerate(self.kept[key])
            ]
        return found


async def listed(
    store: ObjectStore, limit: int, prefix: str = "", delimiter: str = ""
) -> list[Any]:
    """Every page of a listing, put together."""
    found: list[Any] = []
    after, version, is_prefix, more = "", "", False, True
    while more:
        page = await store.list_versions(
            "b", prefix=prefix, delimiter=delimiter, after=after, after_version=version,
            after_is_prefix=is_prefix, limit=limit,
        )  # fmt: skip
        assert page.count <= limit
        entries = [
            (one.key, (one.key, one.version, one.is_marker, one.id in page.latest))
            for one in page.entries
        ]
        both: list[Any] = [*entries, *((prefix, prefix) for prefix in page.prefixes)]
        both.sort(key=lambda one: one[0].encode())
        found += [one for _, one in both]
        after, version, is_prefix = page.last, page.last_version, page.last_is_prefix
        more = page.is_truncated
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_any_history_is_what_the_plain_definition_gives(
    store: ObjectStore, tmp_path: Path, seed: int
) -> None:
    chance, naive = random.Random(seed), Naive()
    for step in range(120):
        key = chance.choice(KEYS)
        versioning: Versioning = chance.choice(["Enabled", "Enabled", "Suspended"])
        act = chance.random()
        if act < 0.5:
            content = f"{step}".encode() + (LARGE if act < 0.1 else b"")
            naive.add(key, await put(store, key, content, versioning), content)
        elif act < 0.7:
            marker = await store.delete("b", key, versioning=versioning)
            assert marker is not None
            assert marker.is_marker
            naive.add(key, marker.version, None)
        else:
            version = chance.choice(naive.kept.get(key) or [(NULL, None)])[0]
            await store.delete_version("b", key, version)
            naive.remove(key, version)
        assert await get(store, key) == naive.get(key)
    for key, versions in naive.kept.items():
        for version, kept in versions:
            assert await get(store, key, version) == kept
    for limit in (1, 3, 1000):
        for prefix, delimiter in (("", ""), ("", "/"), ("a/", "/")):
            found = await listed(store, limit, prefix, delimiter)
            assert found == naive.listed(prefix, delimiter)
    page = await store.list_keys("b")
    assert [one.key for one in page.entries] == sorted(
        (key for key in naive.kept if naive.get(key) is not None), key=lambda key: key.encode()
    )
    with pytest.raises(BucketTaken):
        await store.delete_bucket("b")
    for key, versions in naive.kept.items():
        for version, _ in versions:
            await store.delete_version("b", key, version)
    await store.delete_bucket("b")
    await store._files.run(lambda: None)
    index = sqlite3.connect(tmp_path / "objects.db")
    for table in ("object", "version", "content", "file"):
        assert index.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    index.close()


async def test_a_listing_goes_on_where_the_last_page_was_deleted(store: ObjectStore) -> None:
    """Scripts that empty a bucket delete each page before they ask for the next."""
    await put(store, "k", b"", "")
    for _ in range(10):
        await put(store, "k", b"")
    after, version, emptied = "", "", 0
    for _ in range(11):
        page = await store.list_versions("b", after=after, after_version=version, limit=3)
        for one in page.entries:
            await store.delete_version("b", "k", one.version)
            emptied += 1
        after, version = page.last, page.last_version
        if not page.is_truncated:
            break
    assert emptied == 11
    await store.delete_bucket("b")


async def test_a_reader_keeps_its_version(store: ObjectStore) -> None:
    first = await put(store, "k", LARGE)
    opened = store.open("b", "k")
    assert opened is not None
    await put(store, "k", b"second")
    await store.delete_version("b", "k", first)
    reading = store.read(opened, 0, len(LARGE))
    assert b"".join([piece async for piece in reading]) == LARGE
    assert store.find("b", "k", first) is None


async def test_attributes_of_one_version_change(store: ObjectStore) -> None:
    first = await put(store, "k", b"1")
    second = await put(store, "k", b"2")
    await store.change("b", "k", lambda about: about.replace(tags={"t": "1"}), first)
    tagged = [(one, store.find("b", "k", one)) for one in (first, second)]
    assert [about.attributes.tags for _, about in tagged if about] == [{"t": "1"}, {}]


async def test_an_index_without_versions_is_taken_over(tmp_path: Path) -> None:
    index = sqlite3.connect(tmp_path / "objects.db")
    index.executescript(model.MIGRATIONS[0])
    index.execute("PRAGMA user_version=1")
    index.execute("INSERT INTO bucket VALUES (1, 'b')")
    about = model.encode(Attributes(metadata={"m": "1"}))
    index.execute("INSERT INTO object VALUES (7, 1, 'k', 3, 'e', 0, ?, NULL)", (about,))
    index.execute("INSERT INTO content VALUES (7, CAST('old' AS BLOB))")
    index.commit()
    index.close()
    store = ObjectStore(tmp_path)
    assert await get(store, "k") == b"old"
    new = await put(store, "k", b"new")
    assert (await get(store, "k", NULL), await get(store, "k", new)) == (b"old", b"new")
    assert row_of(new) == 8
    await store.close()
