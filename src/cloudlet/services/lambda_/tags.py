"""Tags of functions, as the tagging documentation limits them."""

from __future__ import annotations

from collections.abc import Mapping

from cloudlet.services.lambda_.errors import InvalidParameterValue

#: "Using tags on Lambda functions".
TAGS, KEY_LENGTH, VALUE_LENGTH = 50, 128, 256


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise `InvalidParameterValue` for too many tags, reserved or overlong ones."""
    if len(tags) > TAGS:
        raise InvalidParameterValue("Number of tags exceeds resource tag limit.")
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            raise InvalidParameterValue(
                "aws: prefixed tag key names are not allowed for external use."
            )
        if not 0 < len(key) <= KEY_LENGTH:
            raise InvalidParameterValue("The TagKey you have provided is invalid.")
        if len(value) > VALUE_LENGTH:
            raise InvalidParameterValue("The TagValue you have provided is invalid.")
