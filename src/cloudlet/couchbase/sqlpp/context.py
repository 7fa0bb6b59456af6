"""What one run of a statement carries along: slot 0 of every row."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.arrivals import Arrivals
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Row
from cloudlet.couchbase.sqlpp.evaluation.members import Members
from cloudlet.couchbase.sqlpp.keyspace import Keyspace, KeyspaceName, UnknownKeyspaceError
from cloudlet.couchbase.sqlpp.planner.catalog import Catalog
from cloudlet.couchbase.sqlpp.profiling import Profile
from cloudlet.couchbase.sqlpp.rights import Right
from cloudlet.couchbase.sqlpp.system import SYSTEM_BUCKET
from cloudlet.couchbase.sqlpp.values import MISSING

# How long a query works before it lets others run (the loop's rule is 5 ms): less while others
# have work, so that a request of several steps does not wait a long slice before each of them.
_SLICE_S: Final = 0.002
_SHORT_SLICE_S: Final = 0.0001
# How long it works before it looks whether somebody has come: longer the longer nobody has.
_LOOK_S: Final = 0.000_025
_LONG_LOOK_S: Final = 0.000_1
# What a turn of the loop takes in which nobody else has work, and how many turns a busy loop gets.
_QUIET_S: Final = 0.000_04
_TURNS: Final = 4


def estimated_bytes(value: Any) -> int:
    """About how much memory a value takes; long arrays and objects by their first items."""
    kind = type(value)
    if kind is str:
        return 50 + len(value)
    if kind is list or kind is dict:
        size = len(value)
        if not size:
            return 64
        items = value if kind is list else value.values()
        first = sum(map(estimated_bytes, islice(items, 4)))
        return 64 + (8 if kind is list else 60) * size + first * size // min(size, 4)
    return 24


class StoppedError(Exception):
    """The request was cancelled while it ran."""


class Transaction(Protocol):
    """The transaction that a statement runs in."""

    sequences: dict[tuple[str, ...], int]

    def keyspace(self, name: KeyspaceName, base: Keyspace) -> Keyspace:
        """The collection with the transaction's changes over it."""


