"""Large JSON is decoded in parts to what it is at once, and refused where that is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.couchbase.sqlpp.test_pausing import Turns

from cloudlet.couchbase.sqlpp import decoding
from cloudlet.couchbase.sqlpp.decoding import decoded
from cloudlet.couchbase.sqlpp.pausing import driven


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LARGE_BYTES", 0)
    monkeypatch.setattr(decoding, "_WINDOW", 32)


async def in_parts(data: bytes) -> Any:
    def work() -> Iterator[Any]:
        yield decoded(data)

    return await anext(driven(work(), Turns()))


def some_value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(9 if depth else 6)
    if kind > 6:
        return [some_value(chance, depth - 1) for _ in range(chance.randrange(9))]
    if kind > 4:
        names = ["", "a", 'q"\\', "name " * 9, "ü€😀"]
        items = range(chance.randrange(9)) if depth else ()
        return {f"{chance.choice(names)}{n}": some_value(chance, depth - 1) for n in items}
    scalars = [None, True, -7, 2.5e30, 'text "\\/\n\u2028ü😀' * chance.randrange(9), 10**18]
    return chance.choice(scalars)


@pytest.mark.parametrize("seed", range(40))
async def test_values_are_the_same_as_at_once(seed: int) -> None:
    chance = random.Random(seed)
    value = [some_value(chance, 5) for _ in range(9)]
    for data in (
        msgspec.json.encode(value),
        json.dumps(value, indent=chance.choice([None, 3, 40])).encode(),
    ):
        assert await in_parts(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"", b" " * 99, b"[1,]", b"[1", b"[" + b"1," * 50, b"[" + b"1 " * 50 + b"]", b"{",
        b'{"a":1,}', b'{"a" 1}', b'{"a":}', b"{1:2}", b"[NaN]", b"[1]]", b"[1] x", b'"' + b"x" * 99,
        b'["' + b"x" * 99 + b'\\q"]', b'["\xff"]', b'["\\ud800"]', b"[01]", b"[" + b"-" * 99 + b"]",
        b'{"' + b"n" * 99 + b'" 1}', b'{"' + b"n" * 99, b"[" * 99, b"]" + b" " * 99, b"nul" * 33,
    ],
)  # fmt: skip
async def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        msgspec.json.decode(data)
    with pytest.raises(msgspec.DecodeError):
        await in_parts(data)


async def test_what_is_nested_too_deeply_is_an_error_too() -> None:
    with pytest.raises(RecursionError):
        await in_parts(b"[" * 100_000 + b"]" * 100_000)
