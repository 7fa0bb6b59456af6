"""The composition root: builds the parts, starts and stops them, and nothing else."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from msgspec import structs

from cloudlet import services
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.endpoint import Endpoint
from cloudlet.aws.function_report import FunctionReports
from cloudlet.compute.environment import LogSink
from cloudlet.compute.pool import Compute
from cloudlet.config import Settings
from cloudlet.couchbase.options import options_for
from cloudlet.couchbase.remote import advertised_ports, loopback_ports
from cloudlet.couchbase.supervisor import DocumentServer
from cloudlet.credentials import Credentials, credentials_for
from cloudlet.front.door import FrontDoor
from cloudlet.front.functions import FunctionPages
from cloudlet.front.server import Server
from cloudlet.front.status import Status
from cloudlet.services.iam.identities import IdentityStore
from cloudlet.services.parts import Parts
from cloudlet.storage.records import Records

log = logging.getLogger("cloudlet")


class DataInUse(Exception):
    """Another cloudlet runs on the data directory."""


class App:
    """One cloudlet: everything that `cloudlet up` runs.

    `start` returns when requests are answered; `stop` ends every process and finishes every
    write. A data directory serves one App at a time (`DataInUse`).
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.data = settings.data
        self.endpoint = ""
        self.started_ms = 0.0
        self._stack = AsyncExitStack()
        self._resetting = asyncio.Lock()

    async def start(self) -> None:
        """Build and start the parts, from the disk up to the front door."""
        started = time.monotonic()
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._stack.callback(_lock(self.data))
        self.credentials: Credentials = credentials_for(self.settings)
        settings = self.settings = self.credentials.settings
        self.records = Records(self.data / "records.db")
        self._stack.callback(self.records.close)
        self.cloud = Cloud(IdentityStore(self.records, settings))
        self.compute = Compute(
            data=self.data / "compute",
            code_root=self.data / "code",
            logs=_Logs(self),
            idle_s=settings.lambda_.idle_s,
            max_environments=settings.lambda_.max_environments,
            network=settings.lambda_.network,
        )
        self.parts = Parts(self.data, settings, self.records, self.cloud, self.compute)
        for service in services.build(self.parts):
            self.cloud.register(service)
        doors = {kind: door for s in self.cloud.services.values() for kind, door in s.doors.items()}
        reports = self.parts.wanted(FunctionReports)  # type: ignore[type-abstract]
        status = Status(lambda: list(self.cloud.services), self.reset, FunctionPages(reports))
        self.front = FrontDoor(Endpoint(self.cloud, settings.region), doors, status)
        self.server = Server(self.front, settings.host, settings.port)
        await self.server.bind()
        self._stack.push_async_callback(self.server.stop)
        self.endpoint = self.cloud.endpoint = f"http://{_named(settings.host)}:{self.server.port}"
        await self._start_documents()
        self._stack.push_async_callback(self.parts.usage.stop)
        await self.compute.start(await self._for_functions())
        self._stack.push_async_callback(self.compute.stop)
        for service in self.cloud.services.values():
            if service.stop is not None:
                self._stack.push_async_callback(service.stop)
            if service.start is not None:
                await service.start()
        await self.server.start()
        _calm_collector()
        self.started_ms = (time.monotonic() - started) * 1000

    async def _start_documents(self) -> None:
        wanted = self.settings.couchbase
        self.documents: DocumentServer | None = None
        if not wanted.enabled or wanted.remote:
            return
        self.documents = DocumentServer(options_for(self.settings))
        await self.documents.start()
        self._stack.push_async_callback(self.documents.stop)

    async def _for_functions(self) -> set[int]:
        """The ports of this machine's loopback that functions reach."""
        ports = {self.server.port, *self.settings.lambda_.loopback_ports}
        if self.documents is not None:
            ports.update(structs.astuple(self.documents.ports))
        wanted = self.settings.couchbase
        if wanted.enabled and wanted.remote:
            ports |= loopback_ports(wanted.remote)
            ports |= await advertised_ports(
                wanted.remote, wanted.remote_username, wanted.remote_password
            )
        return ports - {0}

    def on_stop(self, work: Callable[[], object]) -> None:
        """Have `work` done at the stop, before anything else ends."""
        self._stack.callback(work)

    async def stop(self) -> None:
        """End everything, the front door first; safe after a failed start."""
        await self._stack.aclose()

    async def reset(self) -> None:
        """Delete all state of all services; the credentials in the configuration remain."""
        async with self._resetting:
            await self.records.clear()
            await self.parts.usage.clear()
            for service in self.cloud.services.values():
                if service.reset is not None:
                    await service.reset()
            if self.documents is not None:
                await self.documents.reset()

    def describe(self) -> dict[str, Any]:
        """Endpoints and credentials, as `cloudlet up --json` and the run file give them."""
        key, secret = self.credentials.root_key
        couchbase: Mapping[str, str] = {}
        if self.documents is not None:
            host, ports = _named(self.settings.host), self.documents.ports
            couchbase = {
                "connection_string": self.documents.connection_string,
                "management": f"http://{host}:{ports.management}",
                "query": f"http://{host}:{ports.query}",
                "username": self.settings.couchbase.username,
                "password": self.settings.couchbase.password,
            }
        elif self.settings.couchbase.remote:
            couchbase = {
                "connection_string": self.settings.couchbase.remote,
                "username": self.settings.couchbase.remote_username,
                "password": self.settings.couchbase.remote_password,
            }
        return {
            "endpoint": self.endpoint,
            "region": self.settings.region,
            "account": self.credentials.account,
            "access_key_id": key,
            "secret_access_key": secret,
            "couchbase": dict(couchbase),
            "data": str(self.data),
            "pid": os.getpid(),
        }


class _Logs:
    """Compute's way to the Logs service, which is built after it."""

    def __init__(self, app: App) -> None:
        self._app = app

    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        sink: LogSink = self._app.parts.wanted(LogSink)  # type: ignore[type-abstract]
        sink.write(group, stream, lines)


def _calm_collector() -> None:
    """Leave what the start made out of garbage collections, and collect rarely.

    A full collection over the modules and models holds the event loop for tens of milliseconds.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _lock(data: Path) -> Any:
    """Take the data directory's lock, which the kernel frees however the process ends."""
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise DataInUse(str(data)) from None
    return lambda: os.close(descriptor)


def _named(host: str) -> str:
    """The host of URLs for people and functions: one that means this machine."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
