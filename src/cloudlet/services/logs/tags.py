"""Tags of log groups."""

from __future__ import annotations

from collections.abc import Mapping

from cloudlet.services.logs.errors import InvalidParameter, TooManyTags

TAGS = 50


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise for more than 50 tags, or for names that are AWS's own."""
    if len(tags) > TAGS:
        raise TooManyTags("The resource has too many tags.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise InvalidParameter("Tag keys cannot start with aws:")
