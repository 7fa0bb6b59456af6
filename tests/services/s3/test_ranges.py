from __future__ import annotations

import pytest

from cloudlet.services.s3.errors import InvalidRange
from cloudlet.services.s3.ranges import content_range, parse


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=5-", (5, 10)),
        ("bytes=5-999", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-2", None),  # syntactically wrong: ignored
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=-", None),
    ],
)
def test_ranges(value: str | None, expected: tuple[int, int] | None) -> None:
    assert parse(value, 10) == expected


@pytest.mark.parametrize(("value", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_unsatisfiable(value: str, size: int) -> None:
    with pytest.raises(InvalidRange) as caught:
        parse(value, size)
    assert caught.value.status == 416
    assert caught.value.headers == {"Content-Range": f"bytes */{size}"}


def test_the_header() -> None:
    assert content_range(2, 6, 10) == "bytes 2-5/10"
