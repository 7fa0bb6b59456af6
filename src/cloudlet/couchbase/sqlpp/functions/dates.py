"""Date functions over ISO text, whose shape is kept, and over milliseconds since 1970."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloudlet.couchbase.sqlpp.functions import calendar
from cloudlet.couchbase.sqlpp.functions.calendar import DEFAULT_SHAPE, Shape
from cloudlet.couchbase.sqlpp.functions.registry import NUMBER, TEXT, function, typed, whole
from cloudlet.couchbase.sqlpp.values import MISSING, number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def millis(moment: datetime) -> int | float:
    """Milliseconds since 1970."""
    delta = moment - _EPOCH
    whole_ms = delta.days * 86_400_000 + delta.seconds * 1000
    result = number(whole_ms + delta.microseconds / 1000)
    return 0 if result is None else result


def moment_of(ms: float, zone: tzinfo | None = None) -> datetime | None:
    """The moment in a zone, the machine's own unless given; None outside years 1 to 9999."""
    try:
        return (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
    except (OverflowError, ValueError):
        return None


def _zone(name: Any) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _shape(form: Any) -> Shape:
    return calendar.shape(form) if type(form) is str and form else DEFAULT_SHAPE


def _written(moment: datetime | None, form: Any = None) -> Any:
    return None if moment is None else calendar.write(moment, _shape(form))


def _now_shape(form: Any) -> bool:
    return form is None or type(form) is str


def _clock(*, utc: bool) -> Any:
    def run(form: Any = None) -> Any:
        if form is MISSING:
            return MISSING
        now = datetime.now(UTC)
        return _written(now if utc else now.astimezone(), form) if _now_shape(form) else None

    return run


def _statement_clock(*, utc: bool) -> Any:
    def run(context: Any, form: Any = None) -> Any:
        if form is MISSING:
            return MISSING
        moment = moment_of(context.now_ms, UTC if utc else None)
        return _written(moment, form) if _now_shape(form) else None

    return run


function("clock_str", "clock_local")(_clock(utc=False))
function("clock_utc")(_clock(utc=True))
function("clock_millis")(lambda: time.time() * 1000)
function("now_str", "now_local", context=True)(_statement_clock(utc=False))
function("now_utc", context=True)(_statement_clock(utc=True))
function("now_millis", context=True)(lambda context: context.now_ms)


@function("now_tz", context=True)
def now_tz(context: Any, zone_name: Any, form: Any = None) -> Any:
    """The statement's time in a zone."""
    if zone_name is MISSING or form is MISSING:
        return MISSING
    zone = _zone(zone_name) if type(zone_name) is str else None
    return None if zone is None else _written(moment_of(context.now_ms, zone), form)


@function("str_to_millis", "millis")
@typed(TEXT)
def str_to_millis(text: str, form: str | None = None) -> Any:  # noqa: ARG001
    """Milliseconds of a date in one of the supported formats; NULL for any other.

    The format is found from the text itself, so the second argument need not be read.
    """
    found = calendar.read(text)
    return None if found is None else millis(found[0])


@function("millis_to_str", "millis_to_local")
@typed(NUMBER, TEXT)
def millis_to_str(ms: Any, form: str | None = None) -> Any:
    """The moment in the machine's zone."""
    return _written(moment_of(ms), form)


@function("millis_to_utc")
@typed(NUMBER, TEXT)
def millis_to_utc(ms: Any, form: str | None = None) -> Any:
    """The moment in UTC."""
    return _written(moment_of(ms, UTC), form)


@function("millis_to_tz", "millis_to_zone_name")
@typed(NUMBER, TEXT)
def millis_to_tz(ms: Any, zone_name: str, form: str | None = None) -> Any:
    """The moment in a named zone; NULL for an unknown one."""
    zone = _zone(zone_name)
    return None if zone is None else _written(moment_of(ms, zone), form)


@function("str_to_utc")
@typed(TEXT)
def str_to_utc(text: str, form: str | None = None) -> Any:
    """The same moment in UTC, in the same shape."""
    found = calendar.read(text)
    if found is None:
        return None
    return calendar.write(found[0].astimezone(UTC), _shape(form) if form else found[1])


@function("str_to_tz", "str_to_zone_name")
@typed(TEXT)
def str_to_tz(text: str, zone_name: str) -> Any:
    """The same moment in a named zone, in the same shape."""
    found, zone = calendar.read(text), _zone(zone_name)
    if found is None or zone is None:
        return None
    return calendar.write(found[0].astimezone(zone), found[1])


@function("date_format_str")
@typed(TEXT)
def date_format_str(text: str, form: str) -> Any:
    """The date in the shape of another example."""
    found = calendar.read(text)
    return None if found is None else _written(found[0], form)


@function("date_part_str")
@typed(TEXT)
def date_part_str(text: str, part: str) -> Any:
    """One part of a date: year, month, day, hour, ..., dow, doy, week, iso_week, ..."""
    found = calendar.read(text)
    return None if found is None else calendar.part(found[0], part)


@function("date_part_millis")
@typed(NUMBER, TEXT)
def date_part_millis(ms: Any, part: str, zone_name: str | None = None) -> Any:
    """One part of a moment in UTC or a named zone."""
    zone = _zone(zone_name) if zone_name else UTC
    moment = moment_of(ms, zone) if zone else None
    return None if moment is None else calendar.part(moment, part)


@function("date_add_str")
@typed(TEXT, NUMBER, TEXT)
def date_add_str(text: str, count: Any, part: str) -> Any:
    """The date moved by a number of parts, in the same shape."""
    found, steps = calendar.read(text), whole(count)
    if found is None or steps is None:
        return None
    moved = calendar.add(found[0], steps, part)
    return None if moved is None else calendar.write(moved, found[1])


@function("date_add_millis")
@typed(NUMBER, NUMBER, TEXT)
def date_add_millis(ms: Any, count: Any, part: str) -> Any:
    """The moment moved by a number of parts."""
    moment, steps = moment_of(ms, UTC), whole(count)
    if moment is None or steps is None:
        return None
    moved = calendar.add(moment, steps, part)
    return None if moved is None else millis(moved)


@function("date_diff_str")
@typed(TEXT)
def date_diff_str(first: str, second: str, part: str) -> Any:
    """How many whole parts the first date is after the second."""
    a, b = calendar.read(first), calendar.read(second)
    return None if a is None or b is None else calendar.difference(a[0], b[0], part)


@function("date_diff_millis")
@typed(NUMBER, NUMBER, TEXT)
def date_diff_millis(first: Any, second: Any, part: str) -> Any:
    """How many whole parts the first moment is after the second."""
    a, b = moment_of(first, UTC), moment_of(second, UTC)
    return None if a is None or b is None else calendar.difference(a, b, part)


@function("date_trunc_str")
@typed(TEXT)
def date_trunc_str(text: str, part: str) -> Any:
    """The date with everything smaller than a part at its beginning."""
    found = calendar.read(text)
    if found is None:
        return None
    cut = calendar.truncate(found[0], part)
    return None if cut is None else calendar.write(cut, found[1])


@function("date_trunc_millis")
@typed(NUMBER, TEXT)
def date_trunc_millis(ms: Any, part: str) -> Any:
    """The moment in UTC with everything smaller than a part at its beginning."""
    moment = moment_of(ms, UTC)
    cut = calendar.truncate(moment, part) if moment else None
    return None if cut is None else millis(cut)


@function("weekday_str")
@typed(TEXT)
def weekday_str(text: str) -> Any:
    """The English name of the day of the week."""
    found = calendar.read(text)
    return None if found is None else f"{found[0]:%A}"


@function("weekday_millis")
@typed(NUMBER, TEXT)
def weekday_millis(ms: Any, zone_name: str | None = None) -> Any:
    """The English name of the day of the week in UTC or a named zone."""
    zone = _zone(zone_name) if zone_name else UTC
    moment = moment_of(ms, zone) if zone else None
    return None if moment is None else f"{moment:%A}"
