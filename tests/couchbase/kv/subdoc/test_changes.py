from __future__ import annotations

import pytest

from cloudlet.couchbase.kv.frame import StatusError
from cloudlet.couchbase.kv.protocol import Opcode, Status
from cloudlet.couchbase.kv.subdoc.changes import apply
from cloudlet.couchbase.kv.subdoc.nodes import find
from cloudlet.couchbase.kv.subdoc.path import parse

ADD, UPSERT, DELETE = Opcode.SUBDOC_DICT_ADD, Opcode.SUBDOC_DICT_UPSERT, Opcode.SUBDOC_DELETE
REPLACE, COUNT = Opcode.SUBDOC_REPLACE, Opcode.SUBDOC_COUNTER
LAST, FIRST = Opcode.SUBDOC_ARRAY_PUSH_LAST, Opcode.SUBDOC_ARRAY_PUSH_FIRST
INSERT, UNIQUE = Opcode.SUBDOC_ARRAY_INSERT, Opcode.SUBDOC_ARRAY_ADD_UNIQUE


@pytest.mark.parametrize(
    ("path", "components"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a.b[0].c", ["a", "b", 0, "c"]),
        (b"[-1][2]", [-1, 2]),
        (b"`a.b[`.c", ["a.b[", "c"]),
        (b"`a``b`", ["a`b"]),
        ("kä".encode(), ["kä"]),
        (b"a b.$c-d", ["a b", "$c-d"]),
    ],
)
def test_paths(path: bytes, components: list[object]) -> None:
    assert parse(path) == components


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b".a", Status.PATH_INVALID),
        (b"a.", Status.PATH_INVALID),
        (b"a..b", Status.PATH_INVALID),
        (b"a.[0]", Status.PATH_INVALID),
        (b"a[", Status.PATH_INVALID),
        (b"a[x]", Status.PATH_INVALID),
        (b"a[-2]", Status.PATH_INVALID),
        (b"a[01]", Status.PATH_INVALID),
        (b"a[0]b", Status.PATH_INVALID),
        (b"`a", Status.PATH_INVALID),
        (b"``", Status.PATH_INVALID),
        (b"\xff", Status.PATH_INVALID),
        (b"a" * 1025, Status.PATH_TOO_BIG),
        (b".".join([b"a"] * 33), Status.PATH_TOO_BIG),
    ],
)
def test_wrong_paths(path: bytes, status: int) -> None:
    with pytest.raises(StatusError) as refused:
        parse(path)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("path", "found"),
    [(b"a", b"1.0"), (b"b.c[1]", b"[2, 3e5]"), (b"b.c[-1][0]", b"2"), (b"d", b'"\\u00e9"')],
)
def test_what_is_found_is_as_it_was_written(path: bytes, found: bytes) -> None:
    assert find(b'{"a": 1.0, "b": {"c": [1, [2, 3e5]]}, "d": "\\u00e9"}', parse(path)) == found


@pytest.mark.parametrize(
    ("root", "opcode", "path", "value", "after"),
    [
        (b'{"a":1}', UPSERT, b"b", b"[1, 2]", b'{"a":1,"b":[1, 2]}'),
        (b'{"a":1.0}', ADD, b"b", b"1", b'{"a":1.0,"b":1}'),
        (b'{"a":{"b":1,"c":2}}', DELETE, b"a.b", b"", b'{"a":{"c":2}}'),
        (b"[1,2,3]", DELETE, b"[-1]", b"", b"[1,2]"),
        (b'{"a":[1,2]}', REPLACE, b"a[0]", b'"x"', b'{"a":["x",2]}'),
        (b"[1]", LAST, b"", b"2,3", b"[1,2,3]"),
        (b'{"a":[1]}', FIRST, b"a", b"0", b'{"a":[0,1]}'),
        (b'{"a":[1,4]}', INSERT, b"a[1]", b"2,3", b'{"a":[1,2,3,4]}'),
        (b"[1]", INSERT, b"[1]", b"2", b"[1,2]"),
        (b"[1,true]", UNIQUE, b"", b'"1"', b'[1,true,"1"]'),
        (b"[1]", UNIQUE, b"", b"true", b"[1,true]"),
        (b'{"n":5}', COUNT, b"n", b"-7", b'{"n":-2}'),
        (b"{}", COUNT, b"n", b"7", b'{"n":7}'),
    ],
)
def test_changes(root: bytes, opcode: int, path: bytes, value: bytes, after: bytes) -> None:
    assert apply(root, opcode, parse(path), value, create_parents=False)[0] == after


