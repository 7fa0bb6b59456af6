"""Tags: sets of them checked as AWS does, in XML and in the x-amz-tagging header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from cloudlet.aws.models.s3 import Tag
from cloudlet.services.s3.errors import BadRequest, InvalidArgument, InvalidTag

MAX_OBJECT_TAGS = 10
MAX_BUCKET_TAGS = 50


def checked(tags: Iterable[tuple[str, str]], limit: int) -> dict[str, str]:
    """The tags as a mapping; `InvalidTag` or `BadRequest` if AWS would refuse them."""
    found: dict[str, str] = {}
    for key, value in tags:
        if key in found:
            raise InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        if not key or len(key) > 128:
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > 256:
            raise InvalidTag("The TagValue you have provided is invalid", TagKey=key)
        if key.startswith("aws:"):
            raise InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
        found[key] = value
    if len(found) > limit:
        if limit == MAX_OBJECT_TAGS:
            raise BadRequest("Object tags cannot be greater than 10")
        raise BadRequest(f"Bucket tag count cannot be greater than {limit}")
    return found


def from_set(tags: Iterable[Tag], limit: int) -> dict[str, str]:
    """The tags of a TagSet."""
    return checked(((tag.key, tag.value) for tag in tags), limit)


def to_set(tags: Mapping[str, str]) -> list[Tag]:
    """A TagSet in the order of keys."""
    return [Tag(key=key, value=value) for key, value in sorted(tags.items())]


def from_header(value: str | None) -> dict[str, str]:
    """The tags of an x-amz-tagging header, which is a query string."""
    if not value:
        return {}
    try:
        pairs = parse_qsl(value, keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise InvalidArgument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query"
            " parameters without tag name duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=value,
        ) from error
    return checked(pairs, MAX_OBJECT_TAGS)
