"""The response body, written as its parts become known.

The fields come in the order that old clients scan for (the 2016 Java client reads text, not a
tree), without a space before a colon.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.activity import NODE
from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.durations import format_duration
from cloudlet.couchbase.sqlpp.encoding import encode, pieces
from cloudlet.couchbase.sqlpp.values import MISSING


class ResponseBody:
    """Makes the pieces of one response body and counts what went into it."""

    def __init__(self, request_id: str, client_context_id: str | None, *, metrics: bool) -> None:
        self._request_id = request_id
        self._client_context_id = client_context_id
        self._metrics = metrics
        self._began = time.perf_counter()
        self._running = self._began
        self._encoding = 0.0
        self.rows = 0
        self.size = 0

    def running(self) -> None:
        """The statement starts to run now (queueing and reading do not count as execution)."""
        self._running = time.perf_counter()

    def head(self, signature: Any = None, prepared: str | None = None) -> bytes:
        """Everything up to the first row."""
        parts = [b'{\n"requestID": ', encode(self._request_id), b",\n"]
        if self._client_context_id is not None:
            parts += [b'"clientContextID": ', encode(self._client_context_id), b",\n"]
        if prepared is not None:
            parts += [b'"prepared": ', encode(prepared), b",\n"]
        if signature is not None:
            parts += [b'"signature": ', encode(signature), b",\n"]
        parts.append(b'"results": [')
        return b"".join(parts)

    def batch(self, values: Iterable[Any]) -> bytes:
        """Some more rows, none of them large."""
        parts = []
        start = time.perf_counter()
        for value in values:
            encoded = b"null" if value is MISSING else encode(value)
            self.size += len(encoded)
            parts.append(encoded)
        self._encoding += time.perf_counter() - start
        if not parts:
            return b""
        before = b"\n" if self.rows == 0 else b",\n"
        self.rows += len(parts)
        return before + b",\n".join(parts)

    def pieces(self, values: Iterable[Any]) -> Iterator[bytes]:
        """Some more rows, of which some are large, in parts, with pauses between them."""
        for value in values:
            yield b"\n" if self.rows == 0 else b",\n"
            self.rows += 1
            for piece in (b"null",) if value is MISSING else pieces(value):
                self.size += len(piece)
                yield piece

    def tail(self, status: str, found: list[errors.QueryError], context: Context | None) -> bytes:
        """Everything after the last row."""
        parts = [b"\n],\n"]
        if found:
            parts += [b'"errors": ', encode([error.body() for error in found]), b",\n"]
        warnings = context.warnings if context is not None else []
        if warnings:
            parts += [b'"warnings": ', encode([one.body() for one in warnings]), b",\n"]
        parts += [b'"status": ', encode(status)]
        if self._metrics:
            parts += [b',\n"metrics": ', encode(self._counts(found, context))]
        if context is not None and context.profile is not None:
            profile = context.profile
            profile.times_s["run"] = time.perf_counter() - self._running
            profile.times_s["stream"] = self._encoding
            parts += [b',\n"profile": ', encode(profile.document(NODE))]
        parts.append(b"\n}\n")
        return b"".join(parts)

    def _counts(self, found: list[errors.QueryError], context: Context | None) -> dict[str, Any]:
        now = time.perf_counter()
        counts: dict[str, Any] = {
            "elapsedTime": format_duration(now - self._began),
            "executionTime": format_duration(now - self._running),
            "resultCount": self.rows,
            "resultSize": self.size,
            "serviceLoad": 1,
        }
        if context is not None and context.mutation_count:
            counts["mutationCount"] = context.mutation_count
        if context is not None and context.sort_count is not None:
            counts["sortCount"] = context.sort_count
        if found:
            counts["errorCount"] = len(found)
        if context is not None and context.warnings:
            counts["warningCount"] = len(context.warnings)
        return counts
