"""CREATE, ALTER, DROP and BUILD: what is there after each form, and what it does to queries."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from tests.couchbase.sqlpp.reference.shown import INDEXES, Shown, check, entries
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.reference import Entry

CHAPTERS: Final = (
    "Indexes",
    "Buckets, scopes and collections",
    "User-defined functions",
    "Sequences",
)
ITEMS: Final = (
    "UPDATE books SET items = [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}] WHERE n = 3",
    "UPDATE books SET items = [{'a': 1, 'b': 'y'}] WHERE n = 4",
)
DEFERRED: Final = (
    "CREATE INDEX later ON books(n) WITH {'defer_build': true}",
    "CREATE INDEX latest ON books(name) WITH {'defer_build': true}",
)


def listed(*fields: str, name: str = "i") -> str:
    """What system:indexes has of an index."""
    shown = ", ".join(f"s.`{field}`" for field in fields)
    return f"SELECT {shown} FROM system:indexes s WHERE s.name = '{name}'"


def keyed(*keys: str, **more: Any) -> Shown:
    """The index has these keys."""
    return Shown([], {}, listed("index_key", *more), [{"index_key": list(keys), **more}])


def names(*wanted: str) -> tuple[str, list[str]]:
    """These are the indexes of books."""
    text = "SELECT RAW s.name FROM system:indexes s WHERE s.keyspace_id = 'books' ORDER BY s.name"
    return text, list(wanted)


def scopes(*wanted: str) -> Shown:
    """These are the scopes of books but the default one."""
    return Shown([], {}, "SELECT RAW s.name FROM system:scopes s ORDER BY s.name", list(wanted))


def collections(*wanted: str) -> Shown:
    """These are the collections of the scope."""
    text = "SELECT RAW s.name FROM system:keyspaces s WHERE s.`scope` = 'made' ORDER BY s.name"
    return Shown([], {}, text, list(wanted))


def values(*wanted: Any, of: str = "s", before: tuple[str, ...] = ()) -> Shown:
    """The sequence gives these values next."""
    items = list(range(len(wanted)))
    return Shown([], {}, f"SELECT RAW NEXT VALUE FOR {of} FROM {items} AS v", list(wanted), before)


NEXT: Final = ("SELECT NEXT VALUE FOR counter",)
CASES: Final[dict[str, Shown]] = {
    # Indexes
    "CREATE PRIMARY INDEX ON": Shown(
        [], {}, listed("is_primary", "index_key", name="#primary"),
        [{"is_primary": True, "index_key": []}],
    ),
    "CREATE PRIMARY INDEX name ON": Shown([], {}, *names("whole")),
    "CREATE PRIMARY INDEX IF NOT EXISTS": Shown(
        [], {}, *names("#primary"), before=("CREATE PRIMARY INDEX ON books",)
    ),
    "CREATE PRIMARY INDEX ... PARTITION BY HASH": Shown(
        [], {}, listed("partition", name="#primary"), [{"partition": "HASH((meta().`id`))"}]
    ),
    "CREATE INDEX name ON keyspace(key, ...)": keyed("`kind`", "`n`"),
    "CREATE INDEX ... IF NOT EXISTS": Shown(
        [], {}, listed("index_key"), [{"index_key": ["`kind`"]}],
        before=("CREATE INDEX i ON books(kind)",),
    ),
    "index key: expression": keyed("lower(`name`)"),
    "index key: META()": keyed("(meta().`id`)", "`n`"),
    "index key: ASC, DESC": keyed("`kind`", "`n` DESC"),
    "index key: INCLUDE MISSING": keyed("`colour` INCLUDE MISSING", "`n`"),
    "index key: DISTINCT ARRAY ... FOR ... END": keyed(
        '(distinct (array upper(`t`) for `t` in `tags` when (`t` != "c") end))'
    ),
    "index key: ALL ARRAY ... FOR ... END": keyed("(all (array `t` for `t` within `tags` end))"),
    "index key: DISTINCT expression": keyed("(distinct (`tags`))"),
    "index key: ALL expression": keyed("(all (`tags`))", "`n`"),
    "index key: FLATTEN_KEYS": keyed(
        "(distinct (array flatten_keys((`v`.`a`) desc, (`v`.`b`)) for `v` in `items` end))"
    ),
    "index key: PAIRS(SELF)": keyed("(distinct (pairs(`self`)))"),
    "CREATE INDEX ... PARTITION BY HASH": keyed("`n`", partition="HASH(`kind`, (meta().`id`))"),
    "CREATE INDEX ... WHERE": keyed("`n`", condition='(`kind` = "odd")'),
    "CREATE INDEX ... USING GSI": keyed("`n`", using="gsi"),
    "CREATE INDEX ... WITH {defer_build}": keyed("`n`", state="deferred"),
    "CREATE INDEX ... WITH {num_partition}": keyed("`n`", state="online", partition="HASH(`n`)"),
    "ALTER INDEX ... WITH {replica_count}": Shown(
        [], {}, listed("state", name="by_kind"), [{"state": "online"}], before=INDEXES
    ),
    "BUILD INDEX ON keyspace(name, ...)": Shown(before=DEFERRED),
    "BUILD INDEX ON keyspace(string, array)": Shown(before=DEFERRED),
    "BUILD INDEX ON keyspace(subquery)": Shown(before=DEFERRED),
    "DROP INDEX name ON keyspace": Shown([], {}, *names("by_n"), before=INDEXES),
    "DROP INDEX keyspace.name": Shown([], {}, *names("by_n"), before=INDEXES),
    "DROP INDEX IF EXISTS": Shown([], {}, *names("by_kind", "by_n"), before=INDEXES),
    "DROP PRIMARY INDEX": Shown([], {}, *names(), before=("CREATE PRIMARY INDEX ON books",)),
    "DROP PRIMARY INDEX IF EXISTS": Shown(),
    # Buckets, scopes and collections
    "CREATE SCOPE": scopes("made", "s"),
    "CREATE SCOPE ... IF NOT EXISTS": scopes("made"),
    "DROP SCOPE": scopes(),
    "DROP SCOPE ... IF EXISTS": scopes("made"),
    "CREATE COLLECTION": collections("c", "there"),
    "CREATE COLLECTION ... IF NOT EXISTS": collections("there"),
    "CREATE COLLECTION ... WITH {maxTTL}": collections("c", "there"),
    "DROP COLLECTION": collections(),
    "DROP COLLECTION ... IF EXISTS": collections("there"),
    # User-defined functions
    "CREATE FUNCTION ... { expression }": Shown([], {}, "SELECT RAW f(2, 3)", [5]),
    "CREATE FUNCTION ... LANGUAGE INLINE AS": Shown([], {}, "SELECT RAW f(2)", [6]),
    "CREATE FUNCTION f(...)": Shown([], {}, "SELECT RAW f(2, 3, 4)", [3]),
    "CREATE FUNCTION with a subquery": Shown([], {}, "SELECT RAW f('odd')", [[1, 3]]),
    "CREATE OR REPLACE FUNCTION": Shown([], {}, "SELECT RAW thrice('a')", [None]),
    "CREATE FUNCTION ... IF NOT EXISTS": Shown([], {}, "SELECT RAW thrice(2)", [6]),
    "EXECUTE FUNCTION": Shown([12]),
    "EXPLAIN FUNCTION": Shown(
        holds=lambda rows: rows[0]["function"] == "default:thrice"
        and rows[0]["plans"][0]["statement"] == "n * 3"
    ),
    "DROP FUNCTION": Shown(
        [], {}, "SELECT RAW f.identity.name FROM system:functions f", ["twice"]
    ),
    "DROP FUNCTION ... IF EXISTS": Shown([], {}, "SELECT RAW thrice(2)", [6]),
    # Sequences
    "CREATE SEQUENCE": values(0, 1),
    "CREATE SEQUENCE IF NOT EXISTS": values(1, of="counter", before=NEXT),
    "CREATE SEQUENCE ... IF NOT EXISTS": values(1, of="counter", before=NEXT),
    "START WITH": values(5, 6),
    "INCREMENT BY": values(0, -2),
    "MAXVALUE": values(0, 1, 2),
    "MINVALUE ... CYCLE": values(2, 1, 2),
    "NO MAXVALUE, NO MINVALUE, NO CYCLE, NO CACHE": values(0, 1),
    "CACHE": values(0, 1),
    "CREATE SEQUENCE ... WITH": values(7, 17),
    "ALTER SEQUENCE": values(50, 60, of="counter", before=NEXT),
    "ALTER SEQUENCE ... RESTART": values(0, of="counter", before=NEXT),
    "ALTER SEQUENCE ... RESTART WITH": values(40, of="counter", before=NEXT),
    "ALTER SEQUENCE ... WITH": values(30, of="counter", before=NEXT),
    "DROP SEQUENCE": Shown([], {}, "SELECT RAW s.name FROM system:sequences s", []),
    "DROP SEQUENCE ... IF EXISTS": values(0, of="counter"),
}  # fmt: skip
REFUSED_WITH_INDEXES: Final = ("ALTER INDEX ... WITH {move}", "ALTER INDEX ... WITH {drop_replica}")


@pytest.mark.parametrize("entry", entries(*CHAPTERS), ids=lambda entry: entry.form)
async def test_forms(session: Session, entry: Entry) -> None:
    shown = CASES.get(entry.form)
    if entry.form in REFUSED_WITH_INDEXES:
        shown = Shown(before=INDEXES)
    await check(session, entry, shown)
    if entry.form.startswith("BUILD"):
        waiting = ["not asked yet"]
        while waiting:
            waiting = await session("SELECT RAW name FROM system:indexes WHERE state != 'online'")
            await asyncio.sleep(0)


#: For every kind of index key, a query that the index serves.
SERVED: Final = {
    "index key: expression": "SELECT RAW n FROM books WHERE LOWER(name) = 'n3'",
    "index key: META()": "SELECT RAW n FROM books WHERE META().id > 'b5'",
    "index key: ASC, DESC": "SELECT RAW n FROM books WHERE kind = 'odd' ORDER BY n DESC",
    "index key: INCLUDE MISSING": "SELECT RAW n FROM books WHERE colour IS MISSING",
    "index key: DISTINCT ARRAY ... FOR ... END": "SELECT RAW n FROM books WHERE"
    " ANY t IN tags SATISFIES UPPER(t) = 'B' AND t != 'c' END",
    "index key: DISTINCT expression": "SELECT RAW n FROM books WHERE"
    " ANY t IN tags SATISFIES t = 'c' END",
    "index key: ALL expression": "SELECT RAW b.n FROM books b UNNEST b.tags t WHERE t = 'c'",
    "index key: FLATTEN_KEYS": "SELECT RAW n FROM books WHERE"
    " ANY v IN items SATISFIES v.a = 1 AND v.b = 'y' END",
    "CREATE INDEX ... PARTITION BY HASH": "SELECT RAW n FROM books WHERE n > 5",
    "CREATE INDEX ... WHERE": "SELECT RAW n FROM books WHERE kind = 'odd' AND n > 1",
}


@pytest.mark.parametrize("form", SERVED)
async def test_an_index_serves_its_queries(session: Session, form: str) -> None:
    (entry,) = [one for one in entries("Indexes") if one.form == form]
    for statement in ITEMS:
        await session(statement)
    wanted = await session(SERVED[form])
    assert wanted
    await session(entry.example)
    (row,) = await session(f"EXPLAIN {SERVED[form]}")
    scan = row["plan"]["~children"][0]
    assert scan.get("scan", scan)["index"] == "i"
    assert sorted(await session(SERVED[form])) == sorted(wanted)


async def test_the_life_of_documents_is_the_collections(session: Session) -> None:
    await session("CREATE SCOPE books.s")
    await session("CREATE COLLECTION books.s.c WITH {'maxTTL': 3600}")
    made: Any = session.keyspaces.resolve("books", "s", "c")
    assert made.max_expiry_s == 3600


async def test_a_sequence_ends_at_its_limit(session: Session) -> None:
    await session("CREATE SEQUENCE s MAXVALUE 1")
    with pytest.raises(QueryError, match="has reached its limit") as caught:
        await session("SELECT NEXT VALUE FOR s FROM [1, 2, 3] v")
    assert caught.value.code == 19111


async def test_functions_of_a_scope_by_part_of_their_path(session: Session) -> None:
    await session("CREATE FUNCTION default:books.`_default`.twice(n) { n * 2 }")
    within = ("books", "_default")
    assert await session("SELECT RAW `_default`.twice(2)", within=within) == [4]
    assert await session("SELECT RAW books.`_default`.twice(3)") == [6]
    await session("CREATE FUNCTION `_default`.half(n) { n / 2 }", within=within)
    assert await session("EXECUTE FUNCTION books.`_default`.half(8)") == [4]
