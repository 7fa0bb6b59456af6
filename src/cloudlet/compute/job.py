"""An invocation on its way through an environment, and how an initialisation may fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from cloudlet.compute import report
from cloudlet.compute.environment import EnvironmentSpec, Invocation, Outcome
from cloudlet.compute.errors import ComputeError
from cloudlet.compute.stream import ResponseStream


class Job:
    """An invocation on its way through an environment; `ended` is told once, whoever waits."""

    __slots__ = ("ended", "future", "invocation", "queued", "spec", "stream")

    def __init__(
        self,
        spec: EnvironmentSpec,
        invocation: Invocation,
        future: asyncio.Future[Outcome],
        ended: Callable[[Outcome | None], None] | None = None,
        stream: ResponseStream | None = None,
    ) -> None:
        self.spec, self.invocation, self.future = spec, invocation, future
        self.ended, self.stream = ended, stream
        self.queued = 0.0  # when it began to wait

    def settle(self, outcome: Outcome) -> None:
        """Answer with what came of it."""
        if not self.future.done():
            self.future.set_result(outcome)
        self._tell(outcome)

    def fail(self, error: ComputeError) -> None:
        """Answer with the platform's own failure."""
        if not self.future.done():
            self.future.set_exception(error)
        self._tell(None)

    def _tell(self, outcome: Outcome | None) -> None:
        ended, self.ended = self.ended, None
        if ended is not None:
            ended(outcome)


@dataclass(slots=True)
class Ended:
    """How an initialisation failed: with an error document, by its process's end, or too late."""

    document: bytes | None = None
    status: int | None = None
    out_of_memory: bool = False
    timed_out: bool = False
    for_api: bool = False  # it asked for the Runtime API, and shall begin anew with it

    @property
    def error_type(self) -> str | None:
        """The name of the failure, None for a time-out."""
        if self.timed_out:
            return None
        if self.document is not None:
            return _error_type(self.document)
        return report.exited("", self.status, out_of_memory=self.out_of_memory)[2]

    def told(self, job: Job) -> tuple[bytes, list[str]]:
        """(answer, log lines) for an invocation that waited for this initialisation."""
        if self.document is not None:
            return self.document, []
        request_id = job.invocation.request_id
        if self.timed_out:
            answer, line = report.timed_out(request_id, job.spec.timeout_s)
        else:
            answer, line, _ = report.exited(
                request_id, self.status, out_of_memory=self.out_of_memory
            )
        return answer, [line]


def _error_type(document: bytes) -> str | None:
    try:
        kind = msgspec.json.decode(document)["errorType"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return kind if isinstance(kind, str) else None
