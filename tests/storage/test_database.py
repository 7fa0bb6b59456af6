from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from cloudlet.storage.database import WAKEN, Database

SCHEMA = ["CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "items.db", SCHEMA)
    yield made
    made.close()


def insert(text: str | None):
    return lambda connection: connection.execute("INSERT INTO item (text) VALUES (?)", (text,))


def texts(database: Database) -> list[str]:
    return [row[0] for row in database.reader.execute("SELECT text FROM item ORDER BY id")]


async def test_a_write_is_seen_by_every_reader_after_it(database: Database) -> None:
    await database.write(insert("one"))
    assert texts(database) == ["one"]
    assert await database.read(lambda c: c.execute("SELECT count(*) FROM item").get) == 1


async def test_the_waiters_of_one_commit_go_on_a_few_at_a_time(database: Database) -> None:
    """Else what follows their writes would hold the event loop all together."""
    blocked, turn, woken = threading.Event(), 0, []

    def count() -> None:
        nonlocal turn
        turn += 1
        asyncio.get_running_loop().call_soon(count)

    async def write(text: str) -> None:
        await database.write(insert(text))
        woken.append(turn)

    first = database.submit(lambda _: blocked.wait())
    writes = [asyncio.create_task(write(str(n))) for n in range(40)]
    await asyncio.sleep(0)
    count()
    blocked.set()
    await asyncio.gather(*writes)
    assert first.result()
    assert max(woken.count(one) for one in woken) <= WAKEN


async def test_a_write_whose_waiter_has_gone_wakes_the_others(database: Database) -> None:
    blocked = threading.Event()
    first = database.submit(lambda _: blocked.wait())
    writes = [asyncio.create_task(database.write(insert(str(n)))) for n in range(4)]
    await asyncio.sleep(0)
    writes[1].cancel()
    await asyncio.sleep(0)
    blocked.set()
    await asyncio.gather(*writes, return_exceptions=True)
    assert first.result()
    assert texts(database) == ["0", "2", "3"]


async def test_a_write_that_raises_undoes_only_itself(database: Database) -> None:
    def half(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO item (text) VALUES ('half')")
        raise LookupError("no")

    results = await asyncio.gather(
        database.write(insert("before")),
        database.write(half),
        database.write(insert(None)),
        database.write(insert("after")),
        return_exceptions=True,
    )
    assert isinstance(results[1], LookupError)
    assert isinstance(results[2], apsw.ConstraintError)
    assert texts(database) == ["before", "after"]


async def test_a_lone_write_that_raises_leaves_nothing_and_the_next_one_is_made(
    database: Database,
) -> None:
    def half(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO item (text) VALUES ('half')")
        raise LookupError("no")

    for _ in range(2):
        with pytest.raises(LookupError):
            await database.write(half)
    await database.write(insert("after"))
    assert texts(database) == ["after"]


async def test_what_was_written_is_not_kept_until_the_next_write(database: Database) -> None:
    class Written:
        def __call__(self, connection: apsw.Connection) -> None:
            connection.execute("INSERT INTO item (text) VALUES ('one')")

    gone = threading.Event()
    one = Written()
    weakref.finalize(one, gone.set)
    await database.write(one)
    del one
    assert await asyncio.to_thread(gone.wait, 10)


async def test_writes_keep_their_order_over_many_groups(database: Database) -> None:
    await asyncio.gather(*(database.write(insert(str(n))) for n in range(2000)))
    assert texts(database) == [str(n) for n in range(2000)]


async def test_a_cancelled_waiter_harms_nobody(database: Database) -> None:
    waiting = asyncio.ensure_future(database.write(insert("cancelled")))
    await asyncio.sleep(0)
    waiting.cancel()
    await database.write(insert("next"))
    assert texts(database)[-1] == "next"


async def test_close_finishes_what_is_queued(tmp_path: Path) -> None:
    database = Database(tmp_path / "items.db", SCHEMA)
    futures = [database.submit(insert(str(n))) for n in range(100)]
    database.close()
    assert all(future.done() for future in futures)
    with pytest.raises(RuntimeError):
        database.submit(insert("late"))


def test_migrations_run_once_each_and_newer_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.db"
    Database(path, SCHEMA).close()
    second = Database(path, [*SCHEMA, "ALTER TABLE item ADD COLUMN size INTEGER"])
    assert second.reader.pragma("user_version") == 2
    second.close()
    with pytest.raises(ValueError, match="newer release"):
        Database(path, SCHEMA)


KILLED = """
import asyncio, os, sys
from pathlib import Path
from cloudlet.storage.database import WAKEN, Database
async def main():
    database = Database(Path(sys.argv[1]), [sys.argv[2]])
    for number in range(200):
        row = (str(number),)
        await database.write(lambda c: c.execute("INSERT INTO item (text) VALUES (?)", row))
        os.write(1, f"{number}\\n".encode())
        if number == 150:
            os.kill(os.getpid(), 9)
asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "items.db"
    command = [sys.executable, "-c", KILLED, str(path), SCHEMA[0]]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -9
    database = Database(path, SCHEMA)
    assert set(done.stdout.decode().split()) <= set(texts(database))
    database.close()
