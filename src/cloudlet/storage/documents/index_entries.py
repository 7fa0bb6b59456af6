"""The entries of secondary indexes on disk, each index with the mutation it has reached.

What is saved is complete up to that mutation, and later mutations are in the documents' own feed:
entries need not be in the transaction of the documents they come from to agree with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw

from cloudlet.storage.database import Database
from cloudlet.storage.documents.journal import Journal

#: Rows removed in one write.
_SLICE: Final = 1000


class IndexEntries:
    """Saved entries by index. Used from the event loop's thread only."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def _build(self, index_id: str) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._database.reader.execute(
            "SELECT number, collection, seqno FROM index_builds WHERE index_id = ?", (index_id,)
        ).fetchone()
        return found

    def reached(self, index_id: str) -> tuple[str, int] | None:
        """The collection (its storage id as text) and the mutation the entries have reached."""
        found = self._build(index_id)
        return None if found is None or found[2] < 0 else (str(found[1]), int(found[2]))

    def page(self, index_id: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        """The next documents in order of their keys, with what was saved for them."""
        rows: list[Any] = self._database.reader.execute(
            "SELECT document, keys FROM index_entries"
            " WHERE build = (SELECT number FROM index_builds WHERE index_id = ?) AND document > ?"
            " ORDER BY document LIMIT ?",
            (index_id, after, limit),
        ).fetchall()
        return rows

    async def begin(self, index_id: str, collection: str) -> None:
        """Forget what was saved; what is saved from here on counts after `reach`."""

        def write(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM index_builds WHERE index_id = ?", (index_id,))
            connection.execute(
                "INSERT INTO index_builds (index_id, collection, seqno) VALUES (?, ?, -1)",
                (index_id, int(collection)),
            )

        await self._database.write(write)

    async def save(self, index_id: str, changes: Sequence[tuple[str, bytes | None]]) -> None:
        """Save the entries of some documents, after the mutations that made them."""
        await self._journal.flushed()

        def write(connection: apsw.Connection) -> None:
            found: Any = connection.execute(
                "SELECT number FROM index_builds WHERE index_id = ?", (index_id,)
            ).fetchone()
            if found is None:
                return
            number = found[0]
            connection.executemany(
                "INSERT OR REPLACE INTO index_entries VALUES (?, ?, ?)",
                [(number, document, keys) for document, keys in changes if keys is not None],
            )
            connection.executemany(
                "DELETE FROM index_entries WHERE build = ? AND document = ?",
                [(number, document) for document, keys in changes if keys is None],
            )

        await self._database.write(write)

    async def reach(self, index_id: str, seqno: int) -> None:
        """All that came of mutations up to `seqno` is saved."""
        await self._journal.flushed()

        def write(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE index_builds SET seqno = ? WHERE index_id = ?", (seqno, index_id)
            )

        await self._database.write(write)

    async def keep_only(self, index_ids: Sequence[str]) -> None:
        """Remove, in slices, what was saved for other indexes and earlier builds."""
        known = list(index_ids)

        def forget(connection: apsw.Connection) -> None:
            marks = ",".join("?" * len(known))
            connection.execute(
                f"DELETE FROM index_builds WHERE index_id NOT IN ({marks})",  # noqa: S608
                known,
            )

        def slice_of(connection: apsw.Connection) -> bool:
            connection.execute(
                "DELETE FROM index_entries WHERE (build, document) IN (SELECT build, document"
                " FROM index_entries WHERE build NOT IN (SELECT number FROM index_builds)"
                " LIMIT ?)",
                (_SLICE,),
            )
            return connection.changes() == _SLICE

        await self._database.write(forget)
        while await self._database.write(slice_of):
            pass
