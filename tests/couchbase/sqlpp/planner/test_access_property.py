"""Queries answer the same with and without indexes, for generated documents and conditions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.couchbase.sqlpp.memory import MemoryKeyspaces
from tests.couchbase.sqlpp.session import Session

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.sampled_from([0.5, 1.0]),
    st.sampled_from(["", "a", "ab", "b"]), st.just([1]),
)  # fmt: skip
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"x": SCALARS, "y": SCALARS, "z": SCALARS, "t": st.lists(SCALARS, max_size=3)}
    ),
    min_size=1,
    max_size=12,
)
CONSTANTS = st.sampled_from(["-1", "0", "1", "2", "0.5", '"a"', '"ab"', "true", "null", "[1]"])
COMPARISONS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
FIELDS = st.sampled_from("xyz")
CONDITIONS = st.recursive(
    st.one_of(
        st.builds(
            "d.{} {} {}".format, FIELDS, COMPARISONS, CONSTANTS
        ),
        st.builds("d.{} IN [{}, {}]".format, FIELDS, CONSTANTS, CONSTANTS),
        st.builds("d.{} BETWEEN {} AND {}".format, FIELDS, CONSTANTS, CONSTANTS),
        st.builds("d.{} IS {}".format, FIELDS, st.sampled_from(
            ["MISSING", "NOT MISSING", "NULL", "NOT NULL", "VALUED", "NOT VALUED"])),
        st.builds("d.{} LIKE '{}'".format, FIELDS, st.sampled_from(["a%", "ab", "%b", "a_"])),
        st.builds("ANY v IN d.t SATISFIES v {} {} END".format,
                  st.sampled_from(["=", "<", ">="]), CONSTANTS),
        st.builds("META(d).id {} '0{}'".format, st.sampled_from(["=", ">"]), st.integers(0, 9)),
    ),
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner), st.builds("({} OR {})".format, inner, inner)
    ),
    max_leaves=5,
)  # fmt: skip
INDEXES = [
    "(x)", "(x DESC, y)", "(y, x DESC, z)", "(z INCLUDE MISSING, x)", "(x) WHERE y > 0",
    "(y) WHERE x IS NOT MISSING", "(ALL t)", "(DISTINCT ARRAY v FOR v IN t END, x)",
    "(x, ALL ARRAY v FOR v IN t WHEN v > 0 END)", "(z, y)",
]  # fmt: skip
SHAPES = [
    ("SELECT RAW META(d).id FROM d WHERE {}", False),
    ("SELECT d.x, d.y FROM d WHERE {}", False),
    ("SELECT META(d).id, d.x, d.y, d.z FROM d WHERE {} ORDER BY d.x, d.y, META(d).id", True),
    ("SELECT META(d).id, d.x FROM d WHERE {} ORDER BY d.x DESC, META(d).id DESC LIMIT 3", True),
    ("SELECT d.x FROM d WHERE {} ORDER BY d.x LIMIT 2 OFFSET 1", True),
    ("SELECT COUNT(*) AS c, COUNT(d.x) AS n, MIN(d.y) AS a, MAX(d.x) AS b FROM d WHERE {}", True),
    ("SELECT RAW COUNT(d.x) FROM d WHERE {}", True),
    ("SELECT RAW MIN(d.x) FROM d WHERE {}", True),
    ("SELECT RAW MAX(d.y) FROM d WHERE {}", True),
    ("SELECT META(d).id, e.x FROM d LEFT JOIN d AS e ON d.x = e.x AND e.y > 0 WHERE {}", False),
    ("SELECT META(d).id, v FROM d UNNEST d.t AS v WHERE {} AND v >= 1", False),
]


def plain(value: Any) -> Any:
    """The value with 1.0 as 1: which of two equal numbers MIN or DISTINCT shows is free."""
    if isinstance(value, dict):
        return sorted((name, plain(item)) for name, item in value.items())
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def sortable(rows: list[Any]) -> list[str]:
    return sorted(repr(plain(row)) for row in rows)


Test = Callable[..., None]


def of_x(*conditions: str) -> Callable[[Test], Test]:
    """Examples with one index, for conditions on one field."""

    def given_too(test: Test) -> Test:
        for condition in conditions:
            test = example(
                documents=[{}, {"x": None}, {"x": 1}, {"x": 3}],
                condition=condition,
                shape=SHAPES[0],
                indexes=["(x)"],
                later=[{"x": None}],
            )(test)
        return test

    return given_too


@settings(max_examples=250, deadline=None)
@of_x(
    "(d.x IS NOT NULL AND d.x IS NULL)",
    "(d.x > 1 AND d.x IS NULL)",
    "(d.x IS NOT MISSING AND d.x < 2)",
    "(d.x IS NOT MISSING AND d.x IS NOT NULL)",
    "(d.x IS NOT MISSING AND d.x IS NULL)",
    "(d.x IS NULL AND d.x IS NOT NULL)",
    "(d.x IN [1, 2] AND d.x IS NOT NULL)",
    "(d.x < 3 AND d.x > 1)",
)
@given(
    documents=DOCUMENTS,
    condition=CONDITIONS,
    shape=st.sampled_from(SHAPES),
    indexes=st.lists(st.sampled_from(INDEXES), min_size=1, max_size=3, unique=True),
    later=DOCUMENTS,
)
def test_indexes_change_no_answer(
    documents: list[Any], condition: str, shape: Any, indexes: list[str], later: list[Any]
) -> None:
    keyspaces = MemoryKeyspaces(d={f"{n:02d}": doc for n, doc in enumerate(documents)})
    plain, indexed = Session(keyspaces), Session(keyspaces)
    statement = shape[0].format(condition)

    async def both() -> None:
        for number, index in enumerate(indexes):
            await indexed(f"CREATE INDEX i{number} ON d{index}")
        for changed in (False, True):
            if changed:
                for n, document in enumerate(later):
                    await keyspaces.resolve("d", "_default", "_default").upsert(
                        f"{n * 2:02d}", document
                    )
            definitions, keyspaces._indexes = keyspaces._indexes, {}
            plain.engine.catalog.generation += 1
            wanted = await plain(statement)
            keyspaces._indexes = definitions
            found = await indexed(statement)
            if shape[1]:
                assert found == wanted, await indexed("EXPLAIN " + statement)
            assert sortable(found) == sortable(wanted), await indexed("EXPLAIN " + statement)

    asyncio.run(both())
