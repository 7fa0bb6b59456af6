from __future__ import annotations

from pathlib import Path

import apsw

from cloudlet.storage.documents import BucketSettings, DocumentStore, writes


async def test_entries_are_complete_up_to_the_mutation_that_was_reached(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path / "documents.db")
    entries = store.index_entries
    await entries.begin("i", "7")
    assert entries.reached("i") is None
    await entries.save("i", [("b", b"2"), ("a", b"1"), ("c", b"3")])
    await entries.save("i", [("b", None), ("c", b"4")])
    await entries.reach("i", 12)
    await store.close()
    store = DocumentStore(tmp_path / "documents.db")
    entries = store.index_entries
    assert entries.reached("i") == ("7", 12)
    assert entries.page("i", "", 10) == [("a", b"1"), ("c", b"4")]
    assert entries.page("i", "a", 1) == [("c", b"4")]
    await entries.keep_only(["other"])
    assert entries.reached("i") is None
    count = store.database.reader.execute("SELECT count(*) FROM index_entries").fetchone()
    assert count == (0,)
    await store.close()


async def test_a_tombstone_waits_for_the_indexes(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path / "documents.db")
    bucket = await store.catalog.create_bucket("b", BucketSettings())
    collection = bucket.default_collection
    assert collection is not None
    await store.index_entries.begin("i", str(collection.storage_id))
    await store.index_entries.reach("i", 1)
    writes.insert(collection, b"k", b"1")
    writes.remove(collection, b"k")
    await store.flushed()

    def age(connection: apsw.Connection) -> None:
        connection.execute("UPDATE documents SET cas = 1")

    await store.database.write(age)
    await store.pager.sweep()
    assert collection.changed(1) != []
    await store.index_entries.reach("i", bucket.high_seqno)
    await store.pager.sweep()
    assert collection.changed(1) == []
    await store.close()
