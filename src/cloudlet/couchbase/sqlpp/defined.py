"""What statements define beside indexes: user-defined functions and sequences, kept on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.keyspace import Keyspaces, UnknownKeyspaceError
from cloudlet.couchbase.sqlpp.values import INT_MAX, INT_MIN

#: A global name is (name,); a scoped one (bucket, scope, name).
Name = tuple[str, ...]


class UserFunction(msgspec.Struct, frozen=True):
    """An inline function; without parameters (None) it takes any number, in `args`."""

    name: tuple[str, ...]
    parameters: tuple[str, ...] | None
    body: str

    @property
    def context(self) -> tuple[str, str] | None:
        """The scope against which the body's keyspaces are resolved."""
        return (self.name[0], self.name[1]) if len(self.name) == 3 else None

    def document(self) -> dict[str, Any]:
        """Its entry in system:functions."""
        identity = {"name": self.name[-1], "namespace": "default", "type": "global"}
        if len(self.name) == 3:
            identity |= {"bucket": self.name[0], "scope": self.name[1], "type": "scope"}
        definition: dict[str, Any] = {
            "#language": "inline", "expression": self.body, "text": self.body,
        }  # fmt: skip
        if self.parameters is not None:
            definition["parameters"] = list(self.parameters)
        return {"definition": definition, "identity": identity}


class Sequence(msgspec.Struct, frozen=True):
    """A sequence's settings, the first value that is not reserved yet (None: used up), and the
    last one that is (None: no value was)."""

    name: tuple[str, ...]
    start: int = 0
    increment: int = 1
    minimum: int = INT_MIN
    maximum: int = INT_MAX
    cycle: bool = False
    cache: int = 50
    reserved: int | None = None
    last: int | None = None

    def after(self, value: int) -> int | None:
        """The value after one; None at the end."""
        following = value + self.increment
        if self.holds(following):
            return following
        if not self.cycle:
            return None
        return self.minimum if self.increment > 0 else self.maximum

    def holds(self, value: int | None) -> bool:
        """Whether the value is one of the sequence's range."""
        return value is not None and self.minimum <= value <= self.maximum


def path_text(name: Name) -> str:
    """The name as messages show it."""
    return "default:" + ".".join(name)


class _Definitions:
    """Definitions of one kind; those in scopes that are gone do not count."""

    kind = ""

    def __init__(self, keyspaces: Keyspaces) -> None:
        self._keyspaces = keyspaces

    def _lives(self, name: Name) -> bool:
        if len(name) == 1:
            return True
        try:
            return name[1] in self._keyspaces.scopes(name[0])
        except UnknownKeyspaceError:
            return False
        except KeyError:
            return False

    def _names(self) -> Iterator[tuple[Name, bytes]]:
        for text, data in self._keyspaces.definitions(self.kind):
            name = tuple(msgspec.json.decode(text))
            if self._lives(name):
                yield name, data

    async def _save(self, name: Name, value: msgspec.Struct) -> None:
        key = msgspec.json.encode(name).decode()
        await self._keyspaces.save_definition(self.kind, key, msgspec.json.encode(value))

    async def _drop(self, name: Name) -> None:
        await self._keyspaces.drop_definition(self.kind, msgspec.json.encode(name).decode())

    def check_scope(self, name: Name) -> None:
        """12003 or 12021 where the name's bucket or scope is not there."""
        if len(name) != 3:
            return
        try:
            known = name[1] in self._keyspaces.scopes(name[0])
        except (UnknownKeyspaceError, KeyError):
            raise errors.bucket_not_found(f"default:{name[0]}", name[0]) from None
        if not known:
            raise errors.scope_not_found(f"default:{name[0]}.{name[1]}")


