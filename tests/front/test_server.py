"""The front door over real HTTP: streams, limits, doors, health, reset, stop."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import AsyncMock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.aws.standin import USER, StandIn

from cloudlet.aws.body import Body
from cloudlet.aws.endpoint import Endpoint
from cloudlet.aws.http import Request, Response
from cloudlet.aws.service import Target
from cloudlet.front.connection import MAX_HEAD
from cloudlet.front.door import FrontDoor
from cloudlet.front.server import Server
from cloudlet.front.status import Status

MIB = 1024 * 1024


@dataclass
class Live:
    cloud: StandIn
    server: Server
    resets: list[int] = field(default_factory=list)

    async def ask(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send raw bytes on a connection of their own; status, headers and body of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(data)
            return await answer(reader)
        finally:
            writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
    body = b""
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
    return int(head[0].split()[1]), headers, body


def get(path: str, host: str = "localhost", **headers: str) -> bytes:
    lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()


produced: list[int] = []


async def door(request: Request, target: Target) -> Response:
    """Answers what it was asked, or does as the path says."""
    if target.path == "/fail":
        raise RuntimeError("secret")
    if target.path == "/headers":
        return Response(200, [("X-A", "b\r\nSet-Cookie: c"), ("X-U", "ü€")])
    if target.path == "/stream":

        async def parts() -> AsyncIterator[bytes]:
            for number in range(64):
                produced.append(number)
                yield b"x" * MIB

        produced.clear()
        return Response(200, [], Body(parts(), 64 * MIB))
    content = await request.body.read(MIB)
    found = [request.method, target.id, target.path, request.query, len(content), request.endpoint]
    return Response(200, [("Content-Type", "application/json")], json.dumps(found).encode())


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    cloud = StandIn("sts", "s3")
    cloud.keys.add("user", "test", principal=USER)
    resets: list[int] = []

    async def reset() -> None:
        resets.append(1)

    front = FrontDoor(
        Endpoint(cloud),
        {"execute-api": door, "s3-website": door},
        Status(lambda: list(cloud.services), reset),
    )
    server = Server(front, "127.0.0.1", 0)
    await server.bind()
    await server.start()
    yield Live(cloud, server, resets)
    await server.stop()


@pytest.mark.parametrize("path", ["/_cloudlet/health", "/_localstack/health"])
async def test_health_names_the_services(live: Live, path: str) -> None:
    status, headers, body = await live.ask(get(path))
    assert status == 200
    assert json.loads(body)["services"] == {"sts": "running", "s3": "running"}
    assert "server" not in headers


def signed_reset(port: int, key: str, secret: str) -> bytes:
    request = AWSRequest("POST", f"http://127.0.0.1:{port}/_cloudlet/reset", data=b"")
    SigV4Auth(Credentials(key, secret), "sts", "us-east-1").add_auth(request)
    lines = "".join(f"{k}: {v}\r\n" for k, v in request.prepare().headers.items())
    return f"POST /_cloudlet/reset HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n".encode()


@pytest.mark.parametrize(
    ("key", "secret", "status"), [("test", "test", 200), ("user", "test", 403), ("test", "x", 403)]
)
async def test_only_a_root_may_reset(live: Live, key: str, secret: str, status: int) -> None:
    found, _, _ = await live.ask(signed_reset(live.server.port, key, secret))
    assert (found, len(live.resets)) == (status, status == 200)


async def test_a_reset_must_be_signed(live: Live) -> None:
    status, _, _ = await live.ask(b"POST /_cloudlet/reset HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, live.resets) == (403, [])
    assert (await live.ask(get("/_cloudlet/reset")))[0] == 405
    assert (await live.ask(get("/_cloudlet/other")))[0] == 404


@pytest.mark.parametrize(
    ("path", "host", "id_", "found"),
    [
        ("/prod/a%2Fb?x=1", "abc.execute-api.localhost:4566", "abc", "/prod/a%2Fb"),
        ("/_aws/execute-api/abc/prod?x=1", "127.0.0.1", "abc", "/prod"),
        ("/restapis/abc/prod/_user_request_/y?x=1", "localhost", "abc", "/prod/y"),
        ("/index.html?x=1", "my.site.s3-website-us-east-1.localhost", "my.site", "/index.html"),
    ],
)
async def test_doors(live: Live, path: str, host: str, id_: str, found: str) -> None:
    status, _, body = await live.ask(get(path, host))
    assert status == 200
    assert json.loads(body) == ["GET", id_, found, [["x", "1"]], 0, f"http://{host}"]


async def test_a_virtual_host_is_a_path_to_the_services(live: Live) -> None:
    async def head(ctx: Any, req: Any) -> dict[str, Any]:
        return {"Body": f"{req.bucket} {req.key}".encode()}

    live.cloud.serve("s3", "GetObject", head)
    for bucket in ("bucket", "a.bucket", "sts"):
        _, _, body = await live.ask(get("/a//b", f"{bucket}.s3.eu-west-1.amazonaws.com"))
        assert body == f"{bucket} a//b".encode()


async def test_what_a_door_lets_through_is_not_shown(live: Live) -> None:
    status, _, body = await live.ask(get("/fail", "abc.execute-api.localhost"))
    assert (status, body) == (500, b"Internal Server Error\n")


async def test_headers_cannot_be_broken_out_of(live: Live) -> None:
    _, headers, _ = await live.ask(get("/headers", "abc.execute-api.localhost"))
    assert headers["x-a"] == "b  Set-Cookie: c"
    assert "set-cookie" not in headers


async def test_a_body_that_is_too_large_is_refused(live: Live) -> None:
    data = b"POST / HTTP/1.1\r\nHost: abc.execute-api.x\r\nContent-Length: 2000000\r\n\r\n"
    status, _, _ = await live.ask(data + b"x" * 2_000_000)
    assert status == 413


async def test_a_client_that_waits_is_told_to_continue_only_when_the_body_is_wanted(
    live: Live,
) -> None:
    expecting = (
        b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", live.server.port)
    writer.write(expecting + b"Authorization: AWS a:b\r\n\r\n")
    assert (await answer(reader))[0] == 400
    writer.close()

    async def put(ctx: Any, req: Any) -> dict[str, Any]:
        assert await req.body.read() == b"hello"
        return {}

    live.cloud.serve("s3", "PutObject", put)
    reader, writer = await asyncio.open_connection("127.0.0.1", live.server.port)
    writer.write(expecting + b"\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"hello")
    assert (await answer(reader))[0] == 200
    writer.close()


async def test_a_body_that_breaks_off_is_incomplete(live: Live) -> None:
    caught: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def put(ctx: Any, req: Any) -> dict[str, Any]:
        try:
            await req.body.read()
        except Exception as error:
            caught.set_result(getattr(error, "code", repr(error)))
            raise
        return {}

    live.cloud.serve("s3", "PutObject", put)
    _, writer = await asyncio.open_connection("127.0.0.1", live.server.port)
    writer.write(b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello")
    await writer.drain()
    writer.close()
    assert await asyncio.wait_for(caught, 5) == "IncompleteBody"


async def test_a_handler_outlives_its_client(live: Live) -> None:
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def put(ctx: Any, req: Any) -> dict[str, Any]:
        begun.set()
        await go.wait()
        done.set()
        return {}

    live.cloud.serve("s3", "PutObject", put)
    _, writer = await asyncio.open_connection("127.0.0.1", live.server.port)
    writer.write(b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.wait_for(begun.wait(), 5)
    writer.close()
    await writer.wait_closed()
    go.set()
    await asyncio.wait_for(done.wait(), 5)


async def test_a_slow_reader_holds_a_stream_back(live: Live) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", live.server.port, limit=MIB)
    writer.write(get("/stream", "abc.execute-api.localhost"))
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.2)  # what it would take to send all of it
    assert len(produced) < 32
    digest = hashlib.sha256()
    for _ in range(64):
        digest.update(await reader.readexactly(MIB))
    assert digest.digest() == hashlib.sha256(b"x" * 64 * MIB).digest()
    writer.close()


@pytest.mark.parametrize("endless", ["a", "X: b\r\n"])
async def test_a_head_is_bounded(live: Live, endless: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", live.server.port)
    writer.write(b"GET / HTTP/1.1\r\nX-Endless: ")
    piece = (endless * MAX_HEAD)[:65536].encode()
    try:
        for _ in range(64):
            writer.write(piece)
            await writer.drain()
        head = await asyncio.wait_for(reader.read(12), 5)
    except ConnectionError:
        head = b"HTTP/1.1 400"
    assert head == b"HTTP/1.1 400"
    writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET http:///// HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?" + b"a&" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=range(5),
)
async def test_nonsense_is_a_bad_request(live: Live, data: bytes) -> None:
    assert (await live.ask(data))[0] == 400


async def test_a_request_under_way_ends_before_the_server(live: Live) -> None:
    begun = asyncio.Event()

    async def put(ctx: Any, req: Any) -> dict[str, Any]:
        begun.set()
        await asyncio.sleep(0.2)
        return {}

    live.cloud.serve("s3", "PutObject", put)
    asking = asyncio.create_task(live.ask(b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    await begun.wait()
    await live.server.stop()
    assert (await asking)[0] == 200
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", live.server.port)


async def test_a_port_in_use_is_an_error(live: Live) -> None:
    other = Server(AsyncMock(), "127.0.0.1", live.server.port)
    with pytest.raises(OSError):
        await other.bind()
    await other.stop()
