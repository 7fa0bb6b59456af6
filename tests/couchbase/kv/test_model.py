"""A collection against a dictionary, through every key-value and sub-document operation."""

from __future__ import annotations

import asyncio
import itertools
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from tests.couchbase.kv.raw import Answer, Client, frame, serving

from cloudlet.couchbase.kv.protocol import Feature, Opcode, Status

KEYS = st.sampled_from([b"a", b"b", b"c"])
FIELDS = st.sampled_from(["x", "y", "z"])
NUMBERS = st.integers(-5, 5)
JSON_VALUES = st.one_of(
    NUMBERS, st.booleans(), st.none(), st.text("aé\"\\", max_size=3),
    st.lists(NUMBERS, max_size=3),
    st.dictionaries(FIELDS, st.one_of(NUMBERS, st.lists(NUMBERS, max_size=2)), max_size=3),
)  # fmt: skip
NO_INITIAL = 0xFFFFFFFF

#: The machine's server and client, made by the test that runs it.
_EXAMPLES = itertools.count()
_LOOP: asyncio.AbstractEventLoop
_CLIENT: Client


class Model(RuleBasedStateMachine):
    """What the collection must hold: value (decoded, or bytes) and the CAS it was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[bytes, Any] = {}
        self.cas: dict[bytes, int] = {}
        self.locked: dict[bytes, int] = {}
        self.newest = 0
        #: Keys of this example's own: locks of earlier ones go on.
        self.prefix = b"%d-" % next(_EXAMPLES)

    def ask(
        self, opcode: int, key: bytes, value: bytes = b"", extras: bytes = b"", cas: int = 0
    ) -> Answer:
        return _LOOP.run_until_complete(
            _CLIENT.ask(frame(opcode, self.prefix + key, value, extras, cas=cas))
        )

    def wrote(self, key: bytes, answer: Answer, value: Any) -> None:
        assert answer.status == Status.SUCCESS
        assert answer.cas > self.newest
        self.newest = self.cas[key] = answer.cas
        self.documents[key] = value
        self.locked.pop(key, None)

    def refused(self, key: bytes, cas: int = 0) -> int | None:
        """The status a mutation of an existing document must get, None if it may be made."""
        if key in self.locked and cas != self.locked[key]:
            return Status.LOCKED
        if cas and cas != self.cas.get(key):
            return Status.EXISTS
        return None

    @rule(key=KEYS, value=JSON_VALUES, flags=st.integers(0, 3), right=st.sampled_from([0, 1, 2]))
    def upsert(self, key: bytes, value: Any, flags: int, right: int) -> None:
        cas = (0, self.cas.get(key, 7), 7)[right]
        extras = struct.pack(">II", flags, 0)
        answer = self.ask(Opcode.SET, key, json.dumps(value).encode(), extras, cas)
        if key not in self.documents and cas:
            assert answer.status == Status.NOT_FOUND
        elif (status := self.refused(key, cas)) is not None:
            assert answer.status == status
        else:
            self.wrote(key, answer, value)

    @rule(key=KEYS, value=JSON_VALUES)
    def insert(self, key: bytes, value: Any) -> None:
        answer = self.ask(Opcode.ADD, key, json.dumps(value).encode(), bytes(8))
        if key in self.documents:
            assert answer.status == Status.EXISTS
        else:
            self.wrote(key, answer, value)

    @rule(key=KEYS, value=JSON_VALUES)
    def replace(self, key: bytes, value: Any) -> None:
        answer = self.ask(Opcode.REPLACE, key, json.dumps(value).encode(), bytes(8))
        if key not in self.documents:
            assert answer.status == Status.NOT_FOUND
        elif (status := self.refused(key)) is not None:
            assert answer.status == status
        else:
            self.wrote(key, answer, value)

    @rule(key=KEYS)
    def remove(self, key: bytes) -> None:
        answer = self.ask(Opcode.DELETE, key)
        if key not in self.documents:
            assert answer.status == Status.NOT_FOUND
        elif (status := self.refused(key)) is not None:
            assert answer.status == status
        else:
            self.wrote(key, answer, None)
            del self.documents[key], self.cas[key]

    @rule(key=KEYS)
    def read(self, key: bytes) -> None:
        answer = self.ask(Opcode.GET, key)
        if key not in self.documents:
            assert answer.status == Status.NOT_FOUND
            return
        assert json.loads(answer.value) == self.documents[key]
        assert answer.cas == (0xFFFFFFFFFFFFFFFF if key in self.locked else self.cas[key])

    @rule(key=KEYS, delta=st.integers(0, 9), down=st.booleans(), creates=st.booleans())
    def count(self, key: bytes, delta: int, down: bool, creates: bool) -> None:
        extras = struct.pack(">QQI", delta, 5, 0 if creates else NO_INITIAL)
        answer = self.ask(Opcode.DECREMENT if down else Opcode.INCREMENT, key, b"", extras)
        if key not in self.documents:
            if creates:
                self.wrote(key, answer, 5)
            else:
                assert answer.status == Status.NOT_FOUND
        elif (status := self.refused(key)) is not None:
            assert answer.status == status
        elif type(self.documents[key]) is not int or self.documents[key] < 0:
            assert answer.status == Status.DELTA_INVALID
        else:
            number = self.documents[key] + (-delta if down else delta)
            self.wrote(key, answer, max(number, 0))
            assert int.from_bytes(answer.value, "big") == max(number, 0)

    @rule(key=KEYS, front=st.booleans())
    def extend(self, key: bytes, front: bool) -> None:
        answer = self.ask(Opcode.PREPEND if front else Opcode.APPEND, key, b" ")
        if key not in self.documents:
            assert answer.status == Status.NOT_STORED
        elif (status := self.refused(key)) is not None:
            assert answer.status == status
        else:
            self.wrote(key, answer, self.documents[key])

    @rule(key=KEYS)
    def lock(self, key: bytes) -> None:
        answer = self.ask(Opcode.GET_LOCKED, key, b"", struct.pack(">I", 30))
        if key not in self.documents:
            assert answer.status == Status.NOT_FOUND
        elif key in self.locked:
            assert answer.status == Status.LOCKED
        else:
            assert json.loads(answer.value) == self.documents[key]
            assert answer.cas > self.newest
            self.newest = self.locked[key] = self.cas[key] = answer.cas

    @rule(key=KEYS, right=st.booleans())
    def unlock(self, key: bytes, right: bool) -> None:
        answer = self.ask(Opcode.UNLOCK, key, cas=self.locked.get(key, 9) if right else 9)
        if key not in self.documents:
            assert answer.status == Status.NOT_FOUND
        elif key not in self.locked:
            assert answer.status == Status.NOT_LOCKED
        elif not right:
            assert answer.status == Status.LOCKED
        else:
            assert answer.status == Status.SUCCESS
            del self.locked[key]

    @rule(key=KEYS, path=FIELDS)
    def look(self, key: bytes, path: str) -> None:
        encoded = path.encode()
        specs = b"".join(
            struct.pack(">BBH", opcode, 0, len(encoded)) + encoded
            for opcode in (Opcode.SUBDOC_GET, Opcode.SUBDOC_EXISTS, Opcode.SUBDOC_GET_COUNT)
        )
        answer = self.ask(Opcode.SUBDOC_MULTI_LOOKUP, key, specs)
        if key not in self.documents:
            assert answer.status == Status.NOT_FOUND
            return
        document = self.documents[key]
        found = []
        at = 0
        while at < len(answer.value):
            status, size = struct.unpack_from(">HI", answer.value, at)
            found.append((status, answer.value[at + 6 : at + 6 + size]))
            at += 6 + size
        if not isinstance(document, dict):
            assert {status for status, _ in found} == {Status.PATH_MISMATCH}
        elif path not in document:
            assert {status for status, _ in found} == {Status.PATH_NOT_FOUND}
        else:
            value = document[path]
            assert json.loads(found[0][1]) == value
            assert found[1][0] == Status.SUCCESS
            if isinstance(value, list | dict):
                assert found[2] == (Status.SUCCESS, b"%d" % len(value))
            else:
                assert found[2][0] == Status.PATH_MISMATCH

    def subdoc(self, key: bytes, opcode: int, path: str, value: bytes) -> tuple[int, Answer]:
        encoded = path.encode()
        spec = struct.pack(">BBHI", opcode, 0, len(encoded), len(value)) + encoded + value
        answer = self.ask(Opcode.SUBDOC_MULTI_MUTATION, key, spec)
        status = answer.status
        if status == Status.MULTI_PATH_FAILURE:
            status = struct.unpack(">BH", answer.value)[1]
        return status, answer

    @rule(
        key=KEYS,
        path=FIELDS,
        opcode=st.sampled_from(
            [
                Opcode.SUBDOC_DICT_ADD, Opcode.SUBDOC_DICT_UPSERT, Opcode.SUBDOC_REPLACE,
                Opcode.SUBDOC_DELETE, Opcode.SUBDOC_COUNTER, Opcode.SUBDOC_ARRAY_PUSH_LAST,
                Opcode.SUBDOC_ARRAY_PUSH_FIRST, Opcode.SUBDOC_ARRAY_ADD_UNIQUE,
            ]
        ),
        number=st.integers(1, 5),
    )  # fmt: skip
    def mutate(self, key: bytes, path: str, opcode: int, number: int) -> None:
        value = b"" if opcode == Opcode.SUBDOC_DELETE else b"%d" % number
        status, answer = self.subdoc(key, opcode, path, value)
        if key not in self.documents:
            assert status == Status.NOT_FOUND
            return
        refused = self.refused(key)
        if refused is not None:
            assert status == refused
            return
        document = self.documents[key]
        if not isinstance(document, dict):
            assert status == Status.PATH_MISMATCH
            return
        expected, changed = _changed(document, opcode, path, number)
        assert status == expected
        if changed is not None:
            self.wrote(key, answer, changed)

    @precondition(lambda self: self.documents)
    @rule(path=FIELDS)
    def several_or_none(self, path: str) -> None:
        key = next(iter(self.documents))
        name = path.encode()
        good = struct.pack(">BBHI", Opcode.SUBDOC_DICT_UPSERT, 0, 3, 1) + b"new" + b"1"
        bad = struct.pack(">BBHI", Opcode.SUBDOC_DICT_ADD, 0, len(name), 1) + name + b"1"
        answer = self.ask(Opcode.SUBDOC_MULTI_MUTATION, key, good + bad)
        document = self.documents[key]
        refused = self.refused(key)
        if refused is not None:
            assert answer.status == refused
        elif not isinstance(document, dict) or path in document:
            assert answer.status == Status.MULTI_PATH_FAILURE
        else:
            self.wrote(key, answer, {**document, "new": 1, path: 1})


def _changed(
    document: dict[str, Any], opcode: int, path: str, number: int
) -> tuple[int, dict[str, Any] | None]:
    """The status of one operation on a top-level field, and the document after it."""
    there = path in document
    old = document.get(path)
    if opcode == Opcode.SUBDOC_DICT_ADD:
        return (Status.PATH_EXISTS, None) if there else (0, {**document, path: number})
    if opcode == Opcode.SUBDOC_DICT_UPSERT:
        return 0, {**document, path: number}
    if opcode == Opcode.SUBDOC_COUNTER:
        if there and type(old) is not int:
            return Status.PATH_MISMATCH, None
        return 0, {**document, path: (old or 0) + number}
    if not there:
        return Status.PATH_NOT_FOUND, None
    if opcode == Opcode.SUBDOC_REPLACE:
        return 0, {**document, path: number}
    if opcode == Opcode.SUBDOC_DELETE:
        return 0, {name: value for name, value in document.items() if name != path}
    if not isinstance(old, list):
        return Status.PATH_MISMATCH, None
    if opcode == Opcode.SUBDOC_ARRAY_PUSH_LAST:
        return 0, {**document, path: [*old, number]}
    if opcode == Opcode.SUBDOC_ARRAY_PUSH_FIRST:
        return 0, {**document, path: [number, *old]}
    if number in old:
        return Status.PATH_EXISTS, None
    return 0, {**document, path: [*old, number]}


def check(tmp_path: Path, examples: int) -> None:
    global _LOOP, _CLIENT
    _LOOP = asyncio.new_event_loop()
    serving_ = serving(tmp_path, "memory")
    running = _LOOP.run_until_complete(serving_.__aenter__())
    try:
        client = _LOOP.run_until_complete(running.client())
        _CLIENT = _LOOP.run_until_complete(client.enter((Feature.XERROR, Feature.JSON)))
        run_state_machine_as_test(
            Model,
            settings=settings(
                max_examples=examples,
                stateful_step_count=50,
                deadline=None,
                database=None,
                derandomize=examples < 100,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        _LOOP.run_until_complete(serving_.__aexit__(None, None, None))
        _LOOP.close()


def test_two_thousand_steps_agree_with_a_dictionary(tmp_path: Path) -> None:
    check(tmp_path, 40)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_twenty_thousand_steps_agree_with_a_dictionary(tmp_path: Path) -> None:
    check(tmp_path, 400)
