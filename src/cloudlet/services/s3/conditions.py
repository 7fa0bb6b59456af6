"""Conditional requests: RFC 9110, section 13, in S3's order of precedence."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime

from cloudlet.services.s3.errors import (
    NoSuchKey,
    NotImplementedFeature,
    NotModified,
    PreconditionFailed,
)
from cloudlet.storage.objects import Summary


def http_date(epoch_s: float) -> str:
    """An HTTP date."""
    return formatdate(epoch_s, usegmt=True)


def parse_date(text: str) -> float | None:
    """The time that an HTTP date tells; None, so that it is ignored, if it is none."""
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None


def _matches(etags: str, etag: str) -> bool:
    """Whether a list of entity tags, or `*`, names the object's."""
    for one in etags.split(","):
        name = one.strip().removeprefix("W/")
        if name == "*" or name.strip('"') == etag:
            return True
    return False


@dataclass(frozen=True, slots=True)
class ReadConditions:
    """The conditions of a GET or HEAD, or those on the source of a copy."""

    if_match: str | None
    if_none_match: str | None
    if_modified_since: float | None
    if_unmodified_since: float | None

    def failed(self, about: Summary) -> str | None:
        """The header whose condition does not hold.

        An entity tag outdoes the date beside it: "GetObject", If-Match and If-None-Match.
        """
        if self.if_match is not None:
            if not _matches(self.if_match, about.etag):
                return "If-Match"
        elif self.if_unmodified_since is not None and about.modified_s > self.if_unmodified_since:
            return "If-Unmodified-Since"
        if self.if_none_match is not None:
            if _matches(self.if_none_match, about.etag):
                return "If-None-Match"
        elif self.if_modified_since is not None and about.modified_s <= self.if_modified_since:
            return "If-Modified-Since"
        return None

    def check_read(self, about: Summary) -> None:
        """Raise `PreconditionFailed` or, for what a cache already has, `NotModified`."""
        failed = self.failed(about)
        if failed in ("If-None-Match", "If-Modified-Since"):
            raise NotModified(
                headers={
                    "ETag": f'"{about.etag}"',
                    "Last-Modified": http_date(about.modified_s),
                }
            )
        if failed is not None:
            raise PreconditionFailed(Condition=failed)

    def check_copy(self, about: Summary) -> None:
        """Raise `PreconditionFailed`, which a copy's source gives for every condition."""
        failed = self.failed(about)
        if failed is not None:
            raise PreconditionFailed(Condition=f"x-amz-copy-source-{failed}")


class WriteCondition:
    """The condition of a write; called inside the transaction with what is there."""

    def __init__(self, if_match: str | None, if_none_match: str | None, key: str) -> None:
        if if_none_match is not None and (if_none_match.strip() != "*" or if_match is not None):
            raise NotImplementedFeature(Header="If-None-Match")
        self._if_match = if_match
        self._if_none_match = if_none_match
        self._key = key

    def __call__(self, found: Summary | None) -> None:
        """Raise `PreconditionFailed`, or `NoSuchKey` for an If-Match of nothing."""
        if self._if_none_match is not None and found is not None:
            raise PreconditionFailed(Condition="If-None-Match")
        if self._if_match is not None:
            if found is None:
                raise NoSuchKey(Key=self._key)
            if not _matches(self._if_match, found.etag):
                raise PreconditionFailed(Condition="If-Match")
