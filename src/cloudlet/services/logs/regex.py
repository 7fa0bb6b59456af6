"""The regular expressions of filter patterns, matched in time proportional to the message.

After "Supported regular expressions (regex) syntax": no groups and no back references, so an
expression is a choice of sequences of repeated character sets. Each sequence runs as a
bit-parallel automaton: a hostile expression cannot make it slow, as a backtracking matcher would.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cloudlet.services.logs.errors import InvalidParameter

#: The most places that an expression may have once its repetitions are written out.
PLACES = 200

Contains = Callable[[str], bool]

_LITERAL = re.compile(r"[A-Za-z0-9:_#=@/;,\- ]")
_CLASSES: dict[str, Contains] = {
    "d": lambda c: c in "0123456789",
    "s": str.isspace,
    "w": lambda c: c == "_" or (c.isascii() and c.isalnum()),
}
_REPEAT = re.compile(r"\{(\d{1,3})(?:(,)(\d{0,3}))?\}")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})")


class Regex:
    """A compiled expression; raises `InvalidParameter` for what AWS does not support."""

    def __init__(self, text: str) -> None:
        reader = _Reader(text)
        self._branches = [reader.branch()]
        while reader.take("|"):
            self._branches.append(reader.branch())
        if reader.at < len(text):
            raise _unsupported()

    def search(self, message: str) -> bool:
        """Whether the expression matches anywhere in the message."""
        return any(branch.search(message) for branch in self._branches)


class _Branch:
    """One sequence. Bit i of a state means: what comes next is for place i, or i is the end."""

    def __init__(self, *, from_start: bool, to_end: bool) -> None:
        self.from_start, self.to_end = from_start, to_end
        self.places: list[Contains] = []
        self.skip = self.loop = 0
        self._masks: dict[str, int] = {}

    def add(self, contains: Contains, least: int, most: int | None) -> None:
        """Append a character set that is there `least` to `most` times."""
        for number in range(least + 1 if most is None else most):
            bit = 1 << len(self.places)
            if number >= least:
                self.skip |= bit
                self.loop |= bit if most is None else 0
            self.places.append(contains)
            if len(self.places) > PLACES:
                raise InvalidParameter("The regular expression is too long.")

    def search(self, message: str) -> bool:
        accept = 1 << len(self.places)
        masks, loop = self._masks, self.loop
        start = self._closed(1)
        again = 0 if self.from_start else start
        state = start
        for character in message:
            if state & accept and not self.to_end:
                return True
            mask = masks.get(character)
            if mask is None:
                mask = masks[character] = self._mask(character)
            taken = state & mask
            state = again
            if taken:
                state |= self._closed((taken << 1) | (taken & loop))
            elif not again:
                return False
        return bool(state & accept)

    def _closed(self, state: int) -> int:
        """The state with all that follows from places that may be left out."""
        skip = self.skip
        while (wider := state | ((state & skip) << 1)) != state:
            state = wider
        return state

    def _mask(self, character: str) -> int:
        return sum(1 << i for i, contains in enumerate(self.places) if contains(character))


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self, character: str) -> bool:
        found = self.text[self.at : self.at + 1] == character
        self.at += found
        return found

    def next(self) -> str:
        if self.at >= len(self.text):
            raise _unsupported()
        self.at += 1
        return self.text[self.at - 1]

    def branch(self) -> _Branch:
        branch = _Branch(from_start=self.take("^"), to_end=False)
        while self.at < len(self.text) and self.text[self.at] != "|":
            if self.take("$"):
                branch.to_end = True
                break
            contains = self.atom()
            branch.add(contains, *self.repetition())
        return branch

    def atom(self) -> Contains:
        character = self.next()
        if character == ".":
            return lambda c: c != "\n"
        if character == "[":
            return self.choice()
        if character == "\\":
            return self.escape()
        if not _LITERAL.fullmatch(character):
            raise _unsupported()
        return character.__eq__

    def escape(self) -> Contains:
        character = self.next()
        if character == "x" and (found := _HEX.match(self.text, self.at - 1)):
            self.at = found.end()
            return chr(int(found[1], 16)).__eq__
        if character in _CLASSES:
            return _CLASSES[character]
        if character.lower() in _CLASSES:
            inside = _CLASSES[character.lower()]
            return lambda c: not inside(c)
        if character.isalnum():
            raise _unsupported()
        return character.__eq__

    def choice(self) -> Contains:
        """What follows `[`: characters and ranges, all but them after `^`."""
        negated = self.take("^")
        members: list[Contains] = []
        while not self.take("]"):
            character = self.next()
            if character == "\\":
                members.append(self.escape())
            elif self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 :][:1] != "]":
                self.at += 1
                members.append(_range(character, self.next()))
            else:
                members.append(character.__eq__)
        if not members:
            raise _unsupported()
        return lambda c: any(member(c) for member in members) is not negated

    def repetition(self) -> tuple[int, int | None]:
        """The least and the most times of what stands before."""
        for operator, times in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self.take(operator):
                return times
        found = _REPEAT.match(self.text, self.at)
        if found is None:
            return 1, 1
        self.at = found.end()
        least = int(found[1])
        if found[2] is None:
            return least, least
        if not found[3]:
            return least, None
        if int(found[3]) < least:
            raise _unsupported()
        return least, int(found[3])


def _range(first: str, last: str) -> Contains:
    if last < first:
        raise _unsupported()
    return lambda c: first <= c <= last


def _unsupported() -> InvalidParameter:
    return InvalidParameter("Invalid regular expression in the filter pattern")
