"""IAM's pages: Marker and MaxItems."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from cloudlet.aws.errors import ValidationError

T = TypeVar("T")

_DEFAULT = 100


class Page(NamedTuple, Generic[T]):
    """Some of the items; `marker` continues after them."""

    items: list[T]
    is_truncated: bool
    marker: str | None


def page(
    items: Sequence[T], marker: str | None, max_items: int | None, key: Callable[[T], str]
) -> Page[T]:
    """The page after `marker` of `items`, which are in the order of their `key`s.

    A marker says after which key to go on, so that a page is neither repeated nor lost when
    items come and go. Raises `ValidationError`.
    """
    if marker:
        try:
            after = base64.b64decode(marker, validate=True).decode()
        except ValueError as error:
            raise ValidationError("Invalid Marker.") from error
        items = [item for item in items if key(item) > after]
    limit = max_items or _DEFAULT
    chosen = list(items[:limit])
    if len(items) <= limit:
        return Page(chosen, False, None)
    return Page(chosen, True, base64.b64encode(key(chosen[-1]).encode()).decode())
