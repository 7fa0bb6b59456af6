"""One statement, clause or operator of the language reference."""

from __future__ import annotations

from typing import Final, NamedTuple

#: What this server answers to a part of the language that it does not have.
ABSENT: Final = frozenset({1020, 10100, 11002, 16040})


class Entry(NamedTuple):
    """A form of the reference and an example of it.

    Examples read two keyspaces: `books`, with documents `b0` to `b7` of `n` (0 to 7), `kind`
    ("even" or "odd"), `name` and `tags`, and `kinds`. `refused` is the code that the example is
    answered with: because the reference says so, or because this server does not have the form.
    `since` is the version of Couchbase Server that has the form where it is not 7.6.
    """

    form: str
    example: str
    refused: int | None = None
    since: str = ""

    @property
    def absent(self) -> bool:
        """Whether this server does not have the form."""
        return self.refused in ABSENT
