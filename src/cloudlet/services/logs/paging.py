"""Pages of lists that are at hand whole."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

from cloudlet.services.logs.errors import InvalidParameter

T = TypeVar("T")

#: The most log groups or streams in an answer.
PAGE = 50


def page(
    rows: Sequence[tuple[str, T]], token: str | None, limit: int | None
) -> tuple[list[T], str | None]:
    """The rows after the one that `token` names, and the token of the following page."""
    start = 0
    if token is not None:
        try:
            last = base64.urlsafe_b64decode(token.encode()).decode()
            start = next(i for i, (id_, _) in enumerate(rows) if id_ == last) + 1
        except (ValueError, StopIteration) as error:
            raise InvalidParameter("The specified nextToken is invalid.") from error
    size = min(limit or PAGE, PAGE)
    chosen = rows[start : start + size]
    following = None
    if start + size < len(rows):
        following = base64.urlsafe_b64encode(chosen[-1][0].encode()).decode()
    return [row for _, row in chosen], following
