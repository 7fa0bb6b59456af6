"""The requests that run, and those that took long: system:active_requests, completed_requests."""

from __future__ import annotations

import os
import resource
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.durations import format_duration
from cloudlet.couchbase.sqlpp.profiling import Profile

NODE: Final = "127.0.0.1:8091"

#: The reference's completed-threshold and completed-limit.
_LONG_S: Final = 1.0
_KEPT: Final = 4000


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@dataclass(slots=True)
class Active:
    """A request that is running."""

    request_id: str
    text: str
    client_context_id: str | None
    began: float = field(default_factory=time.monotonic)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    user: str = ""
    context: Context | None = None
    profile: Profile | None = None

    def document(self) -> dict[str, Any]:
        """The request's entry in system:active_requests."""
        document = {
            "elapsedTime": format_duration(time.monotonic() - self.began),
            "node": NODE,
            "requestId": self.request_id,
            "requestTime": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "state": "running",
            "statement": self.text,
        }
        if self.user:
            document["users"] = self.user
        if self.client_context_id is not None:
            document["clientContextID"] = self.client_context_id
        return document


class Activity:
    """All requests of the service."""

    def __init__(self) -> None:
        self.active: dict[str, Active] = {}
        self._completed: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_KEPT)
        self._began = time.monotonic()
        self._count = 0

    def active_documents(self) -> Iterator[tuple[str, Any]]:
        """system:active_requests."""
        for active in list(self.active.values()):
            yield active.request_id, active.document()

    def stop(self, request_id: str) -> None:
        """End a request where it stands."""
        active = self.active.get(request_id)
        if active is not None and active.context is not None:
            active.context.stop()

    def forget(self, request_id: str) -> None:
        """Forget a completed request."""
        for one in [one for one in self._completed if one[0] == request_id]:
            self._completed.remove(one)

    def completed_documents(self) -> Iterator[tuple[str, Any]]:
        """system:completed_requests: what took a second or longer, the newest 4,000."""
        yield from list(self._completed)

    def vitals(self) -> Iterator[tuple[str, Any]]:
        """system:vitals: what the service has done since it started."""
        now = datetime.now(UTC)
        yield (
            NODE,
            {
                "cores": os.cpu_count(),
                "local.time": now.isoformat(timespec="milliseconds"),
                "node": NODE,
                "process.rss": _resident_bytes(),
                "request.active.count": len(self.active),
                "request.completed.count": self._count,
                "uptime": format_duration(time.monotonic() - self._began),
            },
        )

    def completed(self, active: Active, status: str, rows: int, size: int) -> None:
        """Count a request, and keep one that took long."""
        self._count += 1
        if time.monotonic() - active.began < _LONG_S:
            return
        found = active.context.errors if active.context is not None else []
        document = active.document()
        document |= {
            "errorCount": len(found),
            "errors": [error.body() for error in found],
            "resultCount": rows,
            "resultSize": size,
            "serviceTime": document["elapsedTime"],
            "state": "completed" if status == "success" else status,
        }
        if active.profile is not None:
            phases = active.profile.document(NODE)
            document |= {name: phases[name] for name in ("phaseTimes", "phaseOperators")}
        self._completed.append((active.request_id, document))
