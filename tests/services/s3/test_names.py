from __future__ import annotations

import pytest

from cloudlet.services.s3.errors import InvalidArgument, InvalidBucketName, KeyTooLongError
from cloudlet.services.s3.names import check_bucket, check_key, parse_copy_source


@pytest.mark.parametrize("name", ["abc", "my.bucket-1", "0" * 63, "a.b.c"])
def test_good_names(name: str) -> None:
    check_bucket(name)


@pytest.mark.parametrize(
    "name",
    [
        "ab", "a" * 64, "Upper", "under_score", "-a-", "a-", ".abc", "a..b", "192.168.5.4",
        "xn--abc", "sthree-abc", "abc-s3alias", "abc--ol-s3", "a b c", "ümlaut",
    ],
)  # fmt: skip
def test_bad_names(name: str) -> None:
    with pytest.raises(InvalidBucketName):
        check_bucket(name)


def test_a_key_has_at_most_1024_bytes() -> None:
    check_key("é" * 512)
    with pytest.raises(KeyTooLongError):
        check_key("é" * 512 + "x")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("b/k", ("b", "k", None)),
        ("/b/a%20b%2Bc/%C3%A9", ("b", "a b+c/é", None)),
        ("b/k?versionId=null", ("b", "k", "null")),
        ("b/k%3Fx", ("b", "k?x", None)),
    ],
)
def test_copy_sources(source: str, expected: tuple[str, str, str | None]) -> None:
    assert parse_copy_source(source) == expected


@pytest.mark.parametrize("source", ["b", "b/", "/", "arn:aws:s3:::b/k"])
def test_bad_copy_sources(source: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_copy_source(source)
