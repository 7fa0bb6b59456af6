"""A mapping of the stream to a function."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.services.lambda_.sources.source import STREAM, Stream
from tests.services.lambda_.world import World

from cloudlet.services.lambda_.sources.processing import Backoff


async def mapped(world: World, stream: Stream, **given: Any) -> str:
    """The id of a mapping that begins with the stream's first record."""
    world.state.pollers.backoff = Backoff(0.001, 0.001)
    world.allow_role("dynamodb:*", "s3:*")
    world.state.pollers.register(stream)
    await world.create()
    wanted: dict[str, Any] = {
        "FunctionName": "f",
        "EventSourceArn": STREAM,
        "StartingPosition": "TRIM_HORIZON",
    }
    made = await world.call("CreateEventSourceMapping", **(wanted | given))
    return str(made["UUID"])


async def position(world: World, after: str) -> None:
    """Until the mapping has noted that it is after this record."""
    async with asyncio.timeout(5):
        while after not in [c.after for *_, c in world.state.store.checkpoints.everywhere()]:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
