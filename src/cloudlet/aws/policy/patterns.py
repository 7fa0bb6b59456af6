"""Strings with wildcards and policy variables, compiled to matchers.

After the IAM User Guide, "IAM policy elements: Variables and tags" and "IAM JSON policy elements:
Resource". No pattern backtracks more than linearly, whatever a tenant writes into a policy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

#: Gives the value of a condition key (lower case), or None where the request has none.
Lookup = Callable[[str], "str | Sequence[str] | None"]
Matcher = Callable[[str], bool]


class Wild(Enum):
    """The two wildcards."""

    MANY = "*"
    ONE = "?"


class Variable(NamedTuple):
    """`${key}` or `${key, 'default'}`; the key in lower case."""

    key: str
    default: str | None


Token = str | Wild | Variable

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_DEFAULT = re.compile(r"\s*([^,]+?)\s*,\s*'(.*)'\s*", re.DOTALL)


def tokens(text: str, *, wildcards: bool, variables: bool) -> tuple[Token, ...]:
    """`text` as literals, wildcards and variables; `${*}`, `${?}` and `${$}` are literals."""
    found: list[Token] = []
    position = 0
    if variables:
        for match in _VARIABLE.finditer(text):
            _literal(text[position : match.start()], wildcards, found)
            found.append(_variable(match[1]))
            position = match.end()
    _literal(text[position:], wildcards, found)
    return tuple(found)


def _variable(inside: str) -> Token:
    if inside in ("*", "?", "$"):
        return inside
    defaulted = _DEFAULT.fullmatch(inside)
    if defaulted:
        return Variable(defaulted[1].lower(), defaulted[2])
    return Variable(inside.strip().lower(), None)


def _literal(text: str, wildcards: bool, into: list[Token]) -> None:
    if not wildcards:
        if text:
            into.append(text)
        return
    for part in re.split(r"([*?])", text):
        if part in ("*", "?"):
            into.append(Wild(part))
        elif part:
            into.append(part)


def substitute(pattern: Sequence[Token], lookup: Lookup) -> tuple[str | Wild, ...] | None:
    """`pattern` with its variables' values as literals; None where one has no value.

    A key with several values is no value: AWS substitutes single-valued keys only.
    """
    resolved: list[str | Wild] = []
    for token in pattern:
        if isinstance(token, Variable):
            value = lookup(token.key)
            if value is None or not isinstance(value, str):
                value = token.default
            if value is None:
                return None
            resolved.append(value)
        else:
            resolved.append(token)
    return tuple(resolved)


@lru_cache(maxsize=8192)
def glob(pattern: tuple[str | Wild, ...]) -> Matcher:
    """A matcher of the whole string; `*` is any run of characters, `?` any one."""
    if all(isinstance(token, str) for token in pattern):
        return "".join(token for token in pattern if isinstance(token, str)).__eq__
    if pattern == (Wild.MANY,):
        return _anything
    if len(pattern) == 2 and isinstance(pattern[0], str) and pattern[1] is Wild.MANY:
        prefix = pattern[0]
        return lambda text: text.startswith(prefix)
    match = _regex([(token, ".") for token in pattern])
    return lambda text: match(text) is not None


@lru_cache(maxsize=8192)
def arn_glob(pattern: tuple[str | Wild, ...]) -> Matcher:
    """A matcher of ARNs: a wildcard in one of the first five parts does not cross a colon."""
    if pattern == (Wild.MANY,):
        return _anything
    colons = 0
    marked: list[tuple[str | Wild, str]] = []
    for token in pattern:
        if isinstance(token, str):
            colons += token.count(":")
        marked.append((token, "." if colons >= 5 else "[^:]"))
    if colons < 5 and pattern and pattern[-1] is Wild.MANY:
        marked[-1] = (Wild.MANY, ".")  # "arn:aws:s3:*" stands for every part that follows
    if all(isinstance(token, str) for token in pattern):
        return glob(pattern)
    match = _regex(marked)
    return lambda text: match(text) is not None


def _anything(text: str) -> bool:  # noqa: ARG001 - a matcher
    return True


def _regex(marked: Sequence[tuple[str | Wild, str]]) -> Callable[[str], object | None]:
    """Each `*` with the literal after it as one atomic group: the leftmost match is the only one.

    Only the last `*` may give back characters, so that the end of the pattern meets the end of
    the text.
    """
    pieces: list[tuple[str, str]] = [("", "")]  # (class of the star before, literal as a regex)
    for token, characters in marked:
        if token is Wild.MANY:
            if pieces[-1][0] and not pieces[-1][1] and pieces[-1][0] == characters:
                continue
            pieces.append((characters, ""))
        else:
            star, literal = pieces[-1]
            addition = characters if token is Wild.ONE else re.escape(str(token))
            pieces[-1] = (star, literal + addition)
    source = pieces[0][1]
    for number, (characters, literal) in enumerate(pieces[1:], start=2):
        if number == len(pieces):
            source += f"{characters}*{literal}"
        else:
            source += f"(?>{characters}*?{literal})"
    return re.compile(source, re.DOTALL).fullmatch


class Patterns:
    """Any of several patterns; the constant ones are compiled, those with variables wait."""

    __slots__ = ("_compile", "_constant", "_exact", "_variable", "everything")

    def __init__(self, patterns: Sequence[Sequence[Token]], *, arns: bool = False) -> None:
        self._compile = arn_glob if arns else glob
        exact: set[str] = set()
        constant: list[Matcher] = []
        self._variable: list[Sequence[Token]] = []
        self.everything = False
        for pattern in patterns:
            if any(isinstance(token, Variable) for token in pattern):
                self._variable.append(pattern)
            elif all(isinstance(token, str) for token in pattern):
                exact.add("".join(str(token) for token in pattern))
            elif tuple(pattern) == (Wild.MANY,):
                self.everything = True
            else:
                constant.append(self._compile(tuple(pattern)))
        self._exact = frozenset(exact)
        self._constant = tuple(constant)

    def match(self, text: str, lookup: Lookup) -> bool:
        """Whether one of them matches `text`, variables taken from `lookup`."""
        if self.everything or text in self._exact:
            return True
        for matcher in self._constant:
            if matcher(text):
                return True
        for pattern in self._variable:
            resolved = substitute(pattern, lookup)
            if resolved is not None and self._compile(resolved)(text):
                return True
        return False
