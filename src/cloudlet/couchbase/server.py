"""The document server's process: data directory, key-value port, management port, query port."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import socket
import ssl
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import IO, Final

import uvicorn

from cloudlet.couchbase import tls
from cloudlet.couchbase.cluster.application import ManagementService
from cloudlet.couchbase.cluster.catalogs import UserCatalogs
from cloudlet.couchbase.cluster.grants import Grants
from cloudlet.couchbase.cluster.topology import VERSION, Topology
from cloudlet.couchbase.cluster.users import Principal, Users
from cloudlet.couchbase.keyspaces import StoreKeyspaces
from cloudlet.couchbase.kv.connection import Connection
from cloudlet.couchbase.kv.context import Service
from cloudlet.couchbase.kv.verbs import handlers
from cloudlet.couchbase.options import DocumentServerOptions
from cloudlet.couchbase.sockets import Sockets
from cloudlet.couchbase.sqlpp.service import QueryService
from cloudlet.storage.documents import BucketSettings, DocumentStore

_LOG = logging.getLogger(__name__)

#: How long a start waits for a predecessor to finish its writes, in seconds.
LOCK_WAIT_S: Final = 10.0

_UUID_SETTING: Final = "cluster/uuid"


class DirectoryBusyError(Exception):
    """Another process serves the data directory."""


class DirectoryLock:
    """One process at a time in a data directory; freed by the kernel when the process ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._file: IO[str] | None = None

    async def acquire(self) -> None:
        """Take the lock; `DirectoryBusyError` after ten seconds."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("w")
        deadline = asyncio.get_running_loop().time() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    file.close()
                    raise DirectoryBusyError(
                        f"another document server uses {self._path.parent}"
                    ) from None
                await asyncio.sleep(0.02)
            else:
                self._file = file
                return

    def release(self) -> None:
        """Let others in."""
        if self._file is not None:
            self._file.close()
            self._file = None


class _HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone."""
        yield


def _advertised(host: str) -> str:
    """The host that configurations name; clients put the address they dialled for `$HOST`."""
    return "$HOST" if host in ("0.0.0.0", "::") else host  # noqa: S104


class Server:
    """Everything of one document server in the running event loop."""

    def __init__(self, options: DocumentServerOptions, sockets: Sockets) -> None:
        self.options = options
        self.sockets = sockets
        self._lock = DirectoryLock(options.data)
        self._kv: list[asyncio.Server] = []
        self._http: list[tuple[_HttpServer, asyncio.Task[None]]] = []

    async def start(self) -> None:
        """Open the data directory and serve; returns when clients are served."""
        options = self.options
        await self._lock.acquire()
        self.store = DocumentStore(
            options.data / "documents.db", cache_bytes=options.cache_mb * 1024 * 1024
        )
        ports = self.sockets.ports
        topology = Topology(_advertised(options.host), ports, await self._uuid())
        certificate = await self._certificate()
        self.users = Users(
            self.store,
            options.username,
            options.password,
            bucket_names_authenticate=options.bucket_names_authenticate,
        )
        self.service = Service(
            self.store,
            self.users,
            topology,
            acknowledge_persisted=options.acknowledge == "persisted",
        )
        await self._create_buckets()
        self.store.start()
        await self._serve_kv(self.sockets.kv)
        keyspaces = StoreKeyspaces(
            self.store, acknowledge_persisted=options.acknowledge == "persisted"
        )
        self.query = QueryService(
            keyspaces,
            authenticate=self._may_query,
            change_roles=Grants(self.users).change,
            version=VERSION,
        )
        UserCatalogs(self.users).offer(self.query.system)
        await self.query.start()
        await self._serve_http(self.query, self.sockets.query)
        management = ManagementService(self.store, self.users, topology, self.reset)
        await self._serve_http(management, self.sockets.management)
        if certificate is not None:
            kv, administration, query = self.sockets.tls
            await self._serve_kv(kv, tls.context(*certificate))
            await self._serve_http(management, administration, certificate)
            await self._serve_http(self.query, query, certificate)

    async def _certificate(self) -> tuple[Path, Path] | None:
        """The certificate and key to serve TLS with, None where it is off."""
        options = self.options
        if not options.tls:
            return None
        if options.tls_certificate is not None and options.tls_key is not None:
            return options.tls_certificate, options.tls_key
        return await asyncio.to_thread(tls.ensure_certificate, options.data / "tls", options.host)

    async def _serve_kv(
        self, listener: socket.socket, context: ssl.SSLContext | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        self._kv.append(
            await loop.create_server(
                lambda: Connection(self.service, handlers()), sock=listener, ssl=context
            )
        )

    def _may_query(self, name: str, password: str) -> Principal | None:
        principal = self.users.check(name, password)
        return principal if principal is not None and principal.queries else None

    async def _uuid(self) -> str:
        known = self.store.settings.get(_UUID_SETTING)
        if known is None:
            known = uuid.uuid4().hex.encode()
            await self.store.settings.put(_UUID_SETTING, known)
        return known.decode()

    async def _create_buckets(self) -> None:
        for name in self.options.buckets:
            if name not in self.store.catalog.buckets:
                await self.store.catalog.create_bucket(name, BucketSettings(flush_enabled=True))

    async def _serve_http(
        self,
        application: object,
        listener: socket.socket,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        config = uvicorn.Config(
            application,  # type: ignore[arg-type]
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=600,
            timeout_graceful_shutdown=1,
            server_header=False,
            ssl_certfile=certificate[0] if certificate is not None else None,
            ssl_keyfile=certificate[1] if certificate is not None else None,
        )
        server = _HttpServer(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        self._http.append((server, task))
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the HTTP server ended while it started")
            await asyncio.sleep(0.001)

    async def reset(self) -> None:
        """Remove all documents, users and made buckets; the configured buckets are there, empty.

        Connections stay, so that a test suite's clients go on after it.
        """
        catalog = self.store.catalog
        for bucket in list(catalog.buckets.values()):
            if bucket.name not in self.options.buckets:
                await catalog.drop_bucket(bucket)
                continue
            for scope in list(bucket.scopes):
                if scope != "_default":
                    await catalog.drop_scope(bucket, scope)
            for name in list(bucket.scopes["_default"].collections):
                if name != "_default":
                    await catalog.drop_collection(bucket, "_default", name)
            if bucket.default_collection is None:
                await catalog.create_collection(bucket, "_default", "_default")
            await catalog.flush_bucket(bucket)
        await self._create_buckets()
        await self.users.clear()

    async def stop(self) -> None:
        """Serve nobody any more, write what was accepted, close the files."""
        for listening in self._kv:
            listening.close()
        await self.store.flushed()
        for connection in list(self.service.connections):
            connection.close()
        for server, _ in self._http:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._http), return_exceptions=True)
        await self.query.close()
        await self.store.close()
        self._lock.release()
