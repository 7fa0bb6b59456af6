"""Durations as Go writes them, which is how requests and metrics carry them."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
}  # fmt: skip
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"[+-]?(?:{_PART.pattern})+|0")


def parse_duration(text: str) -> float | None:
    """Seconds of a duration such as `75s`, `1m30s` or `250ms`; None where it is none."""
    if not _WHOLE.fullmatch(text):
        return None
    seconds = sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text))
    return -seconds if text.startswith("-") else seconds


def format_duration(seconds: float) -> str:
    """Seconds as Go prints them: `1.234567ms`, `2.5s`, `1m30s`."""
    if seconds < 1e-6:
        return f"{round(seconds * 1e9)}ns"
    if seconds < 1e-3:
        return f"{_plain(seconds * 1e6)}µs"
    if seconds < 1:
        return f"{_plain(seconds * 1e3)}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{text}{_plain(rest)}s"


def _plain(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
