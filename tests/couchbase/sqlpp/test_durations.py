from __future__ import annotations

import pytest

from cloudlet.couchbase.sqlpp.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("75s", 75), ("75000ms", 75), ("1m30s", 90), ("1.5h", 5400), ("10us", 1e-5), ("0", 0)],
)
def test_go_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "5", "5 s", "1d"])
def test_other_text_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2e-9, "2ns"), (1.5e-6, "1.5µs"), (0.00125, "1.25ms"), (2.5, "2.5s"), (90, "1m30s")],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
