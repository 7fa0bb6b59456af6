from __future__ import annotations

import pytest

from cloudlet.aws.errors import AWSError
from cloudlet.services.s3.tags import from_header, from_set, to_set


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, {}),
        ("", {}),
        ("a=1&b=x%20y+z", {"a": "1", "b": "x y z"}),
        ("a=", {"a": ""}),
        ("%C3%A9=%E6%97%A5", {"é": "日"}),
    ],
)
def test_the_header(header: str | None, expected: dict[str, str]) -> None:
    assert from_header(header) == expected
    assert from_set(to_set(expected), 10) == expected


@pytest.mark.parametrize(
    ("header", "code"), [("a", "InvalidArgument"), ("a=1&a=1", "InvalidTag"), ("=1", "InvalidTag")]
)
def test_bad_headers(header: str, code: str) -> None:
    with pytest.raises(AWSError) as caught:
        from_header(header)
    assert caught.value.code == code
