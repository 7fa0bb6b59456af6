from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloudlet.couchbase.keyspaces import CollectionKeyspace, StoreKeyspaces
from cloudlet.couchbase.sqlpp.keyspace import (
    CasMismatchError,
    IndexDefinition,
    KeyExistsError,
    KeyNotFoundError,
    UnknownKeyspaceError,
)
from cloudlet.storage.documents import BINARY, BucketSettings, DocumentStore, locks, writes


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    store = DocumentStore(tmp_path / "documents.db", cache_bytes=50_000)
    await store.catalog.create_bucket("b", BucketSettings())
    yield store
    await store.close()


@pytest.fixture
def keyspaces(store: DocumentStore) -> StoreKeyspaces:
    return StoreKeyspaces(store, acknowledge_persisted=True)


@pytest.fixture
def keyspace(keyspaces: StoreKeyspaces) -> CollectionKeyspace:
    return keyspaces.resolve("b", "_default", "_default")


async def test_a_scan_is_in_key_order_within_its_bounds(keyspace: CollectionKeyspace) -> None:
    for number in range(300):
        await keyspace.upsert(f"k{number:03}", {"n": number})
    batches = list(keyspace.scan("k010", "k200"))
    found = [meta.id for batch in batches for _, meta in batch]
    assert found == [f"k{number:03}" for number in range(10, 200)]
    assert keyspace.count() == 300
    assert sum(len(batch) for batch in keyspace.scan()) == 300


async def test_changes_end_with_the_newest_state_of_every_key(
    keyspace: CollectionKeyspace,
) -> None:
    for number in range(100):
        await keyspace.upsert(f"k{number}", number)
    middle = keyspace.high_seqno
    meta = await keyspace.upsert("k1", "new")
    await keyspace.delete("k2", cas=keyspace.get("k2")[1].cas)  # type: ignore[index]
    batches = list(keyspace.changes(middle))
    changed = [change for _, changes in batches for change in changes]
    state = {change.key: change.value if change.meta else None for change in changed}
    assert state == {"k1": "new", "k2": None}
    assert batches[-1][0] == keyspace.high_seqno
    everything = [change for _, changes in keyspace.changes(0) for change in changes]
    assert {change.key for change in everything} == {f"k{n}" for n in range(100)} - {"k2"}
    assert meta.cas == keyspace.get("k1")[1].cas  # type: ignore[index]


async def test_mutations_refuse_as_the_query_service_expects(
    store: DocumentStore, keyspace: CollectionKeyspace
) -> None:
    made = await keyspace.insert("k", 1)
    with pytest.raises(KeyExistsError):
        await keyspace.insert("k", 2)
    with pytest.raises(CasMismatchError):
        await keyspace.replace("k", 2, cas=made.cas + 1, expiration=None)
    with pytest.raises(KeyNotFoundError):
        await keyspace.replace("none", 2, cas=1, expiration=None)
    with pytest.raises(KeyNotFoundError):
        await keyspace.delete("none", cas=1)
    collection = store.catalog.bucket("b").default_collection
    assert collection is not None
    locks.lock(collection, b"k", 10)
    with pytest.raises(CasMismatchError):
        await keyspace.upsert("k", 2)


async def test_what_is_not_json_is_shown_as_its_size(
    store: DocumentStore, keyspace: CollectionKeyspace
) -> None:
    collection = store.catalog.bucket("b").default_collection
    assert collection is not None
    writes.upsert(collection, b"k", b"\0\1\2", datatype=BINARY)
    entry = keyspace.get("k")
    assert entry is not None
    assert entry[0] == "<binary (3 b)>"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (("none", "_default", "_default"), "bucket"),
        (("b", "none", "_default"), "scope"),
        (("b", "_default", "none"), "collection"),
    ],
)
async def test_what_is_missing_is_named(
    keyspaces: StoreKeyspaces, path: tuple[str, str, str], kind: str
) -> None:
    with pytest.raises(UnknownKeyspaceError) as missing:
        keyspaces.resolve(*path)
    assert missing.value.kind == kind


async def test_indexes_go_with_their_collection(
    store: DocumentStore, keyspaces: StoreKeyspaces
) -> None:
    await keyspaces.create_collection("b", "_default", "c")
    before = keyspaces.resolve("b", "_default", "c")
    await keyspaces.save_index(
        IndexDefinition(
            id="1", name="i", bucket="b", scope="_default", collection="c", is_primary=True
        )
    )
    assert [index.name for index in keyspaces.index_definitions()] == ["i"]
    await keyspaces.drop_collection("b", "_default", "c")
    await keyspaces.create_collection("b", "_default", "c")
    assert list(keyspaces.index_definitions()) == []
    assert keyspaces.resolve("b", "_default", "c").uid != before.uid


async def test_meta_shows_extended_attributes_that_changes_keep(
    store: DocumentStore, keyspace: CollectionKeyspace
) -> None:
    collection = store.catalog.bucket("b").default_collection
    assert collection is not None
    collection.put(b"k", b"{}", xattrs=b'{"app":{"by":"ann"},"_s":1}')
    entry = keyspace.get("k")
    assert entry is not None
    assert entry[1].xattrs == {"app": {"by": "ann"}, "_s": 1}
    meta = await keyspace.replace("k", {"n": 1}, cas=entry[1].cas, expiration=None)
    assert meta.xattrs == {"app": {"by": "ann"}, "_s": 1}
    assert (await keyspace.insert("other", {})).xattrs == {}