@pytest.mark.parametrize(
    ("opcode", "path", "value", "after"),
    [
        (UPSERT, b"x.y.z", b"1", b'{"x":{"y":{"z":1}}}'),
        (LAST, b"x.y", b"1", b'{"x":{"y":[1]}}'),
        (UNIQUE, b"x", b"1", b'{"x":[1]}'),
        (COUNT, b"x.n", b"1", b'{"x":{"n":1}}'),
    ],
)
def test_parents_are_created(opcode: int, path: bytes, value: bytes, after: bytes) -> None:
    assert apply(b"{}", opcode, parse(path), value, create_parents=True)[0] == after


@pytest.mark.parametrize(
    ("root", "opcode", "path", "value", "status"),
    [
        (b'{"a":1}', ADD, b"a", b"1", Status.PATH_EXISTS),
        (b'{"a":1}', ADD, b"b.c", b"1", Status.PATH_NOT_FOUND),
        (b'{"a":1}', UPSERT, b"a.b", b"1", Status.PATH_MISMATCH),
        (b'{"a":1}', UPSERT, b"b", b"nope", Status.VALUE_CANNOT_INSERT),
        (b'{"a":1}', UPSERT, b"b", b"1,2", Status.VALUE_CANNOT_INSERT),
        (b'{"a":1}', UPSERT, b"[0]", b"1", Status.PATH_INVALID),
        (b'{"a":1}', UPSERT, b"", b"1", Status.PATH_INVALID),
        (b'{"a":1}', DELETE, b"b", b"", Status.PATH_NOT_FOUND),
        (b"[]", DELETE, b"[-1]", b"", Status.PATH_NOT_FOUND),
        (b"[1]", REPLACE, b"[1]", b"2", Status.PATH_NOT_FOUND),
        (b'{"a":1}', LAST, b"a", b"2", Status.PATH_MISMATCH),
        (b'{"a":1}', LAST, b"b", b"2", Status.PATH_NOT_FOUND),
        (b"[1]", INSERT, b"[2]", b"2", Status.PATH_NOT_FOUND),
        (b"[1]", INSERT, b"[-1]", b"2", Status.PATH_INVALID),
        (b"[1]", UNIQUE, b"", b"1", Status.PATH_EXISTS),
        (b"[1]", UNIQUE, b"", b"{}", Status.VALUE_CANNOT_INSERT),
        (b"[{}]", UNIQUE, b"", b"1", Status.PATH_MISMATCH),
        (b'{"n":"x"}', COUNT, b"n", b"1", Status.PATH_MISMATCH),
        (b'{"n":1.5}', COUNT, b"n", b"1", Status.PATH_MISMATCH),
        (b'{"n":9223372036854775807}', COUNT, b"n", b"1", Status.VALUE_CANNOT_INSERT),
        (b'{"n":9223372036854775808}', COUNT, b"n", b"1", Status.NUMBER_RANGE),
        (b'{"n":1}', COUNT, b"n", b"0", Status.SUBDOC_DELTA_INVALID),
        (b'{"n":1}', COUNT, b"n", b"one", Status.SUBDOC_DELTA_INVALID),
        (b"not json", UPSERT, b"a", b"1", Status.DOCUMENT_NOT_JSON),
        (b"{}", UPSERT, b"a", b"[" * 5000 + b"]" * 5000, Status.VALUE_TOO_DEEP),
    ],
)
def test_refusals(root: bytes, opcode: int, path: bytes, value: bytes, status: int) -> None:
    with pytest.raises(StatusError) as refused:
        apply(root, opcode, parse(path), value, create_parents=False)
    assert refused.value.status == status
