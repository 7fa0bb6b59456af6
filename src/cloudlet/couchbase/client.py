"""A pipelining client of the key-value protocol, for moving many documents in or out.

It speaks to this server and to Couchbase: it follows the cluster's configuration to the node
that has a key's vbucket, and keeps many requests under way on one connection a node.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import struct
import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from cloudlet.couchbase.kv.frame import HEADER
from cloudlet.couchbase.kv.protocol import Feature, Opcode, Status

#: The common flags of a JSON document, as the SDKs set them.
JSON_FLAGS: Final = 0x02000000

_FEATURES: Final = (
    Feature.SELECT_BUCKET, Feature.JSON, Feature.COLLECTIONS, Feature.XERROR,
)  # fmt: skip

#: Requests that wait for their answers on one connection.
_WINDOW: Final = 512

#: Answers that are worth another try, and how long to go on trying, in seconds.
_AGAIN: Final = frozenset({Status.TEMPORARY_FAILURE, Status.BUSY, Status.SYNC_WRITE_IN_PROGRESS})
_PATIENCE_S: Final = 30.0


class ClientError(Exception):
    """The cluster cannot be reached or refuses; the text says why."""


class Reply(NamedTuple):
    """An answer's status, extras and value."""

    status: int
    extras: bytes
    value: bytes


class Address(NamedTuple):
    """What a connection string says."""

    host: str
    port: int
    secure: bool

    @classmethod
    def parse(cls, text: str) -> Address:
        """The first host of `couchbase://...` or `couchbases://...`."""
        parts = urlsplit(text)
        if parts.scheme not in ("couchbase", "couchbases") or not parts.netloc:
            raise ClientError(f"{text} is not a connection string like couchbase://host:11210")
        secure = parts.scheme == "couchbases"
        first = parts.netloc.split(",")[0]
        split = urlsplit(f"//{first}")
        host = split.hostname
        if host is None:
            raise ClientError(f"{text} names no host")
        return cls(host, split.port or (11207 if secure else 11210), secure)


