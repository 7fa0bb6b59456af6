"""Date functions over ISO text, whose shape is kept, and over milliseconds since 1970."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloudlet.couchbase.sqlpp.durations import format_duration, parse_duration
from cloudlet.couchbase.sqlpp.functions import calendar, date_formats
from cloudlet.couchbase.sqlpp.functions.calendar import DEFAULT_SHAPE, Shape
from cloudlet.couchbase.sqlpp.functions.date_formats import Layout
from cloudlet.couchbase.sqlpp.functions.registry import (
    GENERATED_LIMIT,
    NUMBER,
    TEXT,
    function,
    out_of_range,
    typed,
    whole,
)
from cloudlet.couchbase.sqlpp.pausing import pause
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


def _read(text: str, form: Any = None) -> tuple[datetime, Shape | Layout] | None:
    """A date and the format it is in; `form` says which, else it is found from the text."""
    if type(form) is str and form and calendar.shape(form) is None:
        layout = date_formats.layout_of(form)
        if layout is not None:
            moment = date_formats.read(text, layout)
            return None if moment is None else (moment, layout)
    return calendar.read(text)


def _write(moment: datetime, form: Shape | Layout) -> str:
    if isinstance(form, Shape):
        return calendar.write(moment, form)
    return date_formats.written(moment, form)


def _written(moment: datetime | None, form: Any = None) -> Any:
    """The moment in a format; in the default one where there is none, or no good one."""
    if moment is None:
        return None
    if type(form) is str and form:
        shape = calendar.shape(form)
        layout = date_formats.layout_of(form) if shape is None else None
        return _write(moment, shape or layout or DEFAULT_SHAPE)
    return calendar.write(moment, DEFAULT_SHAPE)


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


@function("clock_tz")
def clock_tz(zone_name: Any, form: Any = None) -> Any:
    """The time now in a zone."""
    if zone_name is MISSING or form is MISSING:
        return MISSING
    zone = _zone(zone_name) if type(zone_name) is str else None
    return None if zone is None else _written(datetime.now(UTC).astimezone(zone), form)


@function("str_to_millis", "millis")
@typed(TEXT)
def str_to_millis(text: str, form: str | None = None) -> Any:
    """Milliseconds of a date in the given or any ISO format; NULL for any other."""
    found = _read(text, form)
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
    found = _read(text)
    if found is None:
        return None
    moment = found[0].astimezone(UTC)
    return _written(moment, form) if form else _write(moment, found[1])


@function("str_to_tz", "str_to_zone_name")
@typed(TEXT)
def str_to_tz(text: str, zone_name: str, form: str | None = None) -> Any:
    """The same moment in a named zone, in the same or another format."""
    found, zone = _read(text), _zone(zone_name)
    if found is None or zone is None:
        return None
    moment = found[0].astimezone(zone)
    return _written(moment, form) if form else _write(moment, found[1])


@function("date_format_str")
@typed(TEXT)
def date_format_str(text: str, first: str, second: str | None = None) -> Any:
    """The date in another format; of two formats the first is the text's own."""
    found = _read(text, first if second is not None else None)
    return None if found is None else _written(found[0], first if second is None else second)


@function("date_part_str")
@typed(TEXT)
def date_part_str(text: str, part: str) -> Any:
    """One part of a date: year, month, day, hour, ..., dow, doy, week, iso_week, ..."""
    found = _read(text)
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
    found, steps = _read(text), whole(count)
    if found is None or steps is None:
        return None
    moved = calendar.add(found[0], steps, part)
    return None if moved is None else _write(moved, found[1])


@function("date_add_millis")
@typed(NUMBER, NUMBER, TEXT)
def date_add_millis(ms: Any, count: Any, part: str) -> Any:
    """The moment moved by a number of parts."""
    moment, steps = moment_of(ms, UTC), whole(count)
    if moment is None or steps is None:
        return None
    moved = calendar.add(moment, steps, part)
    return None if moved is None else millis(moved)


