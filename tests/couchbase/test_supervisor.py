from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloudlet.couchbase.kv.frame import HEADER
from cloudlet.couchbase.kv.protocol import Opcode
from cloudlet.couchbase.options import DocumentServerOptions
from cloudlet.couchbase.supervisor import DocumentServer

NOOP = HEADER.pack(0x80, Opcode.NOOP, 0, 0, 0, 0, 0, 7, 0)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[DocumentServer]:
    options = DocumentServerOptions(
        data=tmp_path / "documents", kv_port=0, management_port=0, query_port=0
    )
    server = DocumentServer(options)
    await server.start()
    yield server
    await server.stop()


async def ask(server: DocumentServer) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports.kv)
    writer.write(NOOP)
    try:
        return await asyncio.wait_for(reader.readexactly(24), 10)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_the_process_starts_with_the_first_client(server: DocumentServer) -> None:
    assert server.pid is None
    assert server.connection_string == f"couchbase://127.0.0.1:{server.ports.kv}"
    assert (await ask(server))[6:8] == b"\0\0"
    assert server.pid is not None


async def test_a_killed_process_is_replaced(
    server: DocumentServer, caplog: pytest.LogCaptureFixture
) -> None:
    await server.ensure_running()
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert (await ask(server))[6:8] == b"\0\0"
    await server.ensure_running()
    assert server.pid != first
    assert "ended with signal 9" in caplog.text


async def test_reset_of_a_server_that_never_ran_starts_nothing(server: DocumentServer) -> None:
    await server.reset()
    assert server.pid is None
    await server.ensure_running()
    await server.reset()
    assert server.running


PARENT = """
import asyncio, pathlib, sys
from cloudlet.couchbase.options import DocumentServerOptions
from cloudlet.couchbase.supervisor import DocumentServer

async def main():
    server = DocumentServer(DocumentServerOptions(
        data=pathlib.Path(sys.argv[1]), kv_port=0, management_port=0, query_port=0))
    await server.start()
    await server.ensure_running()
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_the_process_dies_with_its_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path / "documents"), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    for _ in range(500):
        if not Path(f"/proc/{child}").exists():
            return
        if b"State:\tZ" in Path(f"/proc/{child}/status").read_bytes():
            return
        await asyncio.sleep(0.01)
    pytest.fail("the document server outlived its parent")
