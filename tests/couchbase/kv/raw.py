"""A bare client of the binary protocol, and a document server in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from cloudlet.couchbase.kv.protocol import Opcode
from cloudlet.couchbase.options import Acknowledge, DocumentServerOptions
from cloudlet.couchbase.server import Server
from cloudlet.couchbase.sockets import Sockets

HEADER = struct.Struct(">BBHBBHIIQ")
FLAGS = bytes(8)


class Answer(NamedTuple):
    opcode: int
    status: int
    opaque: int
    cas: int
    extras: bytes
    value: bytes
    magic: int = 0x81
    key: bytes = b""
    framing: bytes = b""
    datatype: int = 0


def frame(
    opcode: int,
    key: bytes = b"",
    value: bytes = b"",
    extras: bytes = b"",
    *,
    opaque: int = 0,
    cas: int = 0,
    framing: bytes = b"",
    vbucket: int = 0,
    datatype: int = 0,
) -> bytes:
    magic = 0x08 if framing else 0x80
    key_field = len(framing) << 8 | len(key) if framing else len(key)
    body = framing + extras + key + value
    head = HEADER.pack(
        magic, opcode, key_field, len(extras), datatype, vbucket, len(body), opaque, cas
    )
    return head + body


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def read(self) -> Answer:
        head = HEADER.unpack(await self.reader.readexactly(24))
        body = await self.reader.readexactly(head[6])
        framing, key = (head[2] >> 8, head[2] & 0xFF) if head[0] in (0x08, 0x18) else (0, head[2])
        key_at = framing + head[3]
        value_at = key_at + key
        return Answer(
            head[1],
            head[5],
            head[7],
            head[8],
            body[framing:key_at],
            body[value_at:],
            head[0],
            body[key_at:value_at],
            body[:framing],
            head[4],
        )

    async def ask(self, *frames: bytes) -> Answer:
        """Send the frames and return the first answer."""
        self.writer.write(b"".join(frames))
        return await asyncio.wait_for(self.read(), 5)

    async def enter(self, features: tuple[int, ...] = (), bucket: bytes = b"default") -> Client:
        """HELLO, authenticate, select the bucket."""
        wanted = struct.pack(f">{len(features)}H", *features)
        plain = b"\0Administrator\0password"
        for one in (
            frame(Opcode.HELLO, b"raw", wanted),
            frame(Opcode.SASL_AUTH, b"PLAIN", plain),
            frame(Opcode.SELECT_BUCKET, bucket),
        ):
            assert (await self.ask(one)).status == 0
        return self

    async def closed(self) -> bool:
        """Whether the server closes the connection."""
        try:
            while await asyncio.wait_for(self.reader.read(65536), 5):
                pass
        except ConnectionError:
            return True
        return True


class Running:
    def __init__(self, server: Server) -> None:
        self.server = server
        self._clients: list[asyncio.StreamWriter] = []

    async def client(self) -> Client:
        port = self.server.sockets.ports.kv
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self._clients.append(writer)
        return Client(reader, writer)

    async def close(self) -> None:
        for writer in self._clients:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(
    data: Path,
    acknowledge: Acknowledge = "persisted",
    *,
    bucket_names_authenticate: bool = False,
) -> AsyncIterator[Running]:
    options = DocumentServerOptions(
        data=data,
        kv_port=0,
        management_port=0,
        query_port=0,
        acknowledge=acknowledge,
        bucket_names_authenticate=bucket_names_authenticate,
    )
    server = Server(options, Sockets.bind(options))
    await server.start()
    running = Running(server)
    try:
        yield running
    finally:
        await running.close()
        await server.stop()
