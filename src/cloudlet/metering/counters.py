"""What one function version used in a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Meter(NamedTuple):
    """Whose usage is counted."""

    account: str
    region: str
    function: str
    version: str


@dataclass(slots=True)
class Counters:
    """Usage so far; sums, but for the largest memory."""

    invocations: int = 0  # that ran, failed ones included
    errors: int = 0  # of them, answered with a function error
    throttles: int = 0  # refused, not run
    billed_ms: int = 0
    billed_mb_ms: int = 0  # billed milliseconds times the configured memory
    max_memory_mb: int = 0
    starts: int = 0  # environments that were initialised or restored
    init_ms: float = 0.0
    provisioned_mb_ms: int = 0  # memory that was kept ready, times the time

    def ran(
        self, *, memory_mb: int, billed_ms: int, used_mb: int, init_ms: float | None, failed: bool
    ) -> None:
        """Count an invocation."""
        self.invocations += 1
        self.billed_ms += billed_ms
        self.billed_mb_ms += billed_ms * memory_mb
        if used_mb > self.max_memory_mb:
            self.max_memory_mb = used_mb
        if failed:
            self.errors += 1
        if init_ms is not None:
            self.starts += 1
            self.init_ms += init_ms

    def add(self, other: Counters) -> None:
        """Count what `other` counted."""
        self.invocations += other.invocations
        self.errors += other.errors
        self.throttles += other.throttles
        self.billed_ms += other.billed_ms
        self.billed_mb_ms += other.billed_mb_ms
        self.max_memory_mb = max(self.max_memory_mb, other.max_memory_mb)
        self.starts += other.starts
        self.init_ms += other.init_ms
        self.provisioned_mb_ms += other.provisioned_mb_ms

    @property
    def gb_s(self) -> float:
        """Billed gigabyte-seconds, as AWS's bill counts them."""
        return self.billed_mb_ms / 1024 / 1000

    @property
    def provisioned_gb_s(self) -> float:
        """Gigabyte-seconds that were kept ready."""
        return self.provisioned_mb_ms / 1024 / 1000