class Node:
    """One connection; answers come in the order of the requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._room = asyncio.Semaphore(_WINDOW)
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(
        cls, address: Address, username: str, password: str, bucket: str | None
    ) -> Node:
        """Connect, authenticate and select the bucket."""
        context = None
        if address.secure:
            # Self-signed certificates are what development clusters have.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(address.host, address.port, ssl=context), 10
            )
        except (OSError, TimeoutError) as error:
            raise ClientError(f"{address.host}:{address.port} does not answer: {error}") from None
        node = cls(reader, writer)
        features = struct.pack(f">{len(_FEATURES)}H", *_FEATURES)
        await node.ask(Opcode.HELLO, b"cloudlet", features)
        plain = f"\0{username}\0{password}".encode()
        if (await node.ask(Opcode.SASL_AUTH, b"PLAIN", plain)).status:
            await node.close()
            raise ClientError(f"{address.host}:{address.port} refuses the user {username}")
        if bucket is not None and (await node.ask(Opcode.SELECT_BUCKET, bucket.encode())).status:
            await node.close()
            raise ClientError(f"there is no bucket {bucket}, or the user {username} has no access")
        return node

    async def ask(
        self, opcode: int, key: bytes = b"", value: bytes = b"", extras: bytes = b"",
        vbucket: int = 0, datatype: int = 0,
    ) -> Reply:  # fmt: skip
        """Send a request and await its answer; waits while too many are under way."""
        async with self._room:
            answer = self.send(opcode, key, value, extras, vbucket, datatype)
            await self._writer.drain()
            return await answer

    def send(
        self, opcode: int, key: bytes, value: bytes, extras: bytes, vbucket: int, datatype: int
    ) -> asyncio.Future[Reply]:
        """Send a request; its answer comes later."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if self._task.done():
            raise ClientError("the connection was lost")
        self._waiting.append(answer)
        body = len(key) + len(value) + len(extras)
        head = HEADER.pack(0x80, opcode, len(key), len(extras), datatype, vbucket, body, 0, 0)
        self._writer.write(b"".join((head, extras, key, value)))
        return answer

    async def scan(self, ident: bytes, vbucket: int) -> AsyncIterator[Reply]:
        """The frames of one continued range scan, to its last."""
        extras = struct.pack(">16sIII", ident, 0, 0, 1024 * 1024)
        while True:
            parts: asyncio.Queue[Reply] = asyncio.Queue()
            self._parts = parts
            self.send(Opcode.RANGE_SCAN_CONTINUE, b"", b"", extras, vbucket, 0)
            while (part := await parts.get()).status == Status.SUCCESS:
                yield part
            yield part
            if part.status != Status.RANGE_SCAN_MORE:
                return

    _parts: asyncio.Queue[Reply] | None = None

    async def _read(self) -> None:
        try:
            while True:
                head = HEADER.unpack(await self._reader.readexactly(HEADER.size))
                body = await self._reader.readexactly(head[6])
                reply = Reply(head[5], body[: head[3]], body[head[2] + head[3] :])
                if head[1] == Opcode.RANGE_SCAN_CONTINUE and self._parts is not None:
                    self._parts.put_nowait(reply)
                    if reply.status == Status.SUCCESS:
                        continue
                answer = self._waiting.popleft()
                if not answer.done():
                    answer.set_result(reply)
        except (OSError, asyncio.IncompleteReadError):
            while self._waiting:
                answer = self._waiting.popleft()
                if not answer.done():
                    answer.set_exception(ClientError("the connection was lost"))

    async def close(self) -> None:
        """Close the connection."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self._writer.wait_closed()


class Documents:
    """A collection of a cluster, through a connection to each of its nodes."""

    def __init__(self, nodes: list[Node], owners: list[int], uid: int) -> None:
        self._nodes = nodes
        #: The node of each vbucket.
        self._owners = owners
        self._uid = uid
        self._prefix = _uleb128(uid)

    @classmethod
    async def open(
        cls, address: Address, username: str, password: str, keyspace: tuple[str, str, str]
    ) -> Documents:
        """Connect to all nodes of the cluster that has the bucket; `ClientError` if that fails."""
        bucket, scope, collection = keyspace
        first = await Node.connect(address, username, password, bucket)
        config = msgspec.json.decode((await first.ask(Opcode.GET_CLUSTER_CONFIG)).value)
        found = await first.ask(Opcode.GET_COLLECTION_ID, b"", f"{scope}.{collection}".encode())
        if found.status:
            await first.close()
            raise ClientError(f"there is no collection {bucket}.{scope}.{collection}")
        uid = struct.unpack_from(">QI", found.extras)[1]
        nodes = [first]
        addresses = list(_addresses(config, address))
        if len(addresses) > 1:
            await first.close()
            nodes = [await Node.connect(one, username, password, bucket) for one in addresses]
        owners = [row[0] for row in config["vBucketServerMap"]["vBucketMap"]]
        return cls(nodes, owners, uid)

    async def upsert(self, key: bytes, value: bytes, expiry_s: int = 0) -> None:
        """Store a JSON document; `ClientError` if it is refused."""
        vbucket = (zlib.crc32(key) >> 16) & 0x7FFF & (len(self._owners) - 1)
        extras = struct.pack(">II", JSON_FLAGS, expiry_s)
        node = self._nodes[self._owners[vbucket]]
        pause = 0.01
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                reply = await node.ask(
                    Opcode.SET, self._prefix + key, value, extras, vbucket, datatype=1
                )
                if reply.status not in _AGAIN:
                    break
                await asyncio.sleep(pause)
                pause = min(pause * 2, 1.0)
        if reply.status:
            text = key.decode(errors="replace")
            raise ClientError(f"document {text} is refused with status {reply.status:#04x}")

    async def upsert_all(self, documents: Iterable[tuple[bytes, bytes]]) -> AsyncIterator[int]:
        """Store documents, many at the same time; how many are stored, again and again."""
        under_way: set[asyncio.Task[None]] = set()
        stored = 0
        try:
            for key, value in documents:
                under_way.add(asyncio.create_task(self.upsert(key, value)))
                if len(under_way) >= _WINDOW * len(self._nodes):
                    done, under_way = await asyncio.wait(
                        under_way, return_when=asyncio.FIRST_COMPLETED
                    )
                    stored += len(done)
                    for task in done:
                        task.result()
                    yield stored
            for task in list(under_way):
                await task
            stored += len(under_way)
            yield stored
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def everything(self) -> AsyncIterator[tuple[bytes, bytes]]:
        """All documents with their keys, vbucket by vbucket, by range scans (Couchbase 7.6)."""
        bounds = {"start": "", "excl_end": base64.b64encode(b"\xff" * 250).decode()}
        wanted = msgspec.json.encode({"collection": f"{self._uid:x}", "range": bounds})
        for vbucket, owner in enumerate(self._owners):
            node = self._nodes[owner]
            made = await node.ask(
                Opcode.RANGE_SCAN_CREATE, b"", wanted, vbucket=vbucket, datatype=1
            )
            if made.status == Status.NOT_FOUND:
                continue
            if made.status:
                raise ClientError(f"the cluster refuses to scan, with status {made.status:#04x}")
            async for part in node.scan(made.value, vbucket):
                if part.status not in (
                    Status.SUCCESS, Status.RANGE_SCAN_MORE, Status.RANGE_SCAN_COMPLETE,
                ):  # fmt: skip
                    raise ClientError(f"the scan was broken off, with status {part.status:#04x}")
                for document in _documents(part.value):
                    yield document

    async def close(self) -> None:
        """Close all connections."""
        for node in self._nodes:
            await node.close()


def _addresses(config: dict[str, Any], dialled: Address) -> Iterable[Address]:
    """The nodes that have vbuckets, in the order of the map."""
    extended = config.get("nodesExt") or []
    for at, server in enumerate(config["vBucketServerMap"]["serverList"]):
        host, _, port = server.rpartition(":")
        host = dialled.host if host == "$HOST" or len(extended) < 2 else host.strip("[]")
        services = extended[at]["services"] if at < len(extended) else {}
        name = "kvSSL" if dialled.secure else "kv"
        yield Address(host, services.get(name, int(port)), dialled.secure)


def _documents(data: bytes) -> Iterable[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        key_size, at = _varint(data, at + 25)
        key = data[at : at + key_size]
        value_size, at = _varint(data, at + key_size)
        yield key, data[at : at + value_size]
        at += value_size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _uleb128(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
