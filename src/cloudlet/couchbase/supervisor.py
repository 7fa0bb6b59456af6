"""The document server as a supervised child: its ports at once, its process when it is needed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import shutil
import sys
from typing import Final

import msgspec

from cloudlet.couchbase.options import DocumentServerOptions, Ports
from cloudlet.couchbase.sockets import Sockets

_LOG = logging.getLogger(__name__)

#: The port that connection strings leave out.
DEFAULT_KV_PORT: Final = 11210

#: How long a child may take to start, and to finish its writes when it is stopped, in seconds.
START_S: Final = 20.0
STOP_S: Final = 10.0

#: The pause before a child that died is started again, doubled with each quick death.
RESTART_S: Final = 0.1
RESTART_LONGEST_S: Final = 5.0
#: A child that lived this long did not die quickly.
SETTLED_S: Final = 10.0


class DocumentServerError(Exception):
    """The document server did not start, or refused what it was asked."""


class DocumentServer:
    """Listens from `start` on; runs the server process from the first client's connection on.

    A process that dies is started again and said so in the log; clients meanwhile wait in the
    sockets' queues. The process ends with this one, even by `kill -9`.
    """

    def __init__(self, options: DocumentServerOptions) -> None:
        self.options = options
        self._sockets: Sockets | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._ready: asyncio.Event = asyncio.Event()
        self._wanted: asyncio.Event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._stopping = False

    async def start(self) -> None:
        """Bind the three ports; `OSError` where one is taken."""
        self._sockets = Sockets.bind(self.options)
        loop = asyncio.get_running_loop()
        for one in self._sockets.all:
            loop.add_reader(one, self._wanted.set)
        self._task = asyncio.create_task(self._supervise())

    @property
    def ports(self) -> Ports:
        """The ports, known from `start` on."""
        assert self._sockets is not None, "not started"
        return self._sockets.ports

    @property
    def connection_string(self) -> str:
        """What SDKs connect to."""
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        port = self.ports.kv
        return f"couchbase://{host}" + ("" if port == DEFAULT_KV_PORT else f":{port}")

    @property
    def running(self) -> bool:
        """Whether the process is up and serving."""
        return self._ready.is_set()

    @property
    def pid(self) -> int | None:
        """The process, where there is one."""
        return self._process.pid if self._process is not None else None

    async def ensure_running(self) -> None:
        """Return when the process serves; `DocumentServerError` if it cannot start."""
        self._failure = None
        self._wanted.set()
        try:
            async with asyncio.timeout(START_S):
                await self._ready.wait()
        except TimeoutError:
            raise DocumentServerError(
                f"the document server did not start in {START_S:.0f} s: {self._failure}"
            ) from None

    async def reset(self) -> None:
        """Remove all documents; the configured buckets are there, empty.

        Clients' connections stay. A server that never ran only loses its directory.
        """
        if not self.running and not self._wanted.is_set():
            await asyncio.to_thread(shutil.rmtree, self.options.data, ignore_errors=True)
            return
        await self.ensure_running()
        credentials = f"{self.options.username}:{self.options.password}".encode()
        request = (
            "POST /_cloudlet/reset HTTP/1.1\r\n"
            f"Host: {self.options.host}\r\n"
            f"Authorization: Basic {base64.b64encode(credentials).decode()}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(self.options.host, self.ports.management)
        try:
            writer.write(request.encode())
            status = await reader.readline()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if b" 200 " not in status:
            raise DocumentServerError(f"reset answered {status.decode(errors='replace').strip()}")

    async def stop(self) -> None:
        """Have the process finish its writes and end; close the ports."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._end()
        if self._sockets is not None:
            self._forget_readers()
            self._sockets.close()

    async def _supervise(self) -> None:
        """Start the process when it is wanted, and again when it dies."""
        loop = asyncio.get_running_loop()
        await self._wanted.wait()
        self._forget_readers()
        pause = RESTART_S
        while True:
            started = loop.time()
            try:
                await self._launch()
            except (OSError, DocumentServerError) as error:
                self._failure = error
                _LOG.error("the document server did not start: %s", error)
            else:
                assert self._process is not None
                code = await self._process.wait()
                self._ready.clear()
                _LOG.error("the document server ended with %s; starting it again", _ending(code))
            pause = RESTART_S if loop.time() - started > SETTLED_S else pause * 2
            await asyncio.sleep(min(pause, RESTART_LONGEST_S))

    async def _launch(self) -> None:
        assert self._sockets is not None
        numbers = [one.fileno() for one in self._sockets.all]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cloudlet.couchbase",
            *self._arguments(numbers),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=numbers,
            # A terminal's Ctrl-C is for the front process, which stops this one in order.
            start_new_session=True,
        )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(self.options.password.encode() + b"\n")
        stdin.close()
        try:
            async with asyncio.timeout(START_S):
                line = await stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            await self._end()
            raise DocumentServerError("see its messages above")
        msgspec.json.decode(line, type=Ports)
        self._ready.set()

    def _arguments(self, numbers: list[int]) -> list[str]:
        options = self.options
        arguments = [
            "--data",
            str(options.data),
            "--host",
            options.host,
            "--listen-fds",
            ",".join(map(str, numbers)),
            "--die-with-parent",
            str(os.getpid()),
            "--username",
            options.username,
            "--password",
            "-",
            "--acknowledge",
            options.acknowledge,
            "--cache-mb",
            str(options.cache_mb),
            "--json",
        ]
        for bucket in options.buckets:
            arguments += ["--bucket", bucket]
        if options.bucket_names_authenticate:
            arguments.append("--bucket-names-authenticate")
        if options.tls:
            arguments.append("--tls")
            if options.tls_certificate is not None and options.tls_key is not None:
                arguments += ["--tls-certificate", str(options.tls_certificate)]
                arguments += ["--tls-key", str(options.tls_key)]
        return arguments

    async def _end(self) -> None:
        process = self._process
        self._ready.clear()
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            _LOG.warning("the document server did not end in %.0f s: killed", STOP_S)
            process.kill()
            await process.wait()

    def _forget_readers(self) -> None:
        if self._sockets is not None:
            loop = asyncio.get_running_loop()
            for one in self._sockets.all:
                loop.remove_reader(one)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
