"""Ranges of bytes: RFC 9110, section 14, of which S3 serves single ranges."""

from __future__ import annotations

import re

from cloudlet.services.s3.errors import InvalidRange

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*")


def parse(value: str | None, size: int) -> tuple[int, int] | None:
    """The (start, stop) that a Range header asks for; None to give everything.

    As AWS does, what is no single range of bytes is ignored. `InvalidRange` with the headers of a
    416 if it lies outside the object.
    """
    if value is None:
        return None
    match = _RANGE.fullmatch(value)
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start = int(first)
        stop = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise InvalidRange(
            ActualObjectSize=size,
            RangeRequested=value,
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, stop


def content_range(start: int, stop: int, size: int) -> str:
    """The Content-Range header of an answer."""
    return f"bytes {start}-{stop - 1}/{size}"
