"""One batch of records: filtered, sent to the function, and what it answered."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from cloudlet.aws.errors import AWSError
from cloudlet.aws.event_pattern import Match, compile_pattern
from cloudlet.aws.event_sources import SourceRecord
from cloudlet.compute.environment import Outcome
from cloudlet.services.lambda_.model import MappingRecord

#: Bytes of a batch's payload, with room for the event around the records ("Lambda quotas").
PAYLOAD_BYTES = 6 * 1024 * 1024 - 1024


class Runs(Protocol):
    """Runs the mapping's function; raises `AWSError`."""

    async def __call__(self, arn: str, payload: bytes, request_id: str) -> tuple[Outcome, str]:
        """The answer, and the version that gave it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch: the ids that failed (all of them, or those that were reported)."""

    request_id: str
    failed: frozenset[str]
    reported: bool = False  # by the function, as a partial batch response
    outcome: Outcome | None = None
    version: str = ""
    stateless: bool = False  # it had to return a window's state and did not
    error: str = ""  # why the function could not be run
    state: msgspec.Raw | None = None  # of a tumbling window, as the function returned it

    @property
    def result(self) -> str:
        """As LastProcessingResult says it."""
        if self.error:
            return f"PROBLEM: {self.error}"
        if self.outcome is not None and (self.outcome.error is not None or self.stateless):
            return "PROBLEM: Function call failed"
        return "OK"


class Batches:
    """Filters and invokes for one mapping."""

    def __init__(self, mapping: MappingRecord, run: Runs) -> None:
        self._mapping, self._run = mapping, run
        self._patterns: list[Match] = [compile_pattern(text) for text in mapping.filters]

    def wanted(self, record: SourceRecord) -> bool:
        """Whether the record passes the filter criteria: one of the patterns, if there are any."""
        return not self._patterns or any(match(record.filtered) for match in self._patterns)

    async def send(
        self, records: Sequence[SourceRecord], window: Mapping[str, Any] | None = None
    ) -> Answer:
        """Invoke the function with the records, and what the event says of their tumbling window;
        then an answer without a state is a failure.
        """
        request_id = str(uuid.uuid4())
        ids = frozenset(record.id for record in records)
        payload = msgspec.json.encode(
            {"Records": [record.event for record in records], **(window or {})}
        )
        try:
            outcome, version = await self._run(self._mapping.function, payload, request_id)
        except AWSError as error:
            return Answer(request_id, ids, error=error.message)
        if outcome.error is not None:
            return Answer(request_id, ids, outcome=outcome, version=version)
        failed, reported, state = frozenset[str](), False, None
        if window is not None:
            state = _state(outcome.payload)
            if state is None:
                return Answer(request_id, ids, outcome=outcome, version=version, stateless=True)
        if self._mapping.report_failures:
            failed, reported = _reported(outcome.payload, ids)
        return Answer(request_id, failed, reported, outcome, version, state=state)


class _WithState(msgspec.Struct):
    state: msgspec.Raw


def _state(payload: bytes) -> msgspec.Raw | None:
    """The object under `state` in the answer, None where there is none."""
    try:
        found = msgspec.json.decode(payload, type=_WithState).state
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if bytes(found).lstrip()[:1] == b"{" else None


def _reported(payload: bytes, ids: frozenset[str]) -> tuple[frozenset[str], bool]:
    """The records that a partial batch response names; all where it is malformed.

    After "Success and failure conditions" of "Reporting batch item failures".
    """
    try:
        found = json.loads(payload) if payload else None
    except (ValueError, RecursionError):
        return ids, False
    if found is None or found == {}:
        return frozenset(), False
    failures: Any = found.get("batchItemFailures") if isinstance(found, dict) else ()
    if failures is None or failures == []:
        return frozenset(), False
    if not isinstance(failures, list):
        return ids, False
    named: list[Any] = [
        one.get("itemIdentifier") if isinstance(one, dict) else None for one in failures
    ]
    if not all(isinstance(one, str) and one in ids for one in named):
        return ids, False
    return frozenset(named), True


def fits(size: int, record: SourceRecord) -> int:
    """The payload's size with the record."""
    return size + len(msgspec.json.encode(record.event)) + 1
