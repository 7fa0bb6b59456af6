from __future__ import annotations

import pytest

from cloudlet.services.s3.conditions import ReadConditions, WriteCondition, http_date, parse_date
from cloudlet.services.s3.errors import NoSuchKey, NotModified, PreconditionFailed
from cloudlet.storage.objects import Attributes, Summary

ABOUT = Summary(1, "b", "k", 3, "abc", 1_000_500, Attributes())  # modified at 1000 s


@pytest.mark.parametrize(
    ("match", "none_match", "modified", "unmodified", "outcome"),
    [
        ('"abc"', None, None, None, None),
        ("abc", None, None, None, None),
        ("*", None, None, None, None),
        ('"x", "abc"', None, None, None, None),
        ('"x"', None, None, None, PreconditionFailed),
        (None, '"x"', None, None, None),
        (None, '"abc"', None, None, NotModified),
        (None, "*", None, None, NotModified),
        (None, None, 999, None, None),
        (None, None, 1000, None, NotModified),
        (None, None, None, 1000, None),
        (None, None, None, 999, PreconditionFailed),
        ('"abc"', None, None, 999, None),  # the tag outdoes the date
        (None, '"abc"', 999, None, NotModified),
        (None, '"x"', 1000, None, None),
        ('"x"', '"abc"', None, None, PreconditionFailed),
    ],
)
def test_reading(
    match: str | None,
    none_match: str | None,
    modified: float | None,
    unmodified: float | None,
    outcome: type[Exception] | None,
) -> None:
    conditions = ReadConditions(match, none_match, modified, unmodified)
    if outcome is None:
        conditions.check_read(ABOUT)
        conditions.check_copy(ABOUT)
        return
    with pytest.raises(outcome):
        conditions.check_read(ABOUT)
    with pytest.raises(PreconditionFailed):
        conditions.check_copy(ABOUT)


def test_not_modified_tells_the_validators() -> None:
    with pytest.raises(NotModified) as caught:
        ReadConditions(None, "*", None, None).check_read(ABOUT)
    assert caught.value.headers == {
        "ETag": '"abc"',
        "Last-Modified": "Thu, 01 Jan 1970 00:16:40 GMT",
    }


def test_writing() -> None:
    WriteCondition(None, "*", "k")(None)
    with pytest.raises(PreconditionFailed):
        WriteCondition(None, "*", "k")(ABOUT)
    WriteCondition('"abc"', None, "k")(ABOUT)
    with pytest.raises(PreconditionFailed):
        WriteCondition('"x"', None, "k")(ABOUT)
    with pytest.raises(NoSuchKey):
        WriteCondition('"x"', None, "k")(None)


def test_dates() -> None:
    assert parse_date(http_date(1000)) == 1000
    assert parse_date("yesterday") is None
    assert parse_date("") is None
