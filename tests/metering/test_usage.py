from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloudlet.metering import usage as module
from cloudlet.metering.counters import Counters, Meter
from cloudlet.metering.usage import HOUR_S, MINUTE_S, Usage

ONE = Meter("000000000000", "us-east-1", "f", "1")
LATEST = Meter("000000000000", "us-east-1", "f", "$LATEST")
OTHER = Meter("111111111111", "us-east-1", "f", "1")
WHOSE = ("000000000000", "us-east-1", "f")


@pytest.fixture
async def usage(tmp_path: Path) -> AsyncIterator[Usage]:
    made = Usage(tmp_path / "usage.db")
    yield made
    await made.stop()


def ran(counters: Counters, *, failed: bool = False, init_ms: float | None = None) -> None:
    counters.ran(memory_mb=512, billed_ms=100, used_mb=40, init_ms=init_ms, failed=failed)


async def test_what_was_counted_adds_up_by_version_minute_and_hour(usage: Usage) -> None:
    ran(usage.of(ONE), init_ms=12.5)
    await usage.flush()
    ran(usage.of(ONE), failed=True)
    ran(usage.of(LATEST))
    usage.of(LATEST).throttles += 1
    ran(usage.of(OTHER))
    found = await usage.by_version(*WHOSE, since_s=int(time.time()) - MINUTE_S)
    assert found == {
        "1": Counters(2, 1, 0, 200, 102_400, 40, 1, 12.5, 0),
        "$LATEST": Counters(1, 0, 1, 100, 51_200, 40, 0, 0.0, 0),
    }
    assert found["1"].gb_s == pytest.approx(0.1)
    hours = await usage.by_time(*WHOSE, since_s=int(time.time()) - HOUR_S, grain_s=HOUR_S)
    assert sum(counters.invocations for counters in hours.values()) == 3
    assert all(start % HOUR_S == 0 for start in hours)
    last = await usage.last_used_s(*WHOSE)
    assert last is not None
    assert time.time() - last < 2 * HOUR_S


async def test_it_is_there_after_a_stop(tmp_path: Path) -> None:
    first = Usage(tmp_path / "usage.db")
    ran(first.of(ONE))
    await first.stop()
    second = Usage(tmp_path / "usage.db")
    assert (await second.by_version(*WHOSE, since_s=0))["1"].invocations == 1
    await second.clear()
    assert await second.by_version(*WHOSE, since_s=0) == {}
    await second.stop()


async def test_nothing_is_on_disk_where_nothing_was_used(tmp_path: Path) -> None:
    usage = Usage(tmp_path / "usage.db")
    usage.start(tuple)
    assert await usage.by_version(*WHOSE, since_s=0) == {}
    assert await usage.last_used_s(*WHOSE) is None
    await usage.stop()
    assert not (tmp_path / "usage.db").exists()


async def test_it_is_written_by_itself_with_what_is_kept_ready(
    usage: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 0.01)
    written = asyncio.Event()
    flush = usage.flush

    async def flushed() -> None:
        await flush()
        written.set()

    monkeypatch.setattr(usage, "flush", flushed)
    usage.start(lambda: [(ONE, 1024)])
    await asyncio.wait_for(written.wait(), 10)
    found = (await usage.by_version(*WHOSE, since_s=0))["1"]
    assert (found.invocations, found.provisioned_gb_s > 0) == (0, True)
    assert await usage.last_used_s(*WHOSE) is None


async def test_a_write_that_fails_loses_nothing(
    usage: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(usage.of(ONE))
    real, tried = module._write, []

    def failing(*arguments: object) -> None:
        tried.append(arguments)
        raise OSError("the disk is full")

    monkeypatch.setattr(module, "_write", failing)
    with pytest.raises(OSError, match="full"):
        await usage.flush()
    ran(usage.of(ONE))
    monkeypatch.setattr(module, "_write", real)
    assert (await usage.by_version(*WHOSE, since_s=0))["1"].invocations == 2
    assert len(tried) == 1


async def test_old_rows_go(usage: Usage, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    ran(usage.of(ONE))
    monkeypatch.setattr(time, "time", lambda: now - 16 * 86_400)
    await usage.flush()
    monkeypatch.setattr(time, "time", lambda: now)
    ran(usage.of(LATEST))
    assert set(await usage.by_version(*WHOSE, since_s=0)) == {"$LATEST"}
    assert set(await usage.by_version(*WHOSE, since_s=0, grain_s=HOUR_S)) == {"1", "$LATEST"}


async def test_it_goes_on_after_a_failure(usage: Usage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 0.01)
    asked = asyncio.Event()
    answers = iter([RuntimeError("no")])

    def provisioned() -> list[tuple[Meter, int]]:
        for error in answers:
            raise error
        asked.set()
        return []

    usage.start(provisioned)
    await asyncio.wait_for(asked.wait(), 10)
