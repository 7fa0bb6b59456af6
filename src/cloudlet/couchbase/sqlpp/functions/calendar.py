"""Dates as text, read and written in the shapes the reference lists; parts and steps of dates."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, NamedTuple


class Shape(NamedTuple):
    """How a date is written: what stands in it."""

    date: bool
    separator: str
    time: bool
    fraction: int  # digits after the second; -1 as many as needed, at most three
    zone: bool


DEFAULT_SHAPE: Final = Shape(True, "T", True, -1, True)

_DATE: Final = re.compile(
    r"(?:(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2}))?(?P<sep>[T ])?"
    r"(?:(?P<H>\d{2}):(?P<M>\d{2}):(?P<S>\d{2})(?:\.(?P<f>\d{1,9}))?)?"
    r"(?P<z>Z|[+-]\d{2}:?\d{2}|TZD)?"
)


def shape(example: str) -> Shape | None:
    """The shape of a format given as an example, such as `1111-11-11T00:00:00Z`, or as its codes
    (YYYY-MM-DDThh:mm:ss.sTZD); None for any other format, Go's reference date among them.
    """
    if re.search("2006|15:04", example):
        return None
    digits = re.sub(r"YYYY|MM|DD|hh|mm|ss", lambda found: "0" * len(found.group()), example)
    digits = digits.replace("TZD", "Z").replace(".sZ", ".000Z")
    if digits.endswith(".s"):
        digits = digits[:-1] + "000"
    found = _DATE.fullmatch(digits)
    return _shape_of(found) if found and digits else None


def _shape_of(found: re.Match[str]) -> Shape:
    fraction = len(found["f"]) if found["f"] else 0
    return Shape(
        found["y"] is not None, found["sep"] or "", found["H"] is not None, fraction,
        found["z"] is not None,
    )  # fmt: skip


def read(text: str) -> tuple[datetime, Shape] | None:
    """The moment and the shape of a date; a date without a zone is in UTC; None if unreadable."""
    found = _DATE.fullmatch(text)
    if found is None or (found["y"] is None and found["H"] is None):
        return None
    if (found["y"] is not None and found["H"] is not None) != (found["sep"] is not None):
        return None
    try:
        moment = datetime(
            int(found["y"] or 1970), int(found["m"] or 1), int(found["d"] or 1),
            int(found["H"] or 0), int(found["M"] or 0), int(found["S"] or 0),
            int((found["f"] or "0").ljust(6, "0")[:6]), tzinfo=_zone(found["z"]),
        )  # fmt: skip
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment, _shape_of(found)


def _zone(text: str | None) -> timezone:
    if text in (None, "Z", "TZD"):
        return UTC
    assert text is not None
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def write(moment: datetime, form: Shape) -> str:
    """The moment in a shape."""
    text = ""
    if form.date:
        text = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"
    if form.time:
        text += form.separator + f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}"
        text += _fraction(moment.microsecond, form.fraction)
    if form.zone:
        offset = moment.utcoffset()
        text += "Z" if not offset else f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:5]
    return text


def _fraction(microsecond: int, digits: int) -> str:
    if digits < 0:
        found = f"{microsecond // 1000:03d}".rstrip("0")
        return f".{found}" if found else ""
    return f".{microsecond:06d}"[: digits + 1] if digits else ""


_PARTS: Final[dict[str, Callable[[datetime], Any]]] = {
    "millennium": lambda t: (t.year - 1) // 1000 + 1,
    "century": lambda t: (t.year - 1) // 100 + 1,
    "decade": lambda t: t.year // 10,
    "year": lambda t: t.year,
    "quarter": lambda t: (t.month - 1) // 3 + 1,
    "month": lambda t: t.month,
    "day": lambda t: t.day,
    "hour": lambda t: t.hour,
    "minute": lambda t: t.minute,
    "second": lambda t: t.second,
    "millisecond": lambda t: t.microsecond // 1000,
    "day_of_year": lambda t: t.timetuple().tm_yday,
    "doy": lambda t: t.timetuple().tm_yday,
    "day_of_week": lambda t: t.isoweekday() % 7,
    "dow": lambda t: t.isoweekday() % 7,
    "week": lambda t: (t.timetuple().tm_yday + 6) // 7,
    "iso_week": lambda t: t.isocalendar().week,
    "iso_year": lambda t: t.isocalendar().year,
    "iso_dow": lambda t: t.isoweekday(),
    "timezone": lambda t: int(_offset(t).total_seconds()),
    "timezone_hour": lambda t: int(_offset(t).total_seconds() / 3600),
    "timezone_minute": lambda t: int(_offset(t).total_seconds() / 60) % 60,
}

_MONTHS: Final = {
    "millennium": 12_000, "century": 1200, "decade": 120, "year": 12, "quarter": 3, "month": 1,
}  # fmt: skip
_SPANS: Final = {
    "week": timedelta(weeks=1), "day": timedelta(days=1), "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1), "second": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1),
}  # fmt: skip


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)


def part(moment: datetime, name: str) -> Any:
    """One part of a date; NULL for an unknown part."""
    found = _PARTS.get(name.lower())
    return None if found is None else found(moment)


def add(moment: datetime, count: int, name: str) -> datetime | None:
    """The moment moved by `count` parts; a month's end stays inside the month."""
    name = name.lower()
    try:
        if name in _SPANS:
            return moment + _SPANS[name] * count
        if name not in _MONTHS:
            return None
        months = moment.year * 12 + moment.month - 1 + _MONTHS[name] * count
        year, month = divmod(months, 12)
        day = min(moment.day, monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day)
    except (OverflowError, ValueError, IndexError):
        return None


def difference(a: datetime, b: datetime, name: str) -> Any:
    """How many parts lie between two moments: whole spans, or steps of the calendar."""
    name = name.lower()
    if name in _SPANS:
        return int((a - b) / _SPANS[name])
    if name not in _MONTHS:
        return None
    if name in ("month", "quarter"):
        return (a.year * 12 + a.month - b.year * 12 - b.month) // _MONTHS[name]
    return int((a.year - b.year) / (_MONTHS[name] // 12))


def truncate(moment: datetime, name: str) -> datetime | None:
    """The beginning of the part in which the moment lies."""
    name = name.lower()
    if name in _SPANS and name != "week":
        if name == "millisecond":
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        units = {"day": 0, "hour": 1, "minute": 2, "second": 3}[name]
        kept = {"hour": moment.hour, "minute": moment.minute, "second": moment.second}
        cut = {unit: value if place < units else 0 for place, (unit, value) in
               enumerate(kept.items())}  # fmt: skip
        return moment.replace(
            hour=cut["hour"], minute=cut["minute"], second=cut["second"], microsecond=0
        )
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "week":
        return start - timedelta(days=start.isoweekday() % 7)
    if name not in _MONTHS:
        return None
    if name in ("month", "quarter"):
        months = (moment.month - 1) // _MONTHS[name] * _MONTHS[name]
        return start.replace(month=months + 1, day=1)
    years = _MONTHS[name] // 12
    return start.replace(year=max(1, moment.year // years * years), month=1, day=1)
