from __future__ import annotations

import asyncio
import hashlib
import os
import random
import threading
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloudlet.storage.objects import Attributes, BucketMissing, BucketTaken, ObjectStore
from cloudlet.storage.objects.digests import Digests, combine_full, multipart_etag
from cloudlet.storage.objects.files import THREADS
from cloudlet.storage.objects.listing import after_prefix

LARGE = random.Random(7).randbytes(3_500_000)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    store = ObjectStore(tmp_path)
    await store.create_bucket("b")
    yield store
    await store.close()


async def chunks(content: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def put(store: ObjectStore, key: str, content: bytes = b"x") -> str:
    received = await store.receive(chunks(content), ["CRC32"])
    return (await store.put("b", key, received, Attributes())).etag


async def get(store: ObjectStore, key: str, start: int = 0, stop: int | None = None) -> bytes:
    opened = store.open("b", key)
    assert opened is not None
    stop = opened.about.size if stop is None else stop
    return b"".join([piece async for piece in store.read(opened, start, stop)])


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and "objects.db" not in path.name]


async def settled(store: ObjectStore) -> None:
    """Wait for removals that nobody waits for: until every thread is here at once."""
    barrier = threading.Barrier(THREADS)
    await asyncio.gather(*(store._files.run(barrier.wait) for _ in range(THREADS)))


@pytest.mark.parametrize("content", [b"", b"small", LARGE[:32768], LARGE[:32769], LARGE])
async def test_content_comes_back(store: ObjectStore, content: bytes) -> None:
    received = await store.receive(chunks(content), ["CRC32", "SHA256"])
    summary = await store.put("b", "k", received, Attributes(metadata={"a": "1"}))
    assert summary.etag == hashlib.md5(content).hexdigest()
    assert await get(store, "k") == content
    found = store.find("b", "k")
    assert found is not None
    assert (found.size, found.attributes.metadata) == (len(content), {"a": "1"})


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (5, 5), (1_048_570, 1_048_590), (3_499_999, 3_500_000)]
)
async def test_ranges(store: ObjectStore, start: int, stop: int) -> None:
    await put(store, "k", LARGE)
    assert await get(store, "k", start, stop) == LARGE[start:stop]


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    first = ObjectStore(tmp_path)
    await first.create_bucket("b")
    await put(first, "small", b"s")
    await put(first, "large", LARGE)
    await first.close()
    second = ObjectStore(tmp_path)
    await second.sweep()
    assert await get(second, "small") == b"s"
    assert await get(second, "large") == LARGE
    await second.close()


async def test_what_a_crash_leaves_is_swept(tmp_path: Path) -> None:
    first = ObjectStore(tmp_path)
    await first.create_bucket("b")
    await put(first, "large", LARGE)
    dropped = await first.receive(chunks(LARGE), [])  # written, never put: incoming/
    unnamed = await first.receive(chunks(LARGE), [])
    await first._keep(unnamed.file or "")  # renamed, not in the index
    assert dropped.file
    assert len(files(tmp_path)) == 3
    await first.close()
    second = ObjectStore(tmp_path)
    assert await second.sweep() == 1
    assert len(files(tmp_path)) == 1
    assert await get(second, "large") == LARGE
    await second.close()


async def test_a_reader_keeps_what_it_opened(store: ObjectStore, tmp_path: Path) -> None:
    await put(store, "k", LARGE)
    opened = store.open("b", "k")
    assert opened is not None
    reading = store.read(opened, 0, len(LARGE))
    pieces = [await anext(reading)]
    await put(store, "k", LARGE[::-1])
    await store.delete("b", "k")
    pieces += [piece async for piece in reading]
    assert b"".join(pieces) == LARGE
    del reading
    await settled(store)
    assert files(tmp_path) == []


async def test_a_dropped_reader_lets_the_files_go(store: ObjectStore, tmp_path: Path) -> None:
    await put(store, "k", LARGE)
    opened = store.open("b", "k")
    assert opened is not None
    reading = store.read(opened, 0, len(LARGE))
    await anext(reading)
    await store.delete("b", "k")
    assert len(files(tmp_path)) == 1
    del reading
    await settled(store)  # the thread that was reading ahead
    await settled(store)  # the removal
    assert files(tmp_path) == []


async def test_a_broken_body_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield LARGE
        yield LARGE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.receive(broken(), [])
    assert files(tmp_path) == []
    assert store.find("b", "k") is None


async def test_a_condition_decides_inside_the_write(store: ObjectStore) -> None:
    def absent(found: object) -> None:
        if found is not None:
            raise FileExistsError

    async def attempt(content: bytes) -> bool:
        received = await store.receive(chunks(content), [])
        try:
            await store.put("b", "k", received, Attributes(), absent)
        except FileExistsError:
            return False
        return True

    outcomes = await asyncio.gather(*(attempt(LARGE[: 40_000 + i]) for i in range(10)))
    assert sum(outcomes) == 1


async def test_buckets_guard_their_objects(store: ObjectStore) -> None:
    await put(store, "k")
    with pytest.raises(BucketTaken):
        await store.delete_bucket("b")
    await store.delete("b", "k")
    await store.delete_bucket("b")
    with pytest.raises(BucketMissing):
        await put(store, "k")


async def test_copy_shares_the_bytes_but_not_the_fate(store: ObjectStore) -> None:
    await put(store, "k", LARGE)
    opened = store.open("b", "k")
    assert opened is not None
    await store.copy(opened, "b", "copy", Attributes())
    store.release(opened)
    await store.delete("b", "k")
    await settled(store)
    assert await get(store, "copy") == LARGE


