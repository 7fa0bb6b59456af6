"""LIKE patterns, matched in time linear in text and pattern, whatever a client sends."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

_ANY: Final = "\0any"  # one element standing for `_`; real elements are single characters


@lru_cache(maxsize=512)
def like_matcher(pattern: str, escape: str) -> Callable[[str], bool]:
    """A function that says whether a text is like the pattern."""
    pieces = _pieces(pattern, escape)
    plain = ["".join(piece) if _ANY not in piece else None for piece in pieces]
    if len(pieces) == 1 and plain[0] is not None:
        whole = plain[0]
        return lambda text: text == whole
    if len(pieces) == 2 and plain[0] is not None and plain[1] is not None:
        head, tail = plain[0], plain[1]
        size = len(head) + len(tail)
        return lambda text: len(text) >= size and text.startswith(head) and text.endswith(tail)
    if len(pieces) == 3 and plain == ["", plain[1], ""] and plain[1] is not None:
        inside = plain[1]
        return lambda text: inside in text
    return lambda text: _match(pieces, plain, text)


def _pieces(pattern: str, escape: str) -> list[list[str]]:
    """The pattern cut at every `%`, each piece a list of characters and wildcards."""
    pieces: list[list[str]] = [[]]
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            pieces[-1].append(next(characters, escape))
        elif character == "%":
            pieces.append([])
        elif character == "_":
            pieces[-1].append(_ANY)
        else:
            pieces[-1].append(character)
    return pieces


def _fits(piece: list[str], text: str, at: int) -> bool:
    return all(wanted is _ANY or wanted == text[at + offset] for offset, wanted in enumerate(piece))


def _match(pieces: list[list[str]], plain: list[str | None], text: str) -> bool:
    head, tail = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return len(text) == len(head) and _fits(head, text, 0)
    end = len(text) - len(tail)
    if end < len(head) or not _fits(head, text, 0) or not _fits(tail, text, end):
        return False
    at = len(head)
    for piece, exact in zip(pieces[1:-1], plain[1:-1], strict=True):
        if exact is not None:
            found = text.find(exact, at, end)
        else:
            stop = end - len(piece)
            found = next((i for i in range(at, stop + 1) if _fits(piece, text, i)), -1)
        if found < 0:
            return False
        at = found + len(piece)
    return True
