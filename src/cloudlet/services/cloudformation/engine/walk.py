"""Working through a graph: everything whose needs are met at once, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

#: Resources of one stack in work at a time.
PARALLEL = 8


async def walk(
    graph: Mapping[str, set[str]],
    work: Callable[[str], Awaitable[bool]],
    *,
    stop_on_failure: bool,
) -> None:
    """Await `work(name)` for every name after those that it needs.

    `work` says whether it succeeded. What needs a failed one is left out; with `stop_on_failure`
    nothing new begins after a failure. What has begun is always awaited; a cancellation reaches it.
    """
    left = {name: set(needed) & graph.keys() for name, needed in graph.items()}
    running: dict[asyncio.Task[bool], str] = {}
    failed = False
    try:
        while True:
            if not (failed and stop_on_failure):
                for name in [name for name, needed in left.items() if not needed]:
                    if len(running) >= PARALLEL:
                        break
                    del left[name]
                    running[asyncio.ensure_future(_bool(work(name)))] = name
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name = running.pop(task)
                if task.result():
                    for needed in left.values():
                        needed.discard(name)
                else:
                    failed = True
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)


async def _bool(outcome: Awaitable[bool]) -> bool:
    return await outcome


def reverse(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The graph for undoing: each waits for those that need it."""
    found: dict[str, set[str]] = {name: set() for name in graph}
    for name, needed in graph.items():
        for other in needed:
            if other in found:
                found[other].add(name)
    return found