class Context:
    """Parameters, clock and counters of one run.

    `turn` is awaited between batches: it gives way to the event loop when the slice is used up
    or somebody has come, and raises 1080 when the request's time is used up. `look_at` is when to
    ask the next time whether it is `over`.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        named: Mapping[str, Any] | None = None,
        positional: Sequence[Any] = (),
        timeout_s: float | None = None,
        timeout_text: str = "",
        preserve_expiry: bool = False,
        memory_quota_bytes: int = 0,
        user: str = "",
        profile: Profile | None = None,
    ) -> None:
        self.catalog = catalog
        self.named = named or {}
        self.positional = positional
        self.now_ms = int(time.time() * 1000)
        self.query_results: dict[int, list[Any]] = {}
        #: Long arrays that are to be freed little by little, when nothing runs any more.
        self.kept: list[Any] = []
        #: By the place of an IN in the statement: what its array holds.
        self.members: dict[int, Members] = {}
        self.sort_count: int | None = None
        self.mutation_count = 0
        self.preserve_expiry = preserve_expiry
        self.user = user
        self.profile = profile
        #: What the functions ADVISOR and EVALUATE do, given by the engine that runs this.
        self.advise: Callable[[str], dict[str, Any]] | None = None
        self.evaluate: Callable[[str, Any], list[Any]] | None = None
        #: Raises 13014 where the caller may not do what a statement needs.
        self.authorise: Callable[[frozenset[Right]], None] = lambda _rights: None
        #: Statements that run inside of this one, and how deep this one is inside of others.
        self.nested: list[Context] = []
        self.depth = 0
        self.rested_s = 0.0  # how long others had their turns
        self.transaction: Transaction | None = None
        self.used_bytes = 0  # what sorting, grouping and joining hold, estimated
        self._memory_quota_bytes = memory_quota_bytes
        self.stopped = False  # set from outside: the client is gone, or an administrator
        self.errors: list[errors.QueryError] = []
        self.warnings: list[errors.QueryError] = []
        self._deadline = time.monotonic() + timeout_s if timeout_s else None
        self._timeout_text = timeout_text
        self._arrivals: Arrivals | None = None
        self._arrived = False
        self._slice_s = _SLICE_S
        self._look_s = _LOOK_S
        self.look_at = time.monotonic() + _LOOK_S
        self._slice_end = self.look_at + _SLICE_S

    def resolve(self, name: KeyspaceName) -> Keyspace:
        """The keyspace as it is now; 12003 where it has gone since the plan was made."""
        try:
            found = self.catalog.keyspace(name, self.user)
        except UnknownKeyspaceError as error:
            raise errors.keyspace_not_found(error.path) from None
        if self.transaction is not None and name.bucket != SYSTEM_BUCKET:
            return self.transaction.keyspace(name, found)
        return found

    def inner(self, parameters: Any) -> Context:
        """The same request, running another statement with parameters of its own."""
        found = copy.copy(self)
        found.named = parameters if type(parameters) is dict else {}
        found.positional = parameters if type(parameters) is list else ()
        found.query_results, found.members = {}, {}
        found.profile, found.errors = None, []
        found.nested, found.depth = [], self.depth + 1
        self.nested.append(found)
        return found

    def forgotten(self) -> list[Any]:
        """What a run that has ended held: it is not to run again."""
        found = [self.named, self.positional, *self.query_results.values(), *self.kept]
        self.kept.clear()
        self.named, self.positional, self.query_results, self.members = {}, (), {}, {}
        return found

    def stop(self) -> None:
        """End the run, and what runs inside of it, at the next turn."""
        self.stopped = True
        for one in self.nested:
            one.stop()

    def seed(self, size: int) -> Row:
        """An empty row for a statement's frame."""
        return [self, *([MISSING] * (size - 1))]

    @property
    def has_quota(self) -> bool:
        """Whether the request's memory is limited."""
        return self._memory_quota_bytes > 0

    def hold(self, value: Any) -> None:
        """Count a value that is kept until the end; 5500 over the request's quota."""
        self.used_bytes += estimated_bytes(value)
        if 0 < self._memory_quota_bytes < self.used_bytes:
            raise errors.QueryError(5500, "Request has exceeded memory quota", http=500)

    def hold_rows(self, rows: Sequence[Row]) -> None:
        """Count some rows that are kept until the end: every eighth, the others as it."""
        weight = 0
        for place, row in enumerate(rows):
            if place % 8 == 0:
                before = self.used_bytes
                self.hold_row(row)
                weight = self.used_bytes - before
            else:
                self.used_bytes += weight

    def hold_row(self, row: Row) -> None:
        """Count a row that is kept until the end, by what is in its slots."""
        self.used_bytes += 64 + 8 * len(row)
        for value in row:
            kind = type(value)
            if kind is dict or kind is list or kind is str:
                self.used_bytes += estimated_bytes(value)
        if 0 < self._memory_quota_bytes < self.used_bytes:
            raise errors.QueryError(5500, "Request has exceeded memory quota", http=500)

    def over(self, now: float) -> bool:
        """Whether the slice is used up, or somebody has come meanwhile."""
        if self._arrived or now >= self._slice_end:
            return True
        if self._arrivals is None:
            self._arrivals = Arrivals()
        self._arrived = self._arrivals.waiting()
        self._look_s = min(_LONG_LOOK_S, self._look_s * 1.02)
        self.look_at = now + self._look_s
        return self._arrived

    async def turn(self) -> None:
        """Let others run if the slice is over; 1080 if the time is."""
        if self.stopped:
            raise StoppedError
        now = time.monotonic()
        if (now < self.look_at and not self._arrived) or not self.over(now):
            return
        if self._deadline is not None and now > self._deadline:
            raise errors.timed_out(self._timeout_text)
        await self.rest()

    async def rest(self) -> None:
        """Let others run, and begin a new slice."""
        began = now = time.monotonic()
        for turn in range(_TURNS):
            await asyncio.sleep(0)
            before, now = now, time.monotonic()
            if now - before >= _QUIET_S:
                self._slice_s = _SHORT_SLICE_S
            elif not self._arrived:
                if turn == 0:
                    self._slice_s = min(_SLICE_S, self._slice_s * 1.1)
                break
        if self._arrived:  # the query has its part, too, beside one who has no end
            self._look_s = min(_LONG_LOOK_S, max(_LOOK_S, now - began))
            self._arrived = False
        self.rested_s += now - began
        self.look_at = now + self._look_s
        self._slice_end = now + self._slice_s
