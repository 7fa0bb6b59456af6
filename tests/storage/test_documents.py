from __future__ import annotations

import asyncio
import random
import time
import zlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import apsw
import pytest

from cloudlet.storage.documents import (
    BadNameError,
    BucketSettings,
    CasMismatchError,
    Collection,
    CorruptDocumentError,
    DeltaInvalidError,
    DocumentError,
    DocumentExistsError,
    DocumentLockedError,
    DocumentNotFoundError,
    DocumentNotLockedError,
    DocumentStore,
    KeyTooLongError,
    NameTakenError,
    NotStoredError,
    NotThereError,
    StoreBusyError,
    ValueTooLargeError,
    counters,
    locks,
    writes,
)
from cloudlet.storage.documents.model import VALUE_LIMIT


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    store = DocumentStore(tmp_path / "documents.db")
    await store.catalog.create_bucket("b", BucketSettings())
    yield store
    await store.close()


@pytest.fixture
def collection(store: DocumentStore) -> Collection:
    found = store.catalog.buckets["b"].default_collection
    assert found is not None
    return found


def reopen(tmp_path: Path, *, cache_bytes: int = 1 << 20) -> tuple[DocumentStore, Collection]:
    store = DocumentStore(tmp_path / "documents.db", cache_bytes=cache_bytes)
    found = store.catalog.buckets["b"].default_collection
    assert found is not None
    return store, found


async def test_what_was_flushed_is_there_after_reopening(
    store: DocumentStore, collection: Collection, tmp_path: Path
) -> None:
    written = writes.upsert(collection, b"k", b'{"a":1}', flags=7, expiry_s=1000)
    writes.upsert(collection, b"gone", b"1")
    writes.remove(collection, b"gone")
    await store.close()
    again, found = reopen(tmp_path)
    document = found.require(b"k")
    assert (document.value, document.flags, document.cas) == (b'{"a":1}', 7, written.cas)
    assert abs(document.expiry_s - time.time() - 1000) < 5
    assert found.get(b"gone") is None
    assert found.items == 1
    await again.close()


async def test_cas_rises_over_a_restart_though_the_wall_clock_went_back(
    store: DocumentStore, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = writes.upsert(collection, b"k", b"1")
    await store.close()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    again, found = reopen(tmp_path)
    after = writes.upsert(found, b"k", b"2")
    assert after.cas > before.cas
    assert (after.revision, after.seqno) == (2, before.seqno + 1)
    await again.close()


async def test_a_cas_guards_replace_upsert_and_remove(collection: Collection) -> None:
    first = writes.insert(collection, b"k", b"1")
    second = writes.replace(collection, b"k", b"2", cas=first.cas)
    for verb in (
        lambda: writes.replace(collection, b"k", b"3", cas=first.cas),
        lambda: writes.upsert(collection, b"k", b"3", cas=first.cas),
        lambda: writes.remove(collection, b"k", first.cas),
    ):
        with pytest.raises(CasMismatchError):
            verb()
    writes.remove(collection, b"k", second.cas)
    with pytest.raises(DocumentNotFoundError):
        writes.upsert(collection, b"k", b"3", cas=second.cas)


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (lambda c: writes.insert(c, b"there", b"2"), DocumentExistsError),
        (lambda c: writes.replace(c, b"none", b"2"), DocumentNotFoundError),
        (lambda c: writes.remove(c, b"none"), DocumentNotFoundError),
        (lambda c: writes.touch(c, b"none", 1), DocumentNotFoundError),
        (
            lambda c: writes.extend(c, b"none", b"x", front=True, classify=lambda _: 0),
            NotStoredError,
        ),
        (lambda c: counters.add(c, b"none", 1, initial=None), DocumentNotFoundError),
        (lambda c: counters.add(c, b"text", 1, initial=0), DeltaInvalidError),
        (lambda c: locks.unlock(c, b"there", 1), DocumentNotLockedError),
        (lambda c: writes.upsert(c, b"", b"2"), KeyTooLongError),
        (lambda c: writes.upsert(c, b"k" * 251, b"2"), KeyTooLongError),
        (lambda c: writes.upsert(c, b"k", bytes(VALUE_LIMIT + 1)), ValueTooLargeError),
    ],
)
async def test_refusals(
    collection: Collection, refused: Callable[[Collection], object], why: type[Exception]
) -> None:
    writes.upsert(collection, b"there", b"1")
    writes.upsert(collection, b"text", b'"text"')
    with pytest.raises(why):
        refused(collection)
    assert collection.items == 2


