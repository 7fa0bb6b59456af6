from __future__ import annotations

import time
from typing import Any

import pytest
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.keyspace import CasMismatchError


def document(session: Session, key: str, bucket: str = "books") -> Any:
    found = session.keyspaces.resolve(bucket, "_default", "_default").get(key)
    return None if found is None else found[0]


async def test_insert_returns_what_was_stored(session: Session) -> None:
    found = await session(
        "INSERT INTO books AS b (KEY, VALUE) VALUES ('x', {'a': $1}), VALUES ('y', [1]) "
        "RETURNING META(b).id, b",
        5,
    )
    assert found == [{"id": "x", "b": {"a": 5}}, {"id": "y", "b": [1]}]
    assert session.context.mutation_count == 2
    assert document(session, "y") == [1]


async def test_a_taken_key_fails_alone(session: Session) -> None:
    await session("INSERT INTO books VALUES ('b1', 0), ('new', 1)")
    (error,) = session.context.errors
    assert error.code == 12009
    assert error.reason is not None
    assert error.reason["code"] == 17012
    assert "Duplicate Key: b1" in error.message
    assert session.context.mutation_count == 1
    assert document(session, "new") == 1


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INSERT INTO books VALUES (1, 1)", 5070),
        ("UPSERT INTO books VALUES (1, 1)", 5078),
        ("INSERT INTO books VALUES (NULL, 1)", 5050),
        ("INSERT INTO books VALUES ('k', MISSING)", 5060),
    ],
)
async def test_bad_keys_and_values(session: Session, statement: str, code: int) -> None:
    await session(statement)
    assert [error.code for error in session.context.errors] == [code]


async def test_insert_from_a_query_of_the_same_keyspace_ends(session: Session) -> None:
    await session("INSERT INTO books (KEY 'c' || name, VALUE {name}) SELECT name FROM books")
    assert session.context.mutation_count == 8
    assert document(session, "cN3") == {"name": "N3"}


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ("SET a = n + 1, n = 9", {"n": 9, "a": 4}),
        ("SET o.p = 1", {"n": 3}),
        ("SET n = MISSING", {}),
        ("SET l = [1, {'x': 1}], m = {'q': {}}", {"n": 3, "l": [1, {"x": 1}], "m": {"q": {}}}),
        ("UNSET n", {}),
    ],
)
async def test_update_sets_and_unsets(session: Session, change: str, result: Any) -> None:
    await session("UPSERT INTO books VALUES ('u', {'n': 3})")
    await session(f"UPDATE books USE KEYS 'u' {change}")
    assert document(session, "u") == result


async def test_update_reaches_into_paths_without_touching_what_is_shared(session: Session) -> None:
    await session("UPSERT INTO books VALUES ('u', {'a': {'b': [1, {'c': 1}]}, 'z': [0]})")
    old = document(session, "u")
    await session("UPDATE books b USE KEYS 'u' SET b.a.b[1].c = 2, b.z[-1] = 7 UNSET b.a.b[0]")
    assert document(session, "u") == {"a": {"b": [None, {"c": 2}]}, "z": [7]}
    assert old == {"a": {"b": [1, {"c": 1}]}, "z": [0]}


async def test_update_limit_where_and_returning(session: Session) -> None:
    found = await session(
        "UPDATE books SET seen = TRUE WHERE kind = 'odd' LIMIT 2 RETURNING RAW META().id"
    )
    assert found == ["b1", "b3"]
    assert await session("SELECT RAW COUNT(*) FROM books WHERE seen") == [2]


async def test_expiration(session: Session) -> None:
    await session("INSERT INTO books (KEY, VALUE, OPTIONS) VALUES ('e', 1, {'expiration': 60})")
    (found,) = await session("SELECT RAW META().expiration FROM books USE KEYS 'e'")
    assert abs(found - time.time() - 60) < 3
    await session("UPDATE books USE KEYS 'e' SET META().expiration = 0")
    assert await session("SELECT RAW META().expiration FROM books USE KEYS 'e'") == [0]


async def test_delete_returns_the_old_documents(session: Session) -> None:
    assert await session("DELETE FROM books WHERE n >= 6 RETURNING n") == [{"n": 6}, {"n": 7}]
    assert await session("DELETE FROM books USE KEYS ['b0', 'none']") == []
    assert session.context.mutation_count == 1
    assert document(session, "b0") is None


async def test_system_keyspaces_are_read_only(session: Session) -> None:
    with pytest.raises(QueryError) as caught:
        await session("DELETE FROM system:keyspaces")
    assert caught.value.code == 11003


async def test_update_never_overwrites_what_is_not_json(session: Session) -> None:
    keyspace = session.keyspaces.resolve("books", "_default", "_default")
    await keyspace.upsert("raw", "<binary (3 b)>")
    await session("UPDATE books USE KEYS ['raw', 'b1'] SET a = 1")
    assert [error.code for error in session.context.errors] == [12030]
    assert session.context.mutation_count == 1
    assert document(session, "raw") == "<binary (3 b)>"


async def test_a_document_changed_meanwhile_is_a_cas_mismatch(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise CasMismatchError

    keyspace = session.keyspaces.resolve("books", "_default", "_default")
    monkeypatch.setattr(keyspace, "replace", refuse)
    monkeypatch.setattr(keyspace, "delete", refuse)
    for statement in ("UPDATE books USE KEYS 'b1' SET a = 1", "DELETE FROM books USE KEYS 'b1'"):
        await session(statement)
        (error,) = session.context.errors
        assert error.code == 12009
        assert "CAS mismatch" in error.message
