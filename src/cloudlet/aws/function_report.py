"""What a function's page shows: how it is served here, and what it used."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cloudlet.compute.environment import EnvironmentState, TemplateState


class UsageReport(msgspec.Struct, frozen=True, omit_defaults=False):
    """Usage in a span of time; times in milliseconds, memory in MB."""

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    billed_ms: int = 0
    gb_s: float = 0.0
    max_memory_mb: int = 0
    starts: int = 0
    init_ms: float = 0.0
    provisioned_gb_s: float = 0.0


class SnapStartReport(msgspec.Struct, frozen=True):
    """A version's SnapStart: "pending", "on", "off" or "failed", and why it is not on."""

    status: str
    reason: str


class VersionReport(msgspec.Struct, frozen=True):
    """One version: its state, where its environments come from, which there are."""

    version: str
    state: str
    snap_start: SnapStartReport | None
    template: TemplateState | None  # what became of learning its imports, once it has run
    environments: list[EnvironmentState]
    provisioned: int  # environments that are kept ready
    last_day: UsageReport


class RuntimeReport(msgspec.Struct, frozen=True):
    """How a runtime is served on this machine; `error` where it is not."""

    identifier: str
    version: str
    exact: bool
    error: str = ""


class FunctionReport(msgspec.Struct, frozen=True):
    """A function's page."""

    function: str
    arn: str
    runtime: RuntimeReport
    memory_mb: int
    timeout_s: int
    isolation: str
    last_used: str | None  # ISO 8601, to the minute
    last_hour: UsageReport
    last_day: UsageReport
    versions: list[VersionReport]  # $LATEST first


class ComputeReport(msgspec.Struct, frozen=True):
    """What runs for one account: the room of `cloudlet doctor` about a running server."""

    isolation: str
    runtimes: list[RuntimeReport]  # those used so far
    environments: list[EnvironmentState]
    templates: list[TemplateState]


class FunctionReports(Protocol):
    """What the Lambda service tells of functions; who asks is authorised already."""

    async def function(self, account: str, region: str, name: str) -> FunctionReport:
        """One function's page; raises `ResourceNotFoundException`."""

    async def compute(self, account: str) -> ComputeReport:
        """The account's environments and templates, in all regions."""