@pytest.mark.parametrize(
    ("value", "delta", "result"),
    [(b"5", 3, 8), (b"5", -8, 0), (b"18446744073709551615", 1, 0), (None, 3, 10)],
)
async def test_counters(
    collection: Collection, value: bytes | None, delta: int, result: int
) -> None:
    if value is not None:
        writes.upsert(collection, b"n", value)
    number, document = counters.add(collection, b"n", delta, initial=10)
    assert number == result
    assert document.value == b"%d" % result


async def test_an_expired_document_is_gone_on_access_and_leaves_a_tombstone(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes.upsert(collection, b"k", b"1", expiry_s=100)
    later = time.time() + 101
    monkeypatch.setattr(time, "time", lambda: later)
    assert collection.get(b"k") is None
    tombstone = collection.find(b"k")
    assert tombstone is not None
    assert tombstone.deleted
    assert collection.items == 0
    assert writes.insert(collection, b"k", b"2").revision == 3


async def test_the_pager_expires_what_nobody_reads(
    store: DocumentStore, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1200):
        writes.upsert(collection, b"k%d" % number, b"1", expiry_s=100)
    writes.upsert(collection, b"stays", b"1")
    await store.flushed()
    later = time.time() + 101
    monkeypatch.setattr(time, "time", lambda: later)
    await store.pager.sweep()
    assert collection.items == 1


@pytest.mark.parametrize(("asked", "effective"), [(0, 50), (10, 10), (1000, 50)])
async def test_a_collections_maximum_bounds_the_expiry(
    collection: Collection, asked: int, effective: int
) -> None:
    collection.max_expiry_s = 50
    document = writes.upsert(collection, b"k", b"1", expiry_s=asked)
    assert abs(document.expiry_s - time.time() - effective) < 3


async def test_preserve_expiry_keeps_it(collection: Collection) -> None:
    first = writes.upsert(collection, b"k", b"1", expiry_s=100)
    kept = writes.upsert(collection, b"k", b"2", preserve_expiry=True)
    assert kept.expiry_s == first.expiry_s
    assert writes.upsert(collection, b"k", b"3").expiry_s == 0


async def test_a_lock_lets_only_its_cas_through(collection: Collection) -> None:
    first = writes.upsert(collection, b"k", b"1")
    locked = locks.lock(collection, b"k", 15)
    assert locked.cas > first.cas
    with pytest.raises(DocumentLockedError):
        writes.upsert(collection, b"k", b"2")
    with pytest.raises(DocumentLockedError):
        locks.lock(collection, b"k", 15)
    with pytest.raises(DocumentLockedError):
        locks.unlock(collection, b"k", first.cas)
    writes.replace(collection, b"k", b"3", cas=locked.cas)
    writes.upsert(collection, b"k", b"4")


async def test_a_working_set_larger_than_the_cache_is_still_answered(
    store: DocumentStore, collection: Collection, tmp_path: Path
) -> None:
    await store.close()
    again, found = reopen(tmp_path, cache_bytes=200_000)
    for number in range(2000):
        writes.upsert(found, b"k%04d" % number, b"%d" % number + b" " * 1000)
        if number % 100 == 0:
            await again.flushed()
    await again.flushed()
    for number in range(2000):
        assert found.require(b"k%04d" % number).value.strip() == b"%d" % number
    assert again.cache.used_bytes <= 200_000
    assert found.cached_bytes == again.cache.used_bytes
    assert found.get(b"none") is None
    await again.close()


async def test_pages_and_changes_show_what_is_on_disk_and_what_is_not_yet(
    store: DocumentStore, collection: Collection
) -> None:
    for number in range(0, 40, 2):
        writes.upsert(collection, b"k%02d" % number, b"1")
    await store.flushed()
    for number in range(1, 40, 2):
        writes.upsert(collection, b"k%02d" % number, b"1")
    last = writes.remove(collection, b"k00")
    keys: list[bytes] = []
    low = b""
    while page := collection.page(low, 7):
        keys += page
        low = page[-1] + b"\0"
    assert keys == [b"k%02d" % number for number in range(40)]
    assert [key for key, _ in collection.scan()] == keys[1:]
    reached, seen = 0, []
    while changed := collection.changed(reached, 7):
        seen += [key for key, _ in changed]
        reached = changed[-1][1]
    assert set(seen) == set(keys)
    assert reached == last.seqno == collection.high_seqno


async def test_catalog_changes_survive_and_names_are_checked(
    store: DocumentStore, tmp_path: Path
) -> None:
    catalog = store.catalog
    bucket = catalog.bucket("b")
    await catalog.create_scope(bucket, "s")
    made = await catalog.create_collection(bucket, "s", "c", max_expiry_s=9)
    with pytest.raises(NameTakenError):
        await catalog.create_collection(bucket, "s", "c")
    with pytest.raises(NameTakenError):
        await catalog.create_bucket("b", BucketSettings())
    with pytest.raises(BadNameError):
        await catalog.create_scope(bucket, "_mine")
    with pytest.raises(NotThereError):
        await catalog.drop_collection(bucket, "s", "none")
    writes.upsert(made, b"k", b"1")
    await store.close()
    again = DocumentStore(tmp_path / "documents.db")
    found = again.catalog.bucket("b").collection("s", "c")
    assert found is not None
    assert (found.uid, found.max_expiry_s, found.items) == (made.uid, 9, 1)
    await again.catalog.drop_collection(again.catalog.bucket("b"), "s", "c")
    anew = await again.catalog.create_collection(again.catalog.bucket("b"), "s", "c")
    assert anew.uid > made.uid
    assert anew.get(b"k") is None
    await again.pager.sweep()
    rows = again.database.reader.execute("SELECT count(*) FROM documents").fetchone()
    assert rows == (0,)
    await again.close()


async def test_a_flush_empties_all_collections_even_of_unwritten_documents(
    store: DocumentStore, collection: Collection
) -> None:
    writes.upsert(collection, b"old", b"1")
    await store.flushed()
    writes.upsert(collection, b"new", b"1")
    bucket = collection.bucket
    await store.catalog.flush_bucket(bucket)
    await store.flushed()
    anew = bucket.default_collection
    assert anew is not None
    assert (anew.items, list(anew.scan()), anew.uid) == (0, [], 0)


@pytest.mark.parametrize(
    "change",
    [
        """value = '{"balance":900}'""", "flags = 3", "datatype = 0", "cas = cas + 1",
        "expiry = 4000000000", "revision = 9", "deleted = 1", "xattrs = '{}'", "value = '1'",
        "checksum = checksum - 1", "checksum = checksum & 4294967295",
    ],
)  # fmt: skip
async def test_a_flipped_byte_on_disk_is_reported_not_served(
    store: DocumentStore, collection: Collection, tmp_path: Path, change: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    writes.upsert(collection, b"k", b'{"balance":100}')
    await store.close()
    with apsw.Connection(str(tmp_path / "documents.db")) as connection:
        connection.execute(f"UPDATE documents SET {change}")
    again, found = reopen(tmp_path)
    with pytest.raises(CorruptDocumentError):
        found.get(b"k")
    assert "_default._default: document b'k' does not have its checksum" in caplog.text
    await again.close()


async def test_rows_of_early_releases_are_read(
    store: DocumentStore, collection: Collection, tmp_path: Path
) -> None:
    document = writes.upsert(collection, b"k", b"1")
    await store.close()
    early = zlib.crc32(b"1", zlib.crc32(b"", zlib.crc32(b"k", document.cas & 0xFFFFFFFF)))
    with apsw.Connection(str(tmp_path / "documents.db")) as connection:
        connection.execute("UPDATE documents SET checksum = ?", (early,))
    again, found = reopen(tmp_path)
    read = found.get(b"k")
    assert read is not None
    assert (read.value, read.cas) == (b"1", document.cas)
    await again.close()


async def test_a_key_that_changes_often_is_written_once_where_nobody_waits(
    store: DocumentStore, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloudlet.storage.documents import journal

    written: list[int] = []
    real = journal._write_rows

    def counted(connection: apsw.Connection, at: int, documents: dict[bytes, object]) -> None:
        written.append(len(documents))
        real(connection, at, documents)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "_write_rows", counted)
    monkeypatch.setattr(journal, "REST_S", (5.0, 5.0))
    store.journal._rest_s = 5.0
    for number in range(50):
        writes.upsert(collection, b"k", b"%d" % number)
        await asyncio.sleep(0)
    assert (written, collection.is_saved(b"k")) == ([], False)
    began = time.monotonic()
    await store.flushed()
    assert time.monotonic() - began < 4
    assert (written, collection.is_saved(b"k")) == ([1], True)
    await store.flushed()


@pytest.mark.parametrize(
    ("commit_s", "rest_s"),
    [(0.0001, 0.005), (0.05, 0.15), (0.13, 0.39), (0.15, 0.45), (0.3, 0.2), (0.5, 0.005)],
)
def test_the_longer_commits_take_the_longer_groups_gather_but_never_so_that_mutations_get_old(
    commit_s: float, rest_s: float
) -> None:
    from cloudlet.storage.documents import journal

    assert journal._rest_after(commit_s) == pytest.approx(rest_s)


async def test_listeners_hear_once_of_what_an_ephemeral_bucket_took_in_a_turn(
    store: DocumentStore,
) -> None:
    bucket = await store.catalog.create_bucket("fleeting", BucketSettings(bucket_type="ephemeral"))
    collection = bucket.default_collection
    assert collection is not None
    heard: list[int] = []
    store.journal.listeners.append(lambda: heard.append(bucket.persisted_seqno))
    for expected in ([3], [3, 6]):
        for number in range(3):
            writes.upsert(collection, b"k%d" % number, b"1")
        await asyncio.sleep(0)
        assert heard == expected


async def test_a_refused_group_is_kept_and_written_later(
    store: DocumentStore, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloudlet.storage.documents import journal

    real = journal._write_rows
    monkeypatch.setattr(journal, "RETRY_S", 0.01)

    def full(*_: object) -> None:
        raise apsw.FullError("disk full")

    monkeypatch.setattr(journal, "_write_rows", full)
    writes.upsert(collection, b"k", b"1")
    waiting = asyncio.ensure_future(store.flushed())
    while not store.journal._refused:  # noqa: ASYNC110  there is no event for it
        await asyncio.sleep(0.005)
    with pytest.raises(StoreBusyError):
        writes.upsert(collection, b"k2", b"1")
    assert not waiting.done()
    monkeypatch.setattr(journal, "_write_rows", real)
    await waiting
    writes.upsert(collection, b"k2", b"1")
    await store.flushed()
    assert store.database.reader.execute("SELECT count(*) FROM documents").fetchone() == (2,)


@pytest.mark.parametrize("seed", range(8))
async def test_random_operations_agree_with_a_dictionary(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    store = DocumentStore(tmp_path / "documents.db")
    await store.catalog.create_bucket("b", BucketSettings())
    await store.close()
    store, collection = reopen(tmp_path, cache_bytes=8_000)
    model: dict[bytes, tuple[bytes, int]] = {}
    last_cas = 0
    for step in range(600):
        key = b"k%d" % dice.randrange(40)
        known = model.get(key)
        value = b"%d" % dice.randrange(1000) + b" " * dice.randrange(300)
        cas = dice.choice([0, known[1] if known else 0, 1])
        match dice.randrange(9):
            case 0 | 1:
                verb, wanted = "upsert", cas == 0 or (known is not None and cas == known[1])
                run = partial(writes.upsert, collection, key, value, cas=cas)
            case 2:
                verb, wanted = "insert", known is None
                run = partial(writes.insert, collection, key, value)
            case 3:
                verb, wanted = "replace", known is not None and cas in (0, known[1])
                run = partial(writes.replace, collection, key, value, cas=cas)
            case 4:
                verb, wanted = "remove", known is not None and cas in (0, known[1])
                run = partial(writes.remove, collection, key, cas)
            case 5:
                await store.flushed()
                continue
            case 6 if step % 20 == 0:
                await store.close()
                store, collection = reopen(tmp_path, cache_bytes=8_000)
                continue
            case _:
                found = collection.get(key)
                assert (found and (found.value, found.cas)) == known
                continue
        try:
            document = run()
        except DocumentError:
            assert not wanted, (verb, key)
            continue
        assert wanted, (verb, key)
        assert document.cas > last_cas
        last_cas = document.cas
        if verb == "remove":
            del model[key]
        else:
            model[key] = (value, document.cas)
        assert collection.items == len(model)
    assert {key: (one.value, one.cas) for key, one in collection.scan()} == model
    await store.close()
