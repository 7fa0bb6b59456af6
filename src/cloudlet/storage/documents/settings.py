"""Small named values that belong to the document server as a whole: users, groups, indexes."""

from __future__ import annotations

import apsw

from cloudlet.storage.database import Database


class Settings:
    """Named values, all in memory and on disk when a change returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = database.reader.execute("SELECT name, value FROM settings").fetchall()
        self._values: dict[str, bytes] = {str(name): bytes(value) for name, value in rows}  # type: ignore[arg-type]

    def get(self, name: str) -> bytes | None:
        """The value of a name."""
        return self._values.get(name)

    def beginning(self, prefix: str) -> list[tuple[str, bytes]]:
        """Names that begin with `prefix`, in order, with their values."""
        return sorted(
            (name, value) for name, value in self._values.items() if name.startswith(prefix)
        )

    async def put(self, name: str, value: bytes) -> None:
        """Store a value."""
        self._values[name] = value

        def write(connection: apsw.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

        await self._database.write(write)

    def put_now(self, values: list[tuple[str, bytes]], *, forget: str) -> None:
        """Store values and forget one, waiting for the disk: at the opening of a store only."""
        self._values.update(values)
        self._values.pop(forget, None)

        def write(connection: apsw.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO settings VALUES (?, ?)", values)
            connection.execute("DELETE FROM settings WHERE name = ?", (forget,))

        self._database.submit(write).result()

    async def remove(self, name: str) -> None:
        """Forget a value."""
        self._values.pop(name, None)

        def write(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM settings WHERE name = ?", (name,))

        await self._database.write(write)
