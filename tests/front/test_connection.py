"""What HTTP/1.1 asks of a connection: order, keep-alive, framing, other protocols declined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.front.test_server import answer

from cloudlet.aws.body import Body
from cloudlet.aws.http import Request, Response
from cloudlet.front import server
from cloudlet.front.connection import MAX_AHEAD
from cloudlet.front.server import Server

Serve = Callable[[Request], Awaitable[Response]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(request: Request) -> Response:
    content = await request.body.read()
    return Response(200, [("X-Path", request.raw_path)], content or request.method.encode())


@asynccontextmanager
async def connected(serve: Serve) -> AsyncIterator[Streams]:
    listening = Server(serve, "127.0.0.1", 0)
    await listening.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await listening.stop()


def get(path: str = "/", version: str = "1.1", *headers: str) -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"GET {path} HTTP/{version}\r\nHost: x\r\n{lines}\r\n".encode()


async def test_requests_sent_ahead_are_answered_in_order() -> None:
    async def serve(request: Request) -> Response:
        if request.raw_path == "/0":
            await asyncio.sleep(0.02)
        return await echo(request)

    async with connected(serve) as (reader, writer):
        count = MAX_AHEAD * 3
        post = b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n%02d"
        writer.write(b"".join(post % (number, number) for number in range(count)))
        for number in range(count):
            _, headers, body = await answer(reader)
            assert (headers["x-path"], body) == (f"/{number}", b"%02d" % number)


@pytest.mark.parametrize(
    ("version", "headers", "stays"),
    [("1.1", (), True), ("1.1", ("Connection: close",), False), ("1.0", (), False),
     ("1.0", ("Connection: keep-alive",), True)],
)  # fmt: skip
async def test_a_connection_stays_as_the_client_wants(
    version: str, headers: tuple[str, ...], stays: bool
) -> None:
    async with connected(echo) as (reader, writer):
        writer.write(get("/", version, *headers))
        assert (await answer(reader))[0] == 200
        writer.write(get())
        assert (await reader.read(12) == b"HTTP/1.1 200") is stays


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 5\r\n\r\nhello",
     b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
     b"Content-Length: 0\r\n\r\n", b"\r\n"],
    ids=["length", "chunks", "empty", "none"],
)  # fmt: skip
async def test_another_protocol_is_declined_and_the_body_read(body: bytes, pieces: int) -> None:
    """Java's client offers HTTP/2 with its first request, whatever the request is."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAE\r\n"
    data = b"PUT /x HTTP/1.1\r\nHost: x\r\n" + offer + body + get("/next")
    async with connected(echo) as (reader, writer):
        for start in range(0, len(data), pieces):
            writer.write(data[start : start + pieces])
            await writer.drain()
        expected = b"hello" if b"hello" in body else b"PUT"
        assert (await answer(reader))[2] == expected
        assert (await answer(reader))[1]["x-path"] == "/next"


async def parts() -> AsyncIterator[bytes]:
    yield b"one"
    yield b""
    yield b"two"


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.1", b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
     ("1.0", b"connection: close\r\n\r\nonetwo")],
)  # fmt: skip
async def test_a_stream_is_framed_as_the_client_can_read_it(version: str, expected: bytes) -> None:
    async def serve(request: Request) -> Response:
        return Response(200, [], parts())

    async with connected(serve) as (reader, writer):
        writer.write(get("/", version))
        found = await reader.readuntil(expected[-7:])
        assert found.endswith(expected)


@pytest.mark.parametrize(
    ("method", "status", "length"),
    [("HEAD", 200, b"content-length: 6"), ("GET", 204, b""), ("GET", 304, b"")],
)
async def test_answers_without_a_body(method: str, status: int, length: bytes) -> None:
    async def serve(request: Request) -> Response:
        return Response(status if request.raw_path == "/" else 200, [], b"answer")

    async with connected(serve) as (reader, writer):
        writer.write(f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode() + get("/next"))
        head = await reader.readuntil(b"\r\n\r\n")
        assert (length in head) if length else (b"content-length" not in head)
        assert (await answer(reader))[2] == b"answer"


@pytest.mark.parametrize(("length", "read"), [(50, 8), (None, 50)])
async def test_a_stored_body_is_read_no_further_than_its_reader(
    length: int | None, read: int
) -> None:
    """A stream of unknown length is a function's, which finishes what it began."""
    reached, gone, ended = 0, asyncio.Event(), asyncio.Event()

    async def produce() -> AsyncIterator[bytes]:
        nonlocal reached
        try:
            for _ in range(50):
                reached += 1
                if reached == 4:
                    await gone.wait()
                yield b"x"
        finally:
            ended.set()

    async def serve(request: Request) -> Response:
        return Response(body=Body(produce(), length))

    async with connected(serve) as (reader, writer):
        writer.write(get())
        await reader.readuntil(b"x")
        writer.transport.abort()
        await asyncio.sleep(0.05)
        gone.set()
        if length is None:
            await ended.wait()
        else:
            await asyncio.sleep(0.05)
        assert 4 <= reached <= read


async def test_a_stream_that_breaks_off_closes_the_connection() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError

    async def serve(request: Request) -> Response:
        return Response(200, [], broken())

    async with connected(serve) as (reader, writer):
        writer.write(get())
        assert (await reader.read()).endswith(b"5\r\nbegun\r\n")


async def test_what_a_handler_leaves_unread_is_not_the_next_request() -> None:
    async def serve(request: Request) -> Response:
        return Response(200, [("X-Path", request.raw_path)], b"")

    async with connected(serve) as (reader, writer):
        writer.write(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert (await answer(reader))[1]["x-path"] == "/a"
        writer.write(b"GET /b HTTP/1.1\r\n\r\n".ljust(1_000_000, b"x") + get("/c"))
        assert (await answer(reader))[1]["x-path"] == "/c"


async def test_a_reader_that_is_slow_holds_its_client_back() -> None:
    go = asyncio.Event()

    async def serve(request: Request) -> Response:
        await go.wait()
        return await echo(request)

    async with connected(serve) as (reader, writer):
        size = 64 << 20
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        writer.write(bytes(size))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.3)
        go.set()
        assert len((await answer(reader))[2]) == size


async def test_a_client_that_ends_its_side_still_gets_its_answer() -> None:
    async def serve(request: Request) -> Response:
        await asyncio.sleep(0.02)
        return await echo(request)

    async with connected(serve) as (reader, writer):
        writer.write(get())
        writer.write_eof()
        assert (await answer(reader))[0] == 200
        assert await reader.read() == b""


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHo"])
async def test_a_quiet_connection_is_closed_in_the_end(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 0.05)
    monkeypatch.setattr(server, "_SWEEP_S", 0.02)
    async with connected(echo) as (reader, writer):
        writer.write(sent)
        assert await asyncio.wait_for(reader.read(), 5) == b""
