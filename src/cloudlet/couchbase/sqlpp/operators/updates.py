"""UPDATE and DELETE, and how SET and UNSET change a document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.evaluation.ranges import Bindings
from cloudlet.couchbase.sqlpp.functions.registry import whole
from cloudlet.couchbase.sqlpp.keyspace import (
    CasMismatchError,
    KeyNotFoundError,
    Keyspace,
    KeyspaceName,
)
from cloudlet.couchbase.sqlpp.operators.changes import (
    Returning,
    expiration_of,
    target_details,
    written_all,
)
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING, is_binary, truth

# One step of a path: a field's name or an element's place.
Step = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class PathChange:
    """One SET or UNSET; without steps it is the whole document, `expiration` is META's.

    With FOR the path may begin at a variable, whose slot is then `base`.
    """

    steps: tuple[Step, ...]
    value: Evaluate | None
    expiration: bool = False
    base: int = -1
    dimensions: tuple[Bindings, ...] = ()
    condition: Evaluate | None = None


def assigned(value: Any, steps: list[Any], new: Any) -> Any:
    """A copy of `value` with the part at the path changed; parents are not made up.

    MISSING takes a field away and makes an element NULL. Nothing that is shared is changed.
    """
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    if type(value) is dict and type(step) is str:
        if rest and step not in value:
            return value
        changed = assigned(value.get(step), rest, new)
        if changed is MISSING:
            return {name: item for name, item in value.items() if name != step}
        return {**value, step: changed}
    place = whole(step) if type(step) in (int, float) else None
    if type(value) is list and place is not None and -len(value) <= place < len(value):
        changed = assigned(value[place], rest, new)
        copy = value.copy()
        copy[place] = None if changed is MISSING else changed
        return copy
    return value


def _own_copy(value: Any) -> Any:
    """A copy down to the leaves, which FOR changes in place."""
    if type(value) is dict:
        pause()
        return {name: _own_copy(item) for name, item in value.items()}
    return [_own_copy(item) for item in value] if type(value) is list else value


def _assign_in_place(value: Any, steps: list[Any], new: Any) -> None:
    for step in steps[:-1]:
        if type(value) is dict and type(step) is str:
            value = value.get(step)
        elif type(value) is list and type(step) is int and -len(value) <= step < len(value):
            value = value[step]
        else:
            return
    step = steps[-1]
    if type(value) is dict and type(step) is str:
        if new is MISSING:
            value.pop(step, None)
        else:
            value[step] = new
    elif type(value) is list and type(step) is int and -len(value) <= step < len(value):
        value[step] = None if new is MISSING else new


class Changes:
    """All the SETs and UNSETs of one statement."""

    def __init__(self, slot: int, changes: list[PathChange]) -> None:
        self._slot = slot
        self._changes = changes

    def apply(self, row: Row, *, preserve_expiry: bool) -> tuple[Any, int | None]:
        """The new document of a row, and its expiration (None keeps the one it has)."""
        original = document = row[self._slot]
        if is_binary(document):
            raise errors.binary_document("UPDATE", row[self._slot + 1].id)
        expiration: int | None = None if preserve_expiry else 0
        for change in self._changes:
            if change.dimensions:
                document = row[self._slot] = _own_copy(document)
                for places in self._combinations(row, change, ()):
                    self._set_element(row, change, places)
                row[self._slot] = original
                continue
            new = change.value(row) if change.value is not None else MISSING
            if change.expiration:
                expiration = expiration_of(new)
            else:
                document = assigned(document, [step(row) for step in change.steps], new)
        return document, expiration

    def _combinations(
        self, row: Row, change: PathChange, places: tuple[int, ...]
    ) -> Iterator[tuple[int, ...]]:
        """Sets the variables of all FOR clauses to each of their combinations in turn."""
        if len(places) == len(change.dimensions):
            if change.condition is None or truth(change.condition(row)) is True:
                yield places
            return
        bindings = change.dimensions[len(places)]
        steps = bindings.steps(row)
        if steps is None or steps is MISSING:
            return
        for place, step in enumerate(list(steps)):
            for slot, value in zip(bindings.slots, step, strict=True):
                row[slot] = value
            pause()
            yield from self._combinations(row, change, (*places, place))

    def _set_element(self, row: Row, change: PathChange, places: tuple[int, ...]) -> None:
        new = change.value(row) if change.value is not None else MISSING
        steps = [step(row) for step in change.steps]
        if steps:
            _assign_in_place(row[change.base], steps, new)
            return
        # The variable itself: the element it stands for is replaced where it lies.
        for bindings, place in zip(change.dimensions, places, strict=True):
            bindings.replace_element(row, change.base, place, None if new is MISSING else new)


@dataclass(slots=True)
class Update:
    """UPDATE of the rows of a source."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    source: Operator
    changes: Changes
    returning: Returning | None

    def run(self, context: Context, seed: Row) -> AsyncIterator[list[Any]]:
        """Change every document the source gives."""
        keyspace = context.resolve(self.keyspace)
        rows = self._changed(context, seed)
        return written_all(context, rows, self._write, keyspace, self.returning)

    def _changed(self, context: Context, seed: Row) -> Batches:
        for batch in self.source.run(seed):
            rows = []
            for row in batch:
                if changed_row(context, self.changes, row, self.slot):
                    rows.append(row)
                pause()
            yield rows

    async def _write(self, keyspace: Keyspace, row: Row) -> bool:
        return await replaced(keyspace, row, self.slot)

    def explain(self) -> list[dict[str, Any]]:
        """SendUpdate after the source."""
        return [*self.source.explain(), target_details("SendUpdate", self.keyspace, self.alias)]


def changed_row(context: Context, changes: Changes, row: Row, slot: int) -> bool:
    """Put the new document into the row, with meta and expiration beside it; False on an error."""
    try:
        document, expiration = changes.apply(row, preserve_expiry=context.preserve_expiry)
    except errors.QueryError as error:
        if error.code != 12030:
            raise
        context.errors.append(error)
        return False
    row[slot], row[slot + 1] = document, (row[slot + 1], expiration)
    return True


async def replaced(keyspace: Keyspace, row: Row, slot: int) -> bool:
    """Write a changed row; False where the document is gone."""
    meta, expiration = row[slot + 1]
    try:
        row[slot + 1] = await keyspace.replace(
            meta.id, row[slot], cas=meta.cas, expiration=expiration
        )
    except KeyNotFoundError:
        return False
    except CasMismatchError:
        raise errors.cas_mismatch("UPDATE", meta.id) from None
    return True


async def removed(keyspace: Keyspace, row: Row, slot: int) -> bool:
    """Delete a row's document; False where it is gone."""
    meta = row[slot + 1]
    try:
        await keyspace.delete(meta.id, cas=meta.cas)
    except KeyNotFoundError:
        return False
    except CasMismatchError:
        raise errors.cas_mismatch("DELETE", meta.id) from None
    return True


@dataclass(slots=True)
class Delete:
    """DELETE of the rows of a source."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    source: Operator
    returning: Returning | None

    def run(self, context: Context, seed: Row) -> AsyncIterator[list[Any]]:
        """Remove every document the source gives."""
        keyspace = context.resolve(self.keyspace)
        batches = self.source.run(seed)
        return written_all(context, batches, self._write, keyspace, self.returning)

    async def _write(self, keyspace: Keyspace, row: Row) -> bool:
        return await removed(keyspace, row, self.slot)

    def explain(self) -> list[dict[str, Any]]:
        """SendDelete after the source."""
        return [*self.source.explain(), target_details("SendDelete", self.keyspace, self.alias)]
