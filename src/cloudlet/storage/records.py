"""Records of the control plane: typed structs in memory, written through to SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw
import msgspec

from cloudlet.storage.database import Database

R = TypeVar("R", bound=msgspec.Struct)

#: The region under which records of global services (IAM, bucket names) are kept.
GLOBAL = "global"

MIGRATIONS = [
    """
    CREATE TABLE record (
        kind TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, id TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (kind, account, region, id)
    ) WITHOUT ROWID;
    """,
]


@dataclass(frozen=True, slots=True)
class Change:
    """A record's new value, or None to delete it; `Records.commit` takes several at once."""

    table: Table[Any]
    account: str
    region: str
    id: str
    value: msgspec.Struct | None


class Records:
    """All tables of records of one data directory."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, MIGRATIONS)
        self._tables: dict[str, Table[Any]] = {}

    def table(self, kind: str, type_: type[R]) -> Table[R]:
        """The table of `kind`, whose records are `type_`; the same object every time."""
        table = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = Table(self, kind, type_)
        return table

    async def commit(self, *changes: Change) -> None:
        """Make all `changes` or none; on disk when it returns.

        They are visible to readers from the call on, so that of two concurrent creations the
        second sees the first. If the disk refuses, they are undone and the error raised.
        """
        before = [c.table.exchange(c.account, c.region, c.id, c.value) for c in changes]
        rows = [
            (c.table.kind, c.account, c.region, c.id, c.value and msgspec.json.encode(c.value))
            for c in changes
        ]

        def write(connection: apsw.Connection) -> None:
            for kind, account, region, id_, value in rows:
                if value is None:
                    connection.execute(
                        "DELETE FROM record WHERE kind=? AND account=? AND region=? AND id=?",
                        (kind, account, region, id_),
                    )
                else:
                    connection.execute(
                        "INSERT OR REPLACE INTO record VALUES (?,?,?,?,?)",
                        (kind, account, region, id_, value),
                    )

        pending = self.database.submit(write)
        try:
            # Shielded: a caller that is cancelled must not leave memory and disk apart.
            await asyncio.shield(asyncio.wrap_future(pending))
        except asyncio.CancelledError:
            raise
        except BaseException:
            for change, old in zip(changes, before, strict=True):
                change.table.exchange(change.account, change.region, change.id, old)
            raise

    async def clear(self) -> None:
        """Delete every record."""
        for table in self._tables.values():
            table.forget()
        await self.database.write(lambda connection: connection.execute("DELETE FROM record"))
        for table in self._tables.values():
            table.forget()

    def close(self) -> None:
        """Finish what is being written and close the file."""
        self.database.close()


class Table(Generic[R]):
    """The records of one kind, by (account, region, id). Reads are from memory.

    Records are frozen structs: to change one, put a new one.
    """

    def __init__(self, records: Records, kind: str, type_: type[R]) -> None:
        self.records = records
        self.kind = kind
        self.type = type_
        self._values: dict[tuple[str, str], dict[str, R]] | None = None

    @property
    def values(self) -> dict[tuple[str, str], dict[str, R]]:
        """All of them by (account, region), loaded at the first use."""
        if self._values is None:
            self._values = {}
            decode = msgspec.json.Decoder(self.type).decode
            rows = self.records.database.reader.execute(
                "SELECT account, region, id, value FROM record WHERE kind=? ORDER BY id",
                (self.kind,),
            )
            for account, region, id_, value in rows:
                self._values.setdefault((account, region), {})[id_] = decode(value)
        return self._values

    def get(self, account: str, region: str, id_: str) -> R | None:
        """The record, or None."""
        return self.values.get((account, region), {}).get(id_)

    def scan(self, account: str, region: str, prefix: str = "") -> list[tuple[str, R]]:
        """The records whose id starts with `prefix`, in the order of their ids."""
        found = self.values.get((account, region), {})
        return sorted(item for item in found.items() if item[0].startswith(prefix))

    def everywhere(self) -> Iterator[tuple[str, str, str, R]]:
        """Every record as (account, region, id, record)."""
        for (account, region), found in list(self.values.items()):
            for id_, value in list(found.items()):
                yield account, region, id_, value

    async def put(self, account: str, region: str, id_: str, value: R) -> None:
        """Write the record; on disk when it returns."""
        await self.records.commit(Change(self, account, region, id_, value))

    async def delete(self, account: str, region: str, id_: str) -> None:
        """Delete the record, if it is there; on disk when it returns."""
        await self.records.commit(Change(self, account, region, id_, None))

    def exchange(self, account: str, region: str, id_: str, value: Any) -> R | None:
        """Set the record in memory only, for `Records.commit`; gives the one it replaces."""
        found = self.values.setdefault((account, region), {})
        before = found.pop(id_, None) if value is None else found.get(id_)
        if value is not None:
            found[id_] = value
        return before

    def forget(self) -> None:
        """Drop what is in memory; the next use loads it again."""
        self._values = None