class UserFunctions(_Definitions):
    """The inline functions."""

    kind = "function"

    def find(self, name: Name) -> UserFunction | None:
        """The function of a full name."""
        return next(
            (
                msgspec.json.decode(data, type=UserFunction)
                for n, data in self._names()
                if n == name
            ),
            None,
        )

    def all(self) -> Iterator[UserFunction]:
        """Every function."""
        for _, data in self._names():
            yield msgspec.json.decode(data, type=UserFunction)

    def documents(self) -> Iterator[tuple[str, Any]]:
        """system:functions."""
        for function in self.all():
            yield path_text(function.name), function.document()

    async def create(self, function: UserFunction, *, replace: bool, tolerant: bool) -> None:
        """Keep a function; 10102 where the name is taken."""
        self.check_scope(function.name)
        if self.find(function.name) is not None and not replace:
            if tolerant:
                return
            raise errors.QueryError(
                10102, f"Function already exists '{path_text(function.name)}'", http=409
            )
        await self._save(function.name, function)

    async def drop(self, name: Name, *, tolerant: bool) -> None:
        """Forget a function; 10101 where there is none."""
        if self.find(name) is None:
            if tolerant:
                return
            raise errors.QueryError(10101, f"Function not found '{path_text(name)}'", http=404)
        await self._drop(name)


class Sequences(_Definitions):
    """The sequences. Values are reserved on disk by blocks of `cache`: after a crash the rest of
    a block is lost, but no value is given out twice."""

    kind = "sequence"

    def __init__(self, keyspaces: Keyspaces) -> None:
        super().__init__(keyspaces)
        self._next: dict[Name, tuple[int | None, int]] = {}  # the next value, and how many are left
        self._last: dict[Name, int] = {}

    def find(self, name: Name) -> Sequence:
        """The sequence of a full name; 19106 where there is none."""
        for n, data in self._names():
            if n == name:
                return msgspec.json.decode(data, type=Sequence)
        raise errors.QueryError(_NOT_FOUND, f"Sequence '{path_text(name)}' not found", http=404)

    def exists(self, name: Name) -> bool:
        """Whether there is a sequence of that name."""
        return any(n == name for n, _ in self._names())

    def names(self) -> Iterator[Name]:
        """The names of all sequences."""
        return (name for name, _ in self._names())

    async def save(self, sequence: Sequence) -> None:
        """Keep a new or changed sequence; what was reserved is given up."""
        self.check_scope(sequence.name)
        self._next.pop(sequence.name, None)
        await self._save(sequence.name, sequence)

    async def drop(self, name: Name) -> None:
        """Forget a sequence."""
        self._next.pop(name, None)
        self._last.pop(name, None)
        await self._drop(name)

    async def next(self, name: Name) -> int:
        """The next value; 19111 where there is none any more."""
        value, left = self._next.get(name, (None, 0))
        if left == 0 or value is None:
            sequence = self.find(name)
            value = sequence.reserved
            if value is None:
                raise errors.QueryError(
                    _EXHAUSTED, f"Sequence '{path_text(name)}' has reached its limit", http=400
                )
            left = max(1, sequence.cache)
            end: int | None = value
            last = value
            count = 0
            while count < left and end is not None:
                last, end, count = end, sequence.after(end), count + 1
            left = count
            self._next[name] = (value, left)
            await self._save(name, msgspec.structs.replace(sequence, reserved=end, last=last))
            value, left = self._next[name]
            assert value is not None
        sequence_after = self.find(name).after(value)
        self._next[name] = (sequence_after, left - 1)
        self._last[name] = value
        return value

    def previous(self, name: Name) -> int:
        """The last value given out by this server since it started; 19118 before the first."""
        if name not in self._last:
            self.find(name)
            raise errors.QueryError(
                _NO_PREVIOUS, f"Sequence '{path_text(name)}' has no previous value", http=400
            )
        return self._last[name]

    def documents(self) -> Iterator[tuple[str, Any]]:
        """system:sequences."""
        for name, data in self._names():
            found = msgspec.json.decode(data, type=Sequence)
            value, left = self._next.get(name, (None, 0))
            document: dict[str, Any] = {
                "cache": found.cache, "cycle": found.cycle, "increment": found.increment,
                "max": found.maximum, "min": found.minimum, "name": name[-1],
                "namespace": "default", "namespace_id": "default", "path": path_text(name),
                "value": {"73428daec3c68d8632ae66b09b70f14d": value if left else None,
                          "~next_block": found.reserved},
            }  # fmt: skip
            if len(name) == 3:
                document |= {"bucket": name[0], "scope": name[1]}
            yield path_text(name), document


_NOT_FOUND, _EXHAUSTED, _NO_PREVIOUS = 19106, 19111, 19118
