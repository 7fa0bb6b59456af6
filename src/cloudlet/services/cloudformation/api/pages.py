"""Answers in pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from cloudlet.services.cloudformation.errors import ValidationError

T = TypeVar("T")
PAGE = 100


def page(
    items: Sequence[T], token: str | None, key: Callable[[T], str], size: int = PAGE
) -> tuple[list[T], str | None]:
    """The page after `token`, and the next one's token; `key` names an item in a token."""
    start = 0
    if token:
        try:
            last = base64.urlsafe_b64decode(token.encode()).decode()
        except (binascii.Error, UnicodeError) as error:
            raise ValidationError("The specified NextToken is invalid.") from error
        for index, item in enumerate(items):
            if key(item) == last:
                start = index + 1
                break
        else:
            raise ValidationError("The specified NextToken is invalid.")
    found = list(items[start : start + size])
    if not found or start + size >= len(items):
        return found, None
    return found, base64.urlsafe_b64encode(key(found[-1]).encode()).decode()
