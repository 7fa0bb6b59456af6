from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any, cast

import pytest
from cloudlet.front.asgi import FrontDoor

from cloudlet.aws.body import Body
from cloudlet.aws.endpoint import Endpoint
from cloudlet.aws.http import Request, Response
from cloudlet.front.status import Status

SCOPE: dict[str, Any] = {
    "type": "http", "method": "GET", "raw_path": b"/bucket/key", "query_string": b"",
    "headers": [(b"host", b"localhost")], "scheme": "http", "client": ("127.0.0.1", 1),
}  # fmt: skip
PARTS = 50


class NoStatus:
    def is_for(self, path: str) -> bool:
        return False


@pytest.mark.parametrize(("length", "read"), [(PARTS, 6), (None, PARTS)])
async def test_a_stored_body_is_read_no_further_than_its_reader(
    length: int | None, read: int
) -> None:
    """A stream of unknown length is a function's, which finishes what it began."""
    reached, gone, sent = 0, asyncio.Event(), 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal reached
        for _ in range(PARTS):
            reached += 1
            await asyncio.sleep(0)
            yield b"x"

    async def endpoint(request: Request) -> Response:
        return Response(body=Body(parts(), length))

    asked = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal asked
        asked += 1
        if asked == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal sent
        sent += bool(message.get("more_body"))
        if sent == 3:
            gone.set()

    door = FrontDoor(cast("Endpoint", endpoint), {}, cast("Status", NoStatus()))
    await door(SCOPE, receive, send)
    assert reached <= read
    assert reached >= 3
