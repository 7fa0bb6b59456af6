"""Date formats that are not an ISO example: component codes, Go's reference date, percent style.

A format becomes a list of literals and elements; the same list writes dates and reads them. A
space in a format matches any single character. Source: the reference's page on date functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONTHS: Final = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
DAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905


class Element(NamedTuple):
    """One component: what it is, its padding and width, and how its text is cased."""

    kind: str
    pad: str = "0"
    width: int = 0
    case: str = ""


Layout = tuple["str | Element", ...]


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)


def _zone(moment: datetime, form: str) -> str:
    seconds = int(_offset(moment).total_seconds())
    if form.startswith("Z") and seconds == 0:
        return "Z"
    sign, seconds = ("-" if seconds < 0 else "+"), abs(seconds)
    hours, minutes = f"{seconds // 3600:02d}", f"{seconds // 60 % 60:02d}"
    if form.endswith("07"):
        return sign + hours
    if form.endswith("0700"):
        return sign + hours + minutes
    if form == "seconds":
        return f"{sign}{hours}:{minutes}:{seconds % 60:02d}"
    return f"{sign}{hours}:{minutes}"


def _since_epoch(moment: datetime) -> str:
    total = int(moment.timestamp())
    return f"{total // 3600}:{total // 60 % 60:02d}:{total % 60:02d}"


def _suffix(day: int) -> str:
    if 10 < day < 20:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _milliseconds(moment: datetime) -> str:
    return f"{moment.microsecond // 1000:03d}"


_NUMBERS: Final[dict[str, tuple[int, Callable[[datetime], int]]]] = {
    "year": (4, lambda t: t.year),
    "century": (2, lambda t: t.year // 100),
    "year2": (2, lambda t: t.year % 100),
    "month": (2, lambda t: t.month),
    "day": (2, lambda t: t.day),
    "yearday": (3, lambda t: t.timetuple().tm_yday),
    "hour": (2, lambda t: t.hour),
    "hour12": (2, lambda t: (t.hour + 11) % 12 + 1),
    "minute": (2, lambda t: t.minute),
    "second": (2, lambda t: t.second),
    "quarter": (1, lambda t: (t.month - 1) // 3 + 1),
    "weekday": (1, lambda t: t.isoweekday() % 7),
    "isoweekday": (1, lambda t: t.isoweekday()),
    "isoweek": (2, lambda t: t.isocalendar().week),
    "isoyear": (4, lambda t: t.isocalendar().year),
    "sundayweek": (2, lambda t: int(t.strftime("%U"))),
    "mondayweek": (2, lambda t: int(t.strftime("%W"))),
    "epoch": (1, lambda t: int(t.timestamp())),
}
_TEXTS: Final[dict[str, Callable[[datetime], str]]] = {
    "monthname": lambda t: MONTHS[t.month - 1],
    "monthabbr": lambda t: MONTHS[t.month - 1][:3],
    "dayname": lambda t: DAYS[t.weekday()],
    "dayabbr": lambda t: DAYS[t.weekday()][:3],
    "meridiem": lambda t: "AM" if t.hour < 12 else "PM",
    "ordinal": lambda t: _suffix(t.day),
    "millis": _milliseconds,
    "zonename": lambda t: str(t.tzinfo) if isinstance(t.tzinfo, ZoneInfo) else t.tzname() or "UTC",
    "sinceepoch": _since_epoch,
    "sinceepochms": lambda t: f"{_since_epoch(t)}.{_milliseconds(t)}",
}


def written(moment: datetime, layout: Layout) -> str:
    """The moment in a format."""
    return "".join(part if isinstance(part, str) else _element(moment, part) for part in layout)


def _element(moment: datetime, element: Element) -> str:
    number = _NUMBERS.get(element.kind)
    if number is not None:
        text = str(number[1](moment))
        fill = {"-": "", "_": " ", "0": "0"}[element.pad]
        return text.rjust(element.width or number[0], fill) if fill else text
    words = _TEXTS.get(element.kind)
    if words is not None:
        text = words(moment)
        return {"upper": text.upper(), "lower": text.lower()}.get(element.case, text)
    if element.kind == "fraction":
        text = f"{moment.microsecond:06d}".ljust(9, "0")[: element.width]
        if element.pad == "-":
            text = text.rstrip("0")
        return f".{text}" if text else ""
    return _zone(moment, element.case)


_READ: Final[dict[str, str]] = {
    "year": r"\d{4}", "century": r"\d{2}", "year2": r"\d{2}", "month": r"[ \d]?\d",
    "day": r"[ \d]?\d", "yearday": r"[ \d]{0,2}\d", "hour": r"[ \d]?\d", "hour12": r"[ \d]?\d",
    "minute": r"[ \d]?\d", "second": r"[ \d]?\d", "epoch": r"\d+", "millis": r"\d{1,9}",
    "monthname": "|".join(MONTHS), "monthabbr": "|".join(m[:3] for m in MONTHS),
    "dayname": "|".join(DAYS), "dayabbr": "|".join(d[:3] for d in DAYS),
    "meridiem": "[AaPp][Mm]", "ordinal": "st|nd|rd|th", "fraction": r"[.,]\d{1,9}|",
    "zone": r"Z|[+-]\d{2}(?::?\d{2})?|[A-Za-z]+(?:/[A-Za-z_]+)*",
    "zonename": r"Z|[+-]\d{2}(?::?\d{2})?|[A-Za-z]+(?:/[A-Za-z_]+)*",
}  # fmt: skip


@lru_cache(maxsize=256)
def _reader(layout: Layout) -> re.Pattern[str] | None:
    pattern = ""
    seen: set[str] = set()
    for part in layout:
        if isinstance(part, str):
            pattern += "".join("." if c == " " else re.escape(c) for c in part)
            continue
        expression = _READ.get(part.kind)
        if expression is None or part.kind in seen:
            return None
        seen.add(part.kind)
        pattern += f"(?P<{part.kind}>{expression})"
    return re.compile(pattern, re.IGNORECASE)


def read(text: str, layout: Layout) -> datetime | None:
    """The moment of a text in a format; None where it is not in it."""
    reader = _reader(layout)
    found = reader.fullmatch(text) if reader is not None else None
    if found is None:
        return None
    parts = {name: value.strip() for name, value in found.groupdict().items() if value}
    try:
        return _moment(parts)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        return None


def _moment(parts: dict[str, str]) -> datetime:
    zone = _zone_of(parts.get("zone") or parts.get("zonename"))
    if "epoch" in parts:
        return datetime.fromtimestamp(int(parts["epoch"]), tz=zone)
    year = int(parts.get("year", 1970))
    if "year2" in parts:
        short = int(parts["year2"])
        century = int(parts["century"]) if "century" in parts else 19 if short >= 69 else 20
        year = century * 100 + short
    month = int(parts.get("month", 1))
    for kind in ("monthname", "monthabbr"):
        if kind in parts:
            month = [m[:3].lower() for m in MONTHS].index(parts[kind][:3].lower()) + 1
    hour = int(parts.get("hour", 0))
    if "hour12" in parts:
        hour = int(parts["hour12"]) % 12 if "meridiem" in parts else int(parts["hour12"])
    if parts.get("meridiem", "").upper() == "PM" and hour < 12:
        hour += 12
    fraction = parts.get("fraction", "").lstrip(".,") or parts.get("millis", "")
    moment = datetime(
        year, month, int(parts.get("day", 1)), hour, int(parts.get("minute", 0)),
        int(parts.get("second", 0)), int(fraction.ljust(6, "0")[:6] or 0), tzinfo=zone,
    )  # fmt: skip
    if "yearday" in parts:
        moment = moment.replace(month=1, day=1) + timedelta(days=int(parts["yearday"]) - 1)
    moment.astimezone(UTC)
    return moment


def _zone_of(text: str | None) -> Any:
    if not text or text in ("Z", "z", "UTC"):
        return UTC
    if text[0] in "+-":
        digits = text[1:].replace(":", "").ljust(4, "0")
        shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-shift if text[0] == "-" else shift)
    return ZoneInfo(text)


_PERCENT: Final = re.compile(
    r"%(?:%|(?P<flag>[-_0^])?(?P<width>\d+)?(?P<element>:{0,3}z|[A-Za-z#@]))"
)
_PERCENT_ELEMENTS: Final[dict[str, tuple[str | Element, ...]]] = {
    "Y": (Element("year"),), "C": (Element("century"),), "y": (Element("year2"),),
    "m": (Element("month"),), "B": (Element("monthname"),), "b": (Element("monthabbr"),),
    "h": (Element("monthabbr"),), "d": (Element("day"),), "e": (Element("day", "_"),),
    "A": (Element("dayname"),), "a": (Element("dayabbr"),), "f": (Element("ordinal"),),
    "H": (Element("hour"),), "k": (Element("hour", "_"),), "I": (Element("hour12"),),
    "l": (Element("hour12", "_"),), "p": (Element("meridiem"),),
    "P": (Element("meridiem", case="lower"),), "M": (Element("minute"),),
    "S": (Element("second"),), "N": (Element("millis"),), "z": (Element("zone"),),
    ":z": (Element("zone"),), "::z": (Element("zone", case="seconds"),), ":::z": (Element("zone"),),
    "Z": (Element("zonename"),), "s": (Element("epoch", "-"),), "j": (Element("yearday"),),
    "q": (Element("quarter"),), "w": (Element("weekday"),), "u": (Element("isoweekday"),),
    "V": (Element("isoweek"),), "G": (Element("isoyear"),), "U": (Element("sundayweek"),),
    "W": (Element("mondayweek"),), "#": (Element("sinceepoch"),), "@": (Element("sinceepochms"),),
    "n": ("\n",), "t": ("\t",),
}  # fmt: skip
_PERCENT_ELEMENTS["D"] = _PERCENT_ELEMENTS["x"] = (
    Element("year"), "-", Element("month"), "-", Element("day"),
)  # fmt: skip
_PERCENT_ELEMENTS["R"] = (Element("hour"), ":", Element("minute"))
_PERCENT_ELEMENTS["T"] = _PERCENT_ELEMENTS["X"] = (
    *_PERCENT_ELEMENTS["R"], ":", Element("second"),
)  # fmt: skip
_PERCENT_ELEMENTS["r"] = (
    Element("hour12"), ":", Element("minute"), ":", Element("second"), " ", Element("meridiem"),
)  # fmt: skip
_PERCENT_ELEMENTS["F"] = (
    *_PERCENT_ELEMENTS["D"], "T", *_PERCENT_ELEMENTS["T"], Element("fraction", "-", 3),
    Element("zone", case="Z"),
)  # fmt: skip

_CODES: Final[dict[str, Element]] = {
    "YYYY": Element("year"), "CC": Element("century"), "YY": Element("year2"),
    "MM": Element("month"), "DD": Element("day"), "HH24": Element("hour"),
    "HH12": Element("hour12"), "hh": Element("hour"), "HH": Element("hour"),
    "mm": Element("minute"), "MI": Element("minute"), "ss": Element("second"),
    "SS": Element("second"), "s": Element("millis"), "TZD": Element("zone", case="Z"),
    "TZN": Element("zonename"),
    "MONTH": Element("monthname", case="upper"), "Month": Element("monthname"),
    "month": Element("monthname", case="lower"), "MON": Element("monthabbr", case="upper"),
    "Mon": Element("monthabbr"), "mon": Element("monthabbr", case="lower"),
    "DAY": Element("dayname", case="upper"), "Day": Element("dayname"),
    "day": Element("dayname", case="lower"), "DY": Element("dayabbr", case="upper"),
    "Dy": Element("dayabbr"), "dy": Element("dayabbr", case="lower"),
    "AM": Element("meridiem"), "PM": Element("meridiem"), "PP": Element("meridiem"),
    "am": Element("meridiem", case="lower"), "pm": Element("meridiem", case="lower"),
    "pp": Element("meridiem", case="lower"),
}  # fmt: skip
_GO: Final[dict[str, Element]] = {
    "2006": Element("year"), "06": Element("year2"), "January": Element("monthname"),
    "Jan": Element("monthabbr"), "Monday": Element("dayname"), "Mon": Element("dayabbr"),
    "01": Element("month"), "1": Element("month", "-"), "002": Element("yearday"),
    "__2": Element("yearday", "_"), "02": Element("day"), "_2": Element("day", "_"),
    "2": Element("day", "-"), "15": Element("hour"), "03": Element("hour12"),
    "3": Element("hour12", "-"), "04": Element("minute"), "4": Element("minute", "-"),
    "05": Element("second"), "5": Element("second", "-"), "PM": Element("meridiem"),
    "pm": Element("meridiem", case="lower"), "MST": Element("zonename"),
    **{z: Element("zone", case=z) for z in ("Z07:00", "Z0700", "Z07", "-07:00", "-0700", "-07")},
}  # fmt: skip


def _split_by(table: dict[str, Element]) -> re.Pattern[str]:
    names = sorted(table, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, names)))


_CODE: Final = _split_by(_CODES)
_GO_PART: Final = re.compile(r"[.,](?:0+|9+)(?!\d)|" + _split_by(_GO).pattern)
_GO_SURE: Final = re.compile(r"2006|January|Jan\b|Monday|15:04|3:04|Z07")


@lru_cache(maxsize=256)
def layout_of(form: str) -> Layout | None:
    """The layout of a format string; None for one without any element."""
    if "%" in form:
        return _scanned(form, _PERCENT, _percent)
    if _GO_SURE.search(form):
        return _scanned(form, _GO_PART, _go)
    return _scanned(form, _CODE, lambda match: (_CODES[match.group()],))


def _scanned(
    form: str, pattern: re.Pattern[str], element: Callable[[re.Match[str]], Layout]
) -> Layout | None:
    parts: list[str | Element] = []
    at = 0
    for match in pattern.finditer(form):
        if match.start() > at:
            parts.append(form[at : match.start()])
        parts.extend(element(match))
        at = match.end()
    if at < len(form):
        parts.append(form[at:])
    return tuple(parts) if any(isinstance(part, Element) for part in parts) else None


def _percent(match: re.Match[str]) -> Layout:
    name = match["element"]
    if name is None:
        return ("%",)
    found = _PERCENT_ELEMENTS.get(name)
    if found is None:
        return (match.group(),)
    flag, width = match["flag"], int(match["width"] or 0) % 100
    if len(found) != 1 or isinstance(found[0], str):
        return found
    element = found[0]
    if flag == "^":
        element = element._replace(case="upper")
    elif flag:
        element = element._replace(pad=flag)
    return (element._replace(width=width or element.width),)


def _go(match: re.Match[str]) -> Layout:
    text = match.group()
    if text[0] in ".,":
        pad = "-" if text[1] == "9" else "0"
        return (Element("fraction", pad, len(text) - 1),)
    return (_GO[text],)
