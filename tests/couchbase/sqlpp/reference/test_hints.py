"""USE and hint comments: what EXPLAIN says of them, and that they change no result."""

from __future__ import annotations

from typing import Any, Final

import pytest
from tests.couchbase.sqlpp.reference.shown import INDEXES, Shown, check, entries
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.reference import Entry

CHAPTERS: Final = ("USE", "Optimizer hints")
FOLLOWED: Final = "hints_followed"
NO_FTS: Final = "FTS Indexer not available"


def _plan(steps: list[dict[str, Any]]) -> list[str]:
    """The names of a plan's indexes and joins, in order."""
    found: list[str] = []
    for step in steps:
        inner = step.get("scans") or ([step["scan"]] if "scan" in step else [])
        found += _plan(inner)
        if step.get("using") == "gsi":
            found.append(step["index"])
        elif "Join" in step["#operator"]:
            found.append(step["#operator"])
    return found


def told(hints: dict[str, list[Any]], *plan: str) -> Shown:
    """EXPLAIN tells this of the hints, and its plan has these indexes and joins."""

    def holds(rows: list[Any]) -> bool:
        steps = rows[0]["plan"]["~children"]
        return bool(rows[0]["optimizer_hints"] == hints and tuple(_plan(steps)) == plan)

    return Shown(holds=holds, before=INDEXES)


CASES: Final[dict[str, Shown]] = {
    "USE KEYS": Shown([3, 1]),
    "USE PRIMARY KEYS": Shown([3]),
    "USE KEYS VALIDATE": Shown([3]),
    "USE INDEX": told({FOLLOWED: ["INDEX(books by_kind)"]}, "by_kind"),
    "USE INDEX (USING GSI)": told({FOLLOWED: ["INDEX(books by_kind)"]}, "by_kind"),
    "USE INDEX (USING FTS)": told({"hints_with_error": [f"INDEX_FTS(books): {NO_FTS}"]}, "by_kind"),
    "USE HASH": told({FOLLOWED: ["USE_HASH(k/PROBE)"]}, "HashJoin"),
    "USE NL": told({FOLLOWED: ["USE_NL(k)"]}, "NestedLoopJoin"),
    "USE HASH ... INDEX": told(
        {FOLLOWED: ["USE_HASH(k/BUILD)"],
         "hints_with_error": ["INDEX(k by_kind): Invalid indexes specified: by_kind"]},
        "HashJoin",
    ),
    "/*+ hint */": told({FOLLOWED: ["INDEX(books by_kind)"]}, "by_kind"),
    "--+ hint": told({FOLLOWED: ["INDEX(books by_kind)"]}, "by_kind"),
    "/*+ {json} */": told(
        {FOLLOWED: [{"hint": '{"index":{"indexes":["by_kind"],"keyspace":"books"}}'}]}, "by_kind"
    ),
    "/*+ hint hint */": told(
        {FOLLOWED: ["INDEX(b by_kind)", "USE_NL(k)"]}, "by_kind", "NestedLoopJoin"
    ),
    "INDEX": told({FOLLOWED: ["INDEX(b by_n by_kind)"]}, "by_kind"),
    "INDEX_COMBINE, INDEX_ALL": told(
        {FOLLOWED: ["INDEX_ALL(b by_n by_kind)"]}, "by_kind", "by_n"
    ),
    "NO_INDEX": told({FOLLOWED: ["NO_INDEX(b by_n)"]}, "by_kind"),
    "AVOID_INDEX": told({FOLLOWED: ["AVOID_INDEX(b by_n)"]}, "by_kind"),
    "INDEX_FTS": told({"hints_with_error": [f"INDEX_FTS(b text): {NO_FTS}"]}, "by_n"),
    "NO_INDEX_FTS, AVOID_INDEX_FTS": told(
        {"hints_with_error": [f"AVOID_INDEX_FTS(b text): {NO_FTS}"]}, "by_n"
    ),
    "USE_HASH": told({FOLLOWED: ["USE_HASH(k)"]}, "by_n", "HashJoin"),
    "USE_HASH(keyspace/BUILD)": told({FOLLOWED: ["USE_HASH(k/BUILD)"]}, "HashJoin"),
    "USE_HASH(keyspace/PROBE)": told({FOLLOWED: ["USE_HASH(k/PROBE)"]}, "HashJoin"),
    "USE_NL": told({FOLLOWED: ["USE_NL(k)"]}, "NestedLoopJoin"),
    "NO_USE_HASH, AVOID_HASH": told({FOLLOWED: ["AVOID_HASH(k)"]}, "NestedLoopJoin"),
    "NO_USE_NL, AVOID_NL": told({FOLLOWED: ["AVOID_NL(k)"]}, "by_n", "HashJoin"),
    "ORDERED": told({FOLLOWED: ["ORDERED"]}, "HashJoin"),
    "hint with an unknown name": told(
        {"invalid_hints": ["INDEX_SS(b by_n): Invalid hint name"]}, "by_n"
    ),
    "hint that cannot be followed": told(
        {"hints_not_followed": ["INDEX(b by_n): INDEX hint cannot be followed"]}
    ),
    "hint on a keyspace that is not there": told(
        {"hints_with_error": ["INDEX(c by_n): Invalid keyspace specified: c",
                              "USE_NL(c): Invalid keyspace specified: c"]},
        "by_n",
    ),
    "hint beside USE INDEX": told(
        {"hints_with_error":
             ["INDEX(b by_kind): Duplicated index hint specified for keyspace: b"] * 2},
        "by_n",
    ),
    "UPDATE /*+ hint */": told({FOLLOWED: ["INDEX(books by_kind)"]}, "by_kind"),
    "DELETE /*+ hint */": told({FOLLOWED: ["INDEX(books by_kind)"]}, "by_kind"),
    "MERGE /*+ hint */": told({FOLLOWED: ["USE_NL(k)"]}, "NestedLoopJoin"),
}  # fmt: skip