KEYS = sorted(
    [
        "a",
        "a/b",
        "a/c/d",
        "a/c/e",
        "a//x",
        "a0",
        "b/",
        "é",
        "日本/x",
        "\U0001f600",
        "\uffff",
        " ",
        "+",
        "..",
    ],
    key=lambda key: key.encode(),
)


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("prefix", "delimiter"), [("", ""), ("", "/"), ("a/", "/"), ("a", ""), ("x", "/"), ("", "c/")]
)
async def test_listing_pages_equal_the_plain_definition(
    store: ObjectStore, limit: int, prefix: str, delimiter: str
) -> None:
    for key in KEYS:
        await put(store, key)
    expected: list[str] = []
    for key in (k for k in KEYS if k.startswith(prefix)):
        rest = key[len(prefix) :]
        rolled = (
            prefix + rest.split(delimiter)[0] + delimiter
            if delimiter and delimiter in rest
            else key
        )
        if rolled not in expected:
            expected.append(rolled)
    found: list[str] = []
    after, is_prefix, more = "", False, True
    while more:
        page = await store.list_keys(
            "b",
            prefix=prefix,
            delimiter=delimiter,
            after=after,
            after_is_prefix=is_prefix,
            limit=limit,
        )
        names = [entry.key for entry in page.entries] + page.prefixes
        assert len(names) <= limit
        found += sorted(names, key=lambda key: key.encode())
        after, is_prefix, more = page.last, page.last_is_prefix, page.is_truncated
    assert found == expected


def test_the_string_after_a_prefix() -> None:
    assert after_prefix("a/") == "a0"
    assert after_prefix("a\U0010ffff") == "b"
    assert after_prefix("\ud7ff") == "\ue000"
    assert after_prefix("") is None


async def test_multipart_is_one_object_of_several_files(store: ObjectStore, tmp_path: Path) -> None:
    upload = await store.create_upload("b", "big", Attributes(metadata={"m": "1"}))
    contents = [LARGE[:1_000_000], LARGE[1_000_000:2_000_000], b"tail"]
    for number, content in enumerate(contents, start=1):
        for _ in range(2):  # the second replaces the first
            received = await store.receive_part(chunks(content), ["CRC32"])
            assert await store.put_part(upload.id, number, received)
    extra = await store.receive_part(chunks(b"unused"), [])
    await store.put_part(upload.id, 9, extra)
    parts = (await store.parts(upload.id))[:3]
    etag = multipart_etag(part.etag for part in parts)
    assert store.find("b", "big") is None
    assert await store.complete_upload(upload.id, parts, etag, upload.attributes)
    whole = b"".join(contents)
    assert await get(store, "big") == whole
    assert await get(store, "big", 999_990, 2_000_003) == whole[999_990:2_000_003]
    await settled(store)
    assert len(files(tmp_path)) == 3
    again = store.find_upload(upload.id)
    assert again is not None
    assert again.completed == etag
    await store.delete("b", "big")
    await settled(store)
    assert files(tmp_path) == []


async def test_abort_removes_the_parts(store: ObjectStore, tmp_path: Path) -> None:
    upload = await store.create_upload("b", "big", Attributes())
    await store.put_part(upload.id, 1, await store.receive_part(chunks(b"x"), []))
    assert await store.abort_upload(upload.id)
    assert not await store.abort_upload(upload.id)
    late = await store.receive_part(chunks(b"y"), [])
    assert await store.put_part(upload.id, 2, late) is None
    await settled(store)
    assert files(tmp_path) == []


async def test_uploads_are_listed_by_key_and_age(store: ObjectStore) -> None:
    ids = [
        (await store.create_upload("b", key, Attributes())).id
        for key in ("a", "a", "d/x", "d/y", "z")
    ]
    page = await store.list_uploads("b", delimiter="/", limit=3)
    assert [entry.key for entry in page.entries] == ["a", "a"]
    assert (page.prefixes, page.is_truncated) == (["d/"], True)
    page = await store.list_uploads("b", after="a", after_id=page.entries[0].id)
    assert [entry.key for entry in page.entries] == ["a", "d/x", "d/y", "z"]
    page = await store.list_uploads("b", after="a")
    assert {entry.id for entry in page.entries} == set(ids[2:])


async def test_reconciling_buckets_drops_what_nobody_owns(store: ObjectStore) -> None:
    await put(store, "k", LARGE)
    await store.keep_buckets(["c"])
    assert store.find("b", "k") is None
    received = await store.receive(chunks(b"x"), [])
    await store.put("c", "k", received, Attributes())


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_checksums_of_parts_combine(algorithm: str) -> None:
    def checksum(content: bytes) -> str:
        digests = Digests([algorithm])
        digests.update(content)
        return digests.checksums()[algorithm]

    one, two = os.urandom(1000), os.urandom(333)
    parts = [(checksum(one), 1000), (checksum(two), 333)]
    assert combine_full(algorithm, parts) == checksum(one + two)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    # The check values of "123456789" in the catalogue of parametrised CRC algorithms.
    [("CRC32", 0xCBF43926), ("CRC32C", 0xE3069283), ("CRC64NVME", 0xAE8B14860A799888)],
)
def test_crc_check_values(algorithm: str, expected: int) -> None:
    import base64

    digests = Digests([algorithm])
    digests.update(b"12345")
    digests.update(b"6789")
    assert int.from_bytes(base64.b64decode(digests.checksums()[algorithm]), "big") == expected
    assert zlib.crc32(b"123456789") == 0xCBF43926
