from __future__ import annotations

import asyncio

import pytest

from cloudlet.aws.deadlines import Deadlines


async def wait(deadlines: Deadlines, seconds: float, work_s: float) -> str:
    deadline = deadlines.set(seconds)
    try:
        await asyncio.sleep(work_s)
    except asyncio.CancelledError:
        if not deadlines.passed(deadline):
            raise
        return "late"
    finally:
        deadlines.clear(deadline)
    await asyncio.sleep(0)  # a task that was let go on is not cancelled again
    return "done"


async def test_only_what_takes_too_long_is_late() -> None:
    deadlines = Deadlines()
    found = await asyncio.gather(
        wait(deadlines, 0.02, 30), wait(deadlines, 30, 0.0), wait(deadlines, 0.05, 30)
    )
    assert list(found) == ["late", "done", "late"]
    await asyncio.sleep(0.05)
    assert deadlines._timer is None


async def test_another_cancellation_is_not_a_deadline() -> None:
    task = asyncio.create_task(wait(Deadlines(), 30, 30))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
