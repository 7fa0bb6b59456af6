"""How functions are served here and what they used: for their pages and `cloudlet doctor`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cloudlet.aws.function_report import (
    ComputeReport,
    FunctionReport,
    RuntimeReport,
    SnapStartReport,
    UsageReport,
    VersionReport,
)
from cloudlet.compute.errors import RuntimeUnavailable
from cloudlet.compute.pool import Compute
from cloudlet.metering.counters import Counters, Meter
from cloudlet.metering.usage import HOUR_S, Usage
from cloudlet.services.lambda_.errors import ResourceNotFound
from cloudlet.services.lambda_.model import ConfigurationRecord
from cloudlet.services.lambda_.names import FunctionName
from cloudlet.services.lambda_.store import Store
from cloudlet.services.lambda_.targets import environment_key, invocable

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Reports:
    """Implements `FunctionReports`."""

    store: Store
    compute_: Compute
    usage: Usage

    async def function(self, account: str, region: str, name: str) -> FunctionReport:
        """One function's page."""
        whose = FunctionName(account, region, name)
        latest = self.store.function(whose).latest
        now_s = int(time.time())
        key = (account, region, name)
        hour = await self.usage.by_version(*key, since_s=now_s - HOUR_S)
        day = await self.usage.by_version(*key, since_s=now_s - _DAY_S)
        last_s = await self.usage.last_used_s(*key)
        versions = [latest, *self.store.versions_of(whose)]
        return FunctionReport(
            function=name,
            arn=whose.arn,
            runtime=await self._runtime(latest.runtime),
            memory_mb=latest.memory_mb,
            timeout_s=latest.timeout_s,
            isolation=(await asyncio.to_thread(self.compute_.level)).summary,
            last_used=None
            if last_s is None
            else f"{datetime.fromtimestamp(last_s, UTC):%FT%H:%MZ}",
            last_hour=_sum(hour),
            last_day=_sum(day),
            versions=[self._version(whose, v, day.get(v.version)) for v in versions],
        )

    def _version(
        self, name: FunctionName, configuration: ConfigurationRecord, used: Counters | None
    ) -> VersionReport:
        key = environment_key(name, configuration)
        snapshot = configuration.snapshot
        templates = [state for state in self.compute_.templates() if state.key == key]
        return VersionReport(
            version=configuration.version,
            state=invocable(configuration),
            snap_start=SnapStartReport(snapshot.status, snapshot.reason) if snapshot else None,
            template=templates[0] if templates else None,
            environments=[state for state in self.compute_.snapshot() if state.key == key],
            provisioned=self.compute_.provisioned(key)[0],
            last_day=_shown(used or Counters()),
        )

    async def compute(self, account: str) -> ComputeReport:
        """The account's environments and templates."""
        return ComputeReport(
            isolation=(await asyncio.to_thread(self.compute_.level)).summary,
            runtimes=[
                RuntimeReport(found.identifier, found.found, found.exact)
                for found in self.compute_.runtimes()
            ],
            environments=[s for s in self.compute_.snapshot() if _owner(s.key) == account],
            templates=[s for s in self.compute_.templates() if _owner(s.key) == account],
        )

    async def _runtime(self, identifier: str) -> RuntimeReport:
        try:
            found = await self.compute_.find_runtime(identifier)
        except RuntimeUnavailable as error:
            return RuntimeReport(identifier, "", False, str(error))
        return RuntimeReport(identifier, found.found, found.exact)

    def provisioned(self) -> Iterator[tuple[Meter, int]]:
        """Whose memory is kept ready, and how much, for the usage store."""
        for account, region, id_, record in self.store.provisioned.everywhere():
            name = FunctionName(account, region, id_.partition(":")[0], record.qualifier)
            try:
                configuration = self.store.configuration(name)
            except ResourceNotFound:  # it is being deleted
                continue
            ready, _ = self.compute_.provisioned(environment_key(name, configuration))
            if ready:
                meter = Meter(account, region, name.name, configuration.version)
                yield meter, min(ready, record.requested) * configuration.memory_mb


def _owner(key: str) -> str:
    """The account in an environment's key, which begins with its function's ARN."""
    return key.split(":", 5)[4]


def _sum(versions: dict[str, Counters]) -> UsageReport:
    total = Counters()
    for counters in versions.values():
        total.add(counters)
    return _shown(total)


def _shown(used: Counters) -> UsageReport:
    return UsageReport(
        invocations=used.invocations,
        errors=used.errors,
        throttles=used.throttles,
        billed_ms=used.billed_ms,
        gb_s=round(used.gb_s, 6),
        max_memory_mb=used.max_memory_mb,
        starts=used.starts,
        init_ms=round(used.init_ms, 3),
        provisioned_gb_s=round(used.provisioned_gb_s, 6),
    )
