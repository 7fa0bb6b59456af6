"""One statement, clause or operator of the language reference."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A form of the reference and an example of it.

    Examples read two keyspaces: `books`, with documents `b0` to `b7` of `n` (0 to 7), `kind`
    ("even" or "odd"), `name` and `tags`, and `kinds`. `refused` is the code that answers a form
    which this server does not have. `since` is the server's version where it is not 7.6.
    """

    form: str
    example: str
    refused: int | None = None
    since: str = ""
