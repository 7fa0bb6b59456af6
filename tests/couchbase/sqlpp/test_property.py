"""SELECT ... WHERE against an obvious evaluation in Python, for generated documents."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.couchbase.sqlpp.memory import MemoryKeyspaces
from tests.couchbase.sqlpp.session import Session

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, 1.0]),
    st.text("ab", max_size=2),
)
DOCUMENTS = st.lists(st.dictionaries(st.sampled_from("xyz"), SCALARS), min_size=1, max_size=8)
UNKNOWN = object()  # MISSING
ORDER = {type(None): 1, bool: 2, int: 3, float: 3, str: 4}


def compared(operator: str, a: Any, b: Any) -> Any:
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if a is None or b is None:
        return None
    left, right = (ORDER[type(a)], a), (ORDER[type(b)], b)
    if left[0] != right[0]:
        order = -1 if left[0] < right[0] else 1
    else:
        order = (a > b) - (a < b)
    return {"=": order == 0, "!=": order != 0, "<": order < 0, ">=": order >= 0}[operator]


def combined(word: str, a: Any, b: Any) -> Any:
    decisive = word == "OR"
    if decisive in (a, b) and (a is decisive or b is decisive):
        return decisive
    first, second = (None, UNKNOWN) if decisive else (UNKNOWN, None)
    for unknown in (first, second):
        if a is unknown or b is unknown:
            return unknown
    return not decisive


Predicate = tuple[str, Any]
LEAVES = st.tuples(
    st.sampled_from("xyz"),
    st.sampled_from(["=", "!=", "<", ">="]),
    SCALARS.filter(lambda v: v is not None),
)
PREDICATES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["AND", "OR"]), inner, inner), st.tuples(st.just("NOT"), inner)
    ),
    max_leaves=5,
)


def text_of(predicate: Any) -> str:
    if predicate[0] == "NOT":
        return f"NOT ({text_of(predicate[1])})"
    if predicate[0] in ("AND", "OR"):
        return f"({text_of(predicate[1])}) {predicate[0]} ({text_of(predicate[2])})"
    return f"d.{predicate[0]} {predicate[1]} {json.dumps(predicate[2])}"


def truth_of(predicate: Any, document: dict[str, Any]) -> Any:
    if predicate[0] == "NOT":
        inner = truth_of(predicate[1], document)
        return not inner if isinstance(inner, bool) else inner
    if predicate[0] in ("AND", "OR"):
        return combined(
            predicate[0], truth_of(predicate[1], document), truth_of(predicate[2], document)
        )
    return compared(predicate[1], document.get(predicate[0], UNKNOWN), predicate[2])


@settings(max_examples=200, deadline=None)
@given(documents=DOCUMENTS, predicate=PREDICATES)
def test_where_agrees_with_the_obvious_evaluation(
    documents: list[dict[str, Any]], predicate: Any
) -> None:
    session = Session(MemoryKeyspaces(d={f"{n:02d}": doc for n, doc in enumerate(documents)}))
    statement = f"SELECT RAW META().id FROM d WHERE {text_of(predicate)}"
    wanted = [f"{n:02d}" for n, doc in enumerate(documents) if truth_of(predicate, doc) is True]

    async def both() -> tuple[list[Any], list[Any]]:
        scanned = await session(statement)
        for keys in ("x", "y, z", "z"):
            await session(f"CREATE INDEX {keys[0]}i ON d({keys})")
        return scanned, await session(statement)

    scanned, indexed = asyncio.run(both())
    assert scanned == wanted
    assert sorted(indexed) == wanted


def ranked(value: Any) -> Any:
    return (0,) if value is UNKNOWN else (ORDER[type(value)], value if value is not None else 0)


@settings(max_examples=100, deadline=None)
@given(documents=DOCUMENTS)
def test_groups_agree_with_the_obvious_evaluation(documents: list[dict[str, Any]]) -> None:
    session = Session(MemoryKeyspaces(d={f"{n:02d}": doc for n, doc in enumerate(documents)}))
    statement = (
        "SELECT d.x, COUNT(*) AS c, SUM(d.y) AS s, MIN(d.z) AS m, COUNT(DISTINCT d.z) AS z "
        "FROM d GROUP BY d.x ORDER BY d.x"
    )
    groups: dict[Any, list[dict[str, Any]]] = {}
    for document in documents:
        groups.setdefault(ranked(document.get("x", UNKNOWN)), []).append(document)
    wanted = []
    for rank in sorted(groups):
        members = groups[rank]
        numbers = [m["y"] for m in members if type(m.get("y")) in (int, float)]
        zs = [m["z"] for m in members if m.get("z") is not None]
        row: dict[str, Any] = {"c": len(members), "s": sum(numbers) if numbers else None}
        row["m"] = min(zs, key=ranked, default=None)
        row["z"] = len({ranked(z) for z in zs})
        if "x" in members[0]:
            row["x"] = members[0]["x"]
        wanted.append(row)

    async def both() -> tuple[list[Any], list[Any]]:
        scanned = await session(statement)
        await session("CREATE INDEX i ON d(x INCLUDE MISSING, y, z)")
        return scanned, await session(statement)

    scanned, indexed = asyncio.run(both())
    assert scanned == wanted
    assert indexed == wanted


TERMS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from(["", " DESC"]),
              st.sampled_from(["", " NULLS FIRST", " NULLS LAST"])),
    min_size=1, max_size=3,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(documents=DOCUMENTS, terms=TERMS, limit=st.none() | st.integers(1, 5))
def test_order_agrees_with_the_obvious_evaluation(
    documents: list[dict[str, Any]], terms: list[tuple[str, str, str]], limit: int | None
) -> None:
    session = Session(MemoryKeyspaces(d={f"{n:02d}": doc for n, doc in enumerate(documents)}))
    wanted = list(enumerate(documents))
    for name, descending, nulls in reversed(terms):

        def place(item: tuple[int, dict[str, Any]], name: str = name) -> Any:
            return ranked(item[1].get(name, UNKNOWN))

        wanted.sort(key=place, reverse=bool(descending))
        if nulls:
            last = nulls.endswith("LAST")
            wanted.sort(key=lambda item, n=name, last=last: (item[1].get(n) is None) is last)  # type: ignore[misc]
    written = ", ".join(f"d.{name}{descending}{nulls}" for name, descending, nulls in terms)
    statement = f"SELECT RAW META().id FROM d ORDER BY {written}"
    if limit is not None:
        statement += f" LIMIT {limit}"
    found = asyncio.run(session(statement))
    assert found == [f"{n:02d}" for n, _ in wanted][:limit]


@settings(max_examples=100, deadline=None)
@given(documents=DOCUMENTS)
def test_windows_agree_with_the_obvious_evaluation(documents: list[dict[str, Any]]) -> None:
    session = Session(MemoryKeyspaces(d={f"{n:02d}": doc for n, doc in enumerate(documents)}))
    statement = (
        "SELECT META(d).id AS i, SUM(d.y) OVER w AS s, COUNT(*) OVER w AS c, RANK() OVER w AS r,"
        " DENSE_RANK() OVER w AS e, MAX(d.z) OVER (PARTITION BY d.x) AS m,"
        " COUNT(d.y) OVER (ORDER BY d.z, META(d).id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS t"
        " FROM d WINDOW w AS (PARTITION BY d.x ORDER BY d.z) ORDER BY META(d).id"
    )
    line = sorted(range(len(documents)), key=lambda n: (ranked(documents[n].get("z", UNKNOWN)), n))
    wanted = []
    for n, document in enumerate(documents):
        here = ranked(document.get("x", UNKNOWN)), ranked(document.get("z", UNKNOWN))
        part = [d for d in documents if ranked(d.get("x", UNKNOWN)) == here[0]]
        order = [ranked(d.get("z", UNKNOWN)) for d in part]
        so_far = [d for d, key in zip(part, order, strict=True) if key <= here[1]]
        numbers = [d["y"] for d in so_far if type(d.get("y")) in (int, float)]
        known = [d["z"] for d in part if d.get("z") is not None]
        at = line.index(n)
        near = [documents[m] for m in line[max(0, at - 1) : at + 2]]
        before = [key for key in order if key < here[1]]
        wanted.append({
            "i": f"{n:02d}", "s": sum(numbers) if numbers else None, "c": len(so_far),
            "r": len(before) + 1, "e": len(set(before)) + 1,
            "m": max(known, key=ranked, default=None),
            "t": sum(d.get("y") is not None for d in near),
        })  # fmt: skip
    assert asyncio.run(session(statement)) == wanted