def _difference_str(*, absolute: bool) -> Any:
    @typed(TEXT)
    def run(first: str, second: str, part: str) -> Any:
        a, b = _read(first), _read(second)
        if a is None or b is None:
            return None
        found = calendar.difference(a[0], b[0], part)
        return abs(found) if absolute and found is not None else found

    return run


def _difference_millis(*, absolute: bool) -> Any:
    @typed(NUMBER, NUMBER, TEXT)
    def run(first: Any, second: Any, part: str) -> Any:
        a, b = moment_of(first, UTC), moment_of(second, UTC)
        if a is None or b is None:
            return None
        found = calendar.difference(a, b, part)
        return abs(found) if absolute and found is not None else found

    return run


function("date_diff_str")(_difference_str(absolute=False))
function("date_diff_abs_str")(_difference_str(absolute=True))
function("date_diff_millis")(_difference_millis(absolute=False))
function("date_diff_abs_millis")(_difference_millis(absolute=True))


def _steps(start: datetime, end: datetime, part: str, count: Any) -> list[datetime] | None:
    """The moments from start up to, not including, end."""
    size = whole(count)
    if size is None or calendar.add(start, 1, part) is None:
        return None
    forward = size > 0
    found: list[datetime] = []
    at = start
    while size and (at < end if forward else at > end):
        found.append(at)
        if len(found) > GENERATED_LIMIT:
            raise out_of_range("DATE_RANGE")
        if len(found) % 256 == 0:
            pause()
        # From the start each time: the end of a month stays one.
        following = calendar.add(start, size * len(found), part)
        if following is None:
            break
        at = following
    return found


@function("date_range_str")
@typed(TEXT, TEXT, TEXT, NUMBER)
def date_range_str(start: str, end: str, part: str, count: Any = 1) -> Any:
    """The dates from the first up to the second, a number of parts apart, in its format."""
    a, b = _read(start), _read(end)
    if a is None or b is None:
        return None
    found = _steps(a[0], b[0], part, count)
    return None if found is None else [_write(moment, a[1]) for moment in found]


@function("date_range_millis")
@typed(NUMBER, NUMBER, TEXT, NUMBER)
def date_range_millis(start: Any, end: Any, part: str, count: Any = 1) -> Any:
    """The moments from the first up to the second, a number of parts apart."""
    a, b = moment_of(start, UTC), moment_of(end, UTC)
    found = _steps(a, b, part, count) if a is not None and b is not None else None
    return None if found is None else [millis(moment) for moment in found]


@function("duration_to_str")
def duration_to_str(nanoseconds: Any, style: Any = "") -> Any:
    """Nanoseconds as Go writes a duration; NULL for what is no number."""
    if nanoseconds is MISSING or style is MISSING:
        return MISSING
    if type(nanoseconds) not in (int, float):
        return None
    sign = "-" if nanoseconds < 0 else ""
    return "0s" if nanoseconds == 0 else sign + format_duration(abs(nanoseconds) / 1e9)


@function("str_to_duration")
@typed(TEXT)
def str_to_duration(text: str) -> Any:
    """The nanoseconds of a duration as Go writes it; NULL for any other text."""
    seconds = parse_duration(text)
    return None if seconds is None else round(seconds * 1e9)


@function("date_trunc_str")
@typed(TEXT)
def date_trunc_str(text: str, part: str) -> Any:
    """The date with everything smaller than a part at its beginning."""
    found = _read(text)
    if found is None:
        return None
    cut = calendar.truncate(found[0], part)
    return None if cut is None else _write(cut, found[1])


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
    found = _read(text)
    return None if found is None else date_formats.DAYS[found[0].weekday()]


@function("weekday_millis")
@typed(NUMBER, TEXT)
def weekday_millis(ms: Any, zone_name: str | None = None) -> Any:
    """The English name of the day of the week in UTC or a named zone."""
    zone = _zone(zone_name) if zone_name else UTC
    moment = moment_of(ms, zone) if zone else None
    return None if moment is None else date_formats.DAYS[moment.weekday()]
