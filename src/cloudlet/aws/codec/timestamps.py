"""Timestamps as the protocols write them; inside cloudlet they are float epoch seconds."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import gmtime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(\.\d+)?)?)?"
    r"(?:[Zz]|([+-])(\d\d):?(\d\d))?\Z",
    re.ASCII,
)


@lru_cache(maxsize=4096)
def _second(epoch: int) -> str:
    at = gmtime(epoch)
    return (
        f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}"
        f"T{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"
    )


def iso8601_ms(epoch: float) -> str:
    """`2026-01-02T03:04:05.678Z`, as S3 and CloudFormation write it."""
    milliseconds = round(epoch * 1000)
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


def iso8601(epoch: float) -> str:
    """`2026-01-02T03:04:05Z`, with milliseconds only where there are some."""
    milliseconds = round(epoch * 1000)
    if milliseconds % 1000:
        return iso8601_ms(epoch)
    return f"{_second(milliseconds // 1000)}Z"


@lru_cache(maxsize=1024)
def rfc822(epoch: float) -> str:
    """`Fri, 02 Jan 2026 03:04:05 GMT`, as HTTP headers have it."""
    at = gmtime(int(epoch // 1))
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02d} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04d} "
        f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} GMT"
    )


def parse(text: str) -> float:
    """Epoch seconds of a timestamp in any of AWS's formats; `ValueError` if it is in none."""
    text = text.strip()
    found = _ISO.match(text)
    if found is not None:
        year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
        # Goes through datetime for the range checks.
        at = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            tzinfo=UTC,
        )  # fmt: skip
        epoch = timegm(at.timetuple()) + float(fraction or 0)
        offset = int(hours or 0) * 3600 + int(minutes or 0) * 60
        return epoch - offset if sign == "+" else epoch + offset
    try:
        epoch = float(text)
    except ValueError:
        try:
            parsed = parsedate_to_datetime(text)
        except (ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"{text!r} is not a timestamp") from error
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return within(epoch)


def within(epoch: float) -> float:
    """`epoch` unless it is no point of time that a calendar has: then a `ValueError`."""
    if not -62135596800 <= epoch <= 253402300799:  # the years 1 to 9999; refuses nan too
        raise ValueError(f"{epoch} is out of range")
    return epoch