@pytest.mark.parametrize("entry", entries(*CHAPTERS), ids=lambda entry: entry.form)
async def test_forms(session: Session, entry: Entry) -> None:
    await check(session, entry, CASES.get(entry.form))


@pytest.mark.parametrize(
    "hint",
    ["USE_NL(k)", "USE_HASH(k)", "USE_HASH(k/BUILD)", "USE_HASH(k/PROBE)", "AVOID_NL(k)",
     "AVOID_HASH(k)", "INDEX(b)", "INDEX(b by_n)", "NO_INDEX(b by_n by_kind)",
     "INDEX_ALL(b by_n by_kind)", "USE_HASH(k) AVOID_INDEX(b by_kind)", "nonsense ( ( /", "{", ""],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["JOIN", "LEFT JOIN", "RIGHT JOIN"])
async def test_no_hint_changes_a_result(session: Session, kind: str, hint: str) -> None:
    await session("UPSERT INTO kinds VALUES ('k3', {'kind': 'odd', 'words': 'again'})")
    for statement in INDEXES:
        await session(statement)
    text = (
        f"SELECT {{}} b.n, k.words FROM books b {kind} kinds k ON b.kind = k.kind AND b.n > 1"
        " WHERE b.n < 6 AND b.kind = 'odd'"
    )
    wanted = sorted(map(str, await session(text.format(""))))
    assert wanted
    assert sorted(map(str, await session(text.format(f"/*+ {hint} */")))) == wanted
    if kind == "JOIN":
        assert len(wanted) == 4


@pytest.mark.parametrize(
    ("hints", "group", "words"),
    [
        ("INDEX", "invalid_hints", "INDEX: Missing argument for INDEX"),
        ("INDEX(b a/BUILD)", "invalid_hints", "INDEX(b a/BUILD): Invalid '/' found in a/BUILD"),
        ("INDEX_ALL(b by_n)", "invalid_hints",
         "INDEX_ALL(b by_n): INDEX_ALL hint must have more than one index specified"),
        ("USE_HASH(k/SIDE)", "invalid_hints",
         "USE_HASH(k/SIDE): Invalid hash option (BUILD or PROBE only):  SIDE"),
        ("AVOID_HASH(k/BUILD)", "invalid_hints", ("AVOID_HASH(k/BUILD): Hash option (BUILD or "
         "PROBE) not allowed in NO_HASH/AVOID_HASH hints")),
        ("ORDERED(b)", "invalid_hints", "ORDERED(b): Argument not expected: (b)"),
        ("INDEX(b none)", "hints_with_error", "INDEX(b none): Invalid indexes specified: none"),
        ("USE_NL(b)", "hints_with_error", ("USE_NL(b): Join hint (USE HASH or USE NL) cannot be "
         "specified on the first from term: b")),
        ("USE_NL(k) USE_HASH(k)", "hints_with_error",
         "USE_NL(k): Duplicated join hint specified for keyspace: k"),
        ("INDEX(v)", "hints_with_error", "INDEX(v): Index hint specified on non-keyspace: v"),
        ("NO_INDEX(b)", "hints_not_followed", "NO_INDEX(b): NO_INDEX hint cannot be followed"),
        ('{"use_hash": {"keyspace": "k", "option": "x"}}', "invalid_hints",
         {"hint": '{"use_hash":{"keyspace":"k","option":"x"}}',
          "error": "Invalid hash option (BUILD or PROBE only):  x"}),
        ('{"index": [{"alias": "b", "odd": 1}]}', "invalid_hints",
         {"hint": '{"index":[{"alias":"b","odd":1}]}', "error": "Invalid field specified: odd"}),
        ('{"ordered": true}', FOLLOWED, {"hint": '{"ordered":true}'}),
        ('{"use_nl": [{"keyspace": "k"}]}', FOLLOWED, {"hint": '{"use_nl":{"keyspace":"k"}}'}),
    ],
)  # fmt: skip
async def test_what_is_said_of_a_hint(session: Session, hints: str, group: str, words: Any) -> None:
    for statement in INDEXES:
        await session(statement)
    (row,) = await session(
        f"EXPLAIN SELECT /*+ {hints} */ 1 FROM books b JOIN kinds k ON b.kind = k.kind"
        " JOIN [1] v ON b.n = v WHERE b.n > 1"
    )
    assert row["optimizer_hints"][group][0] == words


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE /*+ USE_NL(b) */ books b SET x = 1",
         "Join hint not supported in an UPDATE or DELETE statement"),
        ("DELETE /*+ ORDERED */ FROM books b", "Ordered hint not supported in DML statements"),
        ("MERGE /*+ USE_NL(k) */ INTO books b USING kinds k ON KEY k.x WHEN MATCHED THEN DELETE",
         "Join hint not supported in a MERGE statement with ON KEY clause"),
    ],
)  # fmt: skip
async def test_hints_that_a_change_cannot_have(
    session: Session, statement: str, words: str
) -> None:
    (row,) = await session(f"EXPLAIN {statement}")
    assert row["optimizer_hints"]["hints_with_error"][0].endswith(words)


async def test_a_comment_of_another_place_is_no_hint(session: Session) -> None:
    with pytest.raises(Exception, match="syntax error"):
        await session("SELECT 1 /*+ ORDERED */ FROM books")
    assert await session("SELECT /* + ORDERED */ RAW 1") == [1]
