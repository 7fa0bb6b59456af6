from __future__ import annotations

import pytest

from cloudlet.compute import reserve
from cloudlet.compute.reserve import Idleness, Reserve


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reserve, "perf_counter", clock)
    return clock


def test_the_reserve_follows_the_arrivals_and_forgets_them(clock: Clock) -> None:
    blanks = Reserve(None, "python")
    assert blanks.wanted() == 2
    for _ in range(9):
        blanks.arrived()
    assert blanks.wanted() == 9
    clock.now += 15
    assert blanks.wanted() == 4
    clock.now += 600
    assert blanks.wanted() == 2


def test_the_reserve_is_bounded_and_can_be_pinned(clock: Clock) -> None:
    few, many, none = Reserve(None, "node"), Reserve(None, "python"), Reserve(0, "python")
    for _ in range(1000):
        for each in (few, many, none):
            each.arrived()
    assert few.wanted() < many.wanted() < 1000
    assert none.wanted() == 0


@pytest.mark.parametrize("source", ["pressure", "load"])
def test_blanks_wait_for_an_idle_machine_but_not_for_ever(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    stalled = 0 if source == "pressure" else -1
    runnable = 0
    monkeypatch.setattr(reserve, "_stalled_us", lambda: stalled)
    monkeypatch.setattr(reserve, "_runnable", lambda: runnable)
    idleness = Idleness()
    allowed = []
    for _ in range(25):
        clock.now += 0.1
        if source == "pressure":
            stalled += 90_000
        runnable = 1000
        allowed.append(idleness.allows())
    assert 4 <= sum(allowed) <= 5
    assert allowed.index(True) in (4, 5)
    clock.now += 0.1
    runnable = 0
    assert idleness.allows()
