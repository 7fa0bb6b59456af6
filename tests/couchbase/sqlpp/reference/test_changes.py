"""INSERT, UPSERT, UPDATE, DELETE, MERGE and RETURNING: the documents that each form changes."""

from __future__ import annotations

from typing import Final

import pytest
from tests.couchbase.sqlpp.reference.shown import INDEXES, Shown, book, check, entries
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.reference import Entry

CHAPTERS: Final = ("INSERT and UPSERT", "UPDATE", "DELETE", "MERGE", "RETURNING")
ODD_GONE: Final = dict.fromkeys(("b1", "b3", "b5", "b7"))
ITEMS: Final = [{"a": 1, "b": [{"c": 1}, {"c": 2}]}, {"a": 3, "b": [{"a": 1, "c": 3}]}]
WITH_ITEMS: Final = (f"UPDATE books SET items = {ITEMS!r} WHERE n = 6",)


def expires(*keys: str) -> tuple[str, list[int]]:
    """What tells that documents expire."""
    return f"SELECT RAW META().expiration FROM books USE KEYS {list(keys)!r}", [3000000000]


CASES: Final[dict[str, Shown]] = {
    # INSERT and UPSERT
    "INSERT INTO ... VALUES": Shown(changed={"x": {"n": 10}}),
    "INSERT INTO ... (KEY, VALUE) VALUES": Shown(changed={"x": {"n": 10}, "y": {"n": 11}}),
    "INSERT INTO ... (PRIMARY KEY, VALUE) VALUES": Shown(
        changed={"x": {"n": 10}, "y": {"n": 11}}
    ),
    "INSERT INTO ... (KEY, VALUE, OPTIONS) VALUES": Shown([], {"x": 1}, *expires("x")),
    "INSERT INTO ... (KEY expression) SELECT": Shown(
        changed={"c-odd": {"kind": "odd"}, "c-prime": {"kind": "prime"}}
    ),
    "INSERT INTO ... (KEY ..., VALUE ...) SELECT": Shown(
        changed={"c-odd": {"w": "not even"}, "c-prime": {"w": "few"}}
    ),
    "INSERT INTO ... (KEY ..., OPTIONS ...) SELECT": Shown(
        [], {"c-odd": {"kind": "odd"}, "c-prime": {"kind": "prime"}}, *expires("c-odd")
    ),
    "UPSERT INTO ... VALUES": Shown(changed={"b1": {"n": 10}, "x": {"n": 11}}),
    "UPSERT INTO ... SELECT": Shown(changed={"b3": {"n": 6}}),
    # UPDATE
    "UPDATE ... SET": Shown(changed={"b3": book(3, a=4)}),  # o has no document to be set in
    "SET path[index]": Shown(changed={"b3": book(3, tags=["z", "b", "c"])}),
    "SET path.[expression]": Shown(changed={"b3": book(3, kind="x")}),
    "UPDATE ... UNSET": Shown(changed={"b3": book(3, "kind", "name")}),
    "SET ... UNSET": Shown(changed={"b3": book(3, "name", a=1)}),
    "SET ... FOR ... IN ... END": Shown(changed={"b2": book(2, tags=["a!", "b!"])}),
    "SET ... FOR ... WHEN ... END": Shown(changed={"b3": book(3, tags=["a", "z", "c"])}),
    "SET ... FOR position:variable": Shown(changed={"b2": book(2, tags=[0, 1])}),
    "SET ... FOR ... WITHIN": Shown(
        changed={"b6": book(6, items=[ITEMS[0] | {"a": 2}, {"a": 3, "b": [{"a": 2, "c": 3}]}])},
        before=WITH_ITEMS,
    ),
    "SET ... FOR ... FOR": Shown(
        changed={"b6": book(6, items=[{"a": 1, "b": [{"c": 2}, {"c": 3}]},
                                      {"a": 3, "b": [{"a": 1, "c": 4}]}])},
        before=WITH_ITEMS,
    ),
    "UNSET ... FOR": Shown(changed={"b6": book(6, items=[{"a": 1}, {"a": 3}])}, before=WITH_ITEMS),
    "SET META().expiration": Shown([], {}, *expires("b3")),
    "UPDATE ... USE KEYS": Shown(changed={"b1": book(1, a=1)}),
    "UPDATE ... USE INDEX": Shown(
        changed={f"b{n}": book(n, a=1) for n in (1, 3, 5, 7)}, before=INDEXES
    ),
    "UPDATE ... LIMIT": Shown(changed={"b1": book(1, a=1), "b3": book(3, a=1)}),
    # DELETE
    "DELETE FROM ... WHERE": Shown(changed=ODD_GONE),
    "DELETE FROM ... AS alias": Shown(changed={"b6": None, "b7": None}),
    "DELETE ... USE KEYS": Shown(changed={"b1": None}),
    "DELETE ... USE INDEX": Shown(changed=ODD_GONE, before=INDEXES),
    "DELETE ... LIMIT": Shown(changed={"b0": None, "b1": None, "b2": None}),
    "DELETE ... OFFSET": Shown(changed={"b6": None, "b7": None}),
    "DELETE ... LIMIT ... OFFSET": Shown(changed={"b1": None, "b2": None}),
    # MERGE
    "MERGE INTO ... USING ... ON": Shown(
        changed={f"b{n}": book(n, words="not even") for n in (1, 3, 5, 7)}
    ),
    "MERGE ... ON KEY": Shown(changed={"b1": book(1, a=1), "x": {"a": 2}}),
    "MERGE ... ON PRIMARY KEY": Shown(changed={"b1": None}),
    "MERGE ... USING (subquery)": Shown(changed={"b6": book(6, a=6), "b7": book(7, a=7)}),
    "MERGE INTO ... USE INDEX": Shown(changed=ODD_GONE, before=INDEXES),
    "MERGE ... USING ... USE HASH": Shown(changed=ODD_GONE),
    "WHEN MATCHED THEN UPDATE ... WHERE": Shown(
        changed={"b5": book(5, "name", a=1), "b7": book(7, "name", a=1)}
    ),
    "WHEN MATCHED THEN DELETE ... WHERE": Shown(changed={"b5": None, "b7": None}),
    "WHEN NOT MATCHED THEN INSERT (KEY ..., VALUE ..., OPTIONS ...)": Shown(
        [], {"x-prime": {"w": "few"}}, *expires("x-prime")
    ),
    "WHEN NOT MATCHED THEN INSERT ... WHERE": Shown(changed={"y": {"s": "y"}}),
    "MERGE ... LIMIT": Shown(changed={"b1": None, "b2": None}),
    # RETURNING
    "RETURNING expression, ...": Shown([{"a": 3, "id": "b3"}], {"b3": book(3, a=3)}),
    "RETURNING *": Shown([{"b": {"n": 10}}], {"x": {"n": 10}}),
    "RETURNING RAW": Shown([6, 7], {"b6": None, "b7": None}),
    "RETURNING ELEMENT": Shown([6, 7], {"b6": None, "b7": None}),
    "RETURNING VALUE": Shown([6, 7], {"b6": None, "b7": None}),
    "MERGE ... RETURNING": Shown([{"n": 1, "a": 1}], {"b1": book(1, a=1)}),
}  # fmt: skip


@pytest.mark.parametrize("entry", entries(*CHAPTERS), ids=lambda entry: entry.form)
async def test_forms(session: Session, entry: Entry) -> None:
    await check(session, entry, CASES.get(entry.form))
