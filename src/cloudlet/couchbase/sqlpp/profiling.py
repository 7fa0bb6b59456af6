"""What `profile=phases` and `profile=timings` report: a copy of the plan that counts and times.

Only requests that ask for it run the copy; a plan itself carries no counters.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from cloudlet.couchbase.sqlpp.durations import format_duration
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Row
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, QueryPlan

#: The phase that each step of EXPLAIN belongs to, as the reference names them.
_PHASES: Final = {
    "PrimaryScan3": "primaryScan", "IndexScan3": "indexScan", "DistinctScan": "indexScan",
    "IntersectScan": "intersectScan", "UnionScan": "unionScan", "KeyScan": "keyScan",
    "CountScan": "countScan", "Fetch": "fetch", "Filter": "filter", "HashJoin": "hashJoin",
    "NestedLoopJoin": "nestedLoopJoin", "NestedLoopNest": "nestedLoopNest", "Unnest": "unnest",
    "InitialGroup": "group", "WindowAggregate": "windowAgg", "Order": "sort",
    "InitialProject": "project", "Distinct": "distinct", "Let": "let", "With": "with",
    "UnionAll": "unionAll", "IntersectAll": "intersectAll", "ExceptAll": "exceptAll",
    "ExpressionScan": "expressionScan", "DummyScan": "dummyScan",
}  # fmt: skip
#: Phases whose rows the reference counts.
_COUNTED: Final = frozenset(
    {"fetch", "indexScan", "primaryScan", "keyScan", "hashJoin", "nestedLoopJoin", "unnest", "sort"}
)


class Rests(Protocol):
    """A request's context: how long it has let others run."""

    rested_s: float


@dataclass(slots=True)
class Watched:
    """A step with its source's wrapped likewise: time of its own, and rows out."""

    inner: Operator
    profile: Profile
    inputs: list[Watched]
    took_s: float = 0.0
    rows: int = 0
    batches: int = 0

    def run(self, seed: Row) -> Batches:
        """The step's own batches."""
        batches = self.inner.run(seed)
        while True:
            with self.profile.measured(self, seed[0]):
                batch = next(batches, None)
            if batch is None:
                return
            self.rows += len(batch)
            self.batches += 1
            yield batch

    def explain(self) -> list[dict[str, Any]]:
        """The entries of this step and those before it, each with its counts and time."""
        steps = self.inner.explain()
        for place, step in enumerate(self.own(steps)):
            stats: dict[str, Any] = {"#itemsOut": self.rows, "#phaseSwitches": self.batches}
            if self.inputs:
                stats["#itemsIn"] = sum(one.rows for one in self.inputs)
            # One operator may do the work of several steps; the first of them shows its time.
            stats["execTime"] = format_duration(0.0 if place else self.took_s)
            step["#stats"] = stats
        return steps

    @staticmethod
    def own(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The entries that no step before has put its figures to."""
        return [step for step in steps if "#stats" not in step]

    def walk(self) -> Iterator[Watched]:
        """This step and all before it."""
        for one in self.inputs:
            yield from one.walk()
        yield self


@dataclass(slots=True)
class Profile:
    """What one request took, phase by phase; `timings` adds the plan with its steps' figures."""

    timings: bool
    times_s: dict[str, float] = field(default_factory=dict)
    root: Watched | None = None
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _stack: list[float] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time of the request as a whole: parse, plan, run, stream."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.times_s[name] = self.times_s.get(name, 0.0) + time.perf_counter() - start

    @contextmanager
    def measured(self, step: Watched, context: Rests) -> Iterator[None]:
        """Time of a step without that of the steps before it and of others' turns."""
        start, rested = time.perf_counter(), context.rested_s
        self._stack.append(0.0)
        try:
            yield
        finally:
            inside = self._stack.pop()
            whole = time.perf_counter() - start - (context.rested_s - rested)
            step.took_s += whole - inside
            if self._stack:
                self._stack[-1] += whole

    def watch(self, plan: QueryPlan) -> QueryPlan:
        """The plan with every step watched."""
        watched = copy.copy(plan)
        self.root = self._watched(plan.operator)
        watched.operator = self.root
        return watched

    def _watched(self, operator: Operator) -> Watched:
        inner = copy.copy(operator)
        inputs: list[Watched] = []
        for one in fields(inner):  # type: ignore[arg-type] # operators are dataclasses
            value = getattr(inner, one.name)
            if isinstance(value, QueryPlan):
                value = copy.copy(value)
                value.operator = self._watched(value.operator)
                inputs.append(value.operator)
                setattr(inner, one.name, value)
            elif one.name in ("source", "left", "right", "setup", "body", "chosen"):
                found = self._watched(value)
                inputs.append(found)
                setattr(inner, one.name, found)
        return Watched(inner, self, inputs)

    def document(self, host: str) -> dict[str, Any]:
        """The response's `profile`."""
        times = dict(self.times_s)
        counts: dict[str, int] = {}
        operators: dict[str, int] = {"authorize": 1, "stream": 1}
        for step in self.root.walk() if self.root is not None else ():
            for place, entry in enumerate(step.own(step.inner.explain())):
                name = _PHASES.get(entry["#operator"])
                if name is None:
                    continue
                operators[name] = operators.get(name, 0) + 1
                times[name] = times.get(name, 0.0) + (0.0 if place else step.took_s)
                if name in _COUNTED:
                    counts[name] = counts.get(name, 0) + step.rows
        found: dict[str, Any] = {
            "phaseTimes": {name: format_duration(took) for name, took in sorted(times.items())}
        }
        if counts:
            found["phaseCounts"] = dict(sorted(counts.items()))
        found["phaseOperators"] = dict(sorted(operators.items()))
        found["requestTime"] = self.began.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found["servicingHost"] = host
        if self.timings and self.root is not None:
            children = self.root.explain()
            found["executionTimings"] = {
                "#operator": "Authorize",
                "#stats": {"#phaseSwitches": 1},
                "~child": {"#operator": "Sequence", "~children": children},
            }
        return found
