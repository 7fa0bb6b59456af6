"""Filter patterns, compiled to predicates of a message.

After "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live
Tail": terms, phrases, exclusions and optional terms; JSON patterns; space-delimited patterns.
Every predicate takes time in proportion to its message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from cloudlet.services.logs.errors import InvalidParameter
from cloudlet.services.logs.regex import Regex

Predicate = Callable[[str], bool]
Test = Callable[[Any], bool]  # of a JSON document, or of a word

_MISSING = object()
#: Nesting of parentheses that a pattern may have.
_DEPTH = 30


def compile_pattern(pattern: str) -> Predicate:
    """The predicate of a filter pattern; `InvalidParameter` where it cannot be read."""
    text = pattern.strip()
    if not text:
        return lambda message: True  # noqa: ARG005 - a predicate
    if text.startswith("{"):
        return _Json(text).predicate()
    if text.startswith("["):
        return _Delimited(text).predicate()
    if _REGEX.fullmatch(text):
        return Regex(text[1:-1]).search
    return _terms(text)


def _invalid() -> InvalidParameter:
    return InvalidParameter("Invalid filter pattern")


_REGEX = re.compile(r"%[^%]+%")
_TERM = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)')


def _terms(text: str) -> Predicate:
    """All plain terms, none of the excluded; any of the optional ones if there are no others."""
    wanted: list[str] = []
    excluded: list[str] = []
    optional: list[str] = []
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise _invalid()
        position = found.end()
        sign, phrase, word = found.groups()
        term = _unescape(phrase) if phrase is not None else word
        {"-": excluded, "?": optional, "": wanted}[sign].append(term)
    if optional and not wanted:
        return lambda message: (
            any(term in message for term in optional)
            and not any(term in message for term in excluded)
        )
    return lambda message: (
        all(term in message for term in wanted) and not any(term in message for term in excluded)
    )


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<regex>%[^%]+%)|(?P<mark>&&|\|\||!=|<=|>=|\.\.\.|[=<>(){},])'
    r"|(?P<path>\$(?:\.[^\s.\[\]=!<>(){}&|,]+|\[\d+\]|\[\*\]|\[\"[^\"]+\"\])*)"
    r"|(?P<word>[^\s=!<>(){}\[\]&|,\"]+)|(?P<bracket>[\[\]]))"
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_STEP = re.compile(r'\.([^.\[]+)|\[(\d+|\*)\]|\["([^"]+)"\]')


class _Reader:
    """The tokens of a pattern, each (kind, text)."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                if text[position:].strip():
                    raise _invalid()
                break
            position = found.end()
            self.tokens.append((str(found.lastgroup), found[0].strip()))

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def next(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, text: str) -> None:
        if self.next()[1] != text:
            raise _invalid()

    def disjunction(self, depth: int = 0) -> Test:
        """`||` of `&&` of comparisons."""
        if depth > _DEPTH:
            raise _invalid()
        tests = [self.conjunction(depth)]
        while self.peek()[1] == "||":
            self.next()
            tests.append(self.conjunction(depth))
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def conjunction(self, depth: int) -> Test:
        tests = [self.operand(depth)]
        while self.peek()[1] == "&&":
            self.next()
            tests.append(self.operand(depth))
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def operand(self, depth: int) -> Test:
        if self.peek() == ("mark", "("):
            self.next()
            test = self.disjunction(depth + 1)
            self.expect(")")
            return test
        return self.comparison()

    def comparison(self) -> Test:
        raise NotImplementedError

    def compared(self, operator: str) -> Test:
        """The test `operator value` of what is on its left."""
        kind, text = self.next()
        if kind == "string":
            return _text_test(operator, _unescape(text[1:-1]))
        if kind == "regex":
            return _regex_test(operator, text)
        if kind != "word":
            raise _invalid()
        if _NUMBER.fullmatch(text):
            return _number_test(operator, float(text))
        return _text_test(operator, text)


def _text_test(operator: str, pattern: str) -> Test:
    if operator not in {"=", "!="}:
        raise _invalid()
    pieces = pattern.split("*")

    def matches(value: Any) -> bool:
        return isinstance(value, str) and _wild(pieces, value)

    if operator == "=":
        return matches
    return lambda value: value is not _MISSING and not matches(value)


def _regex_test(operator: str, pattern: str) -> Test:
    if operator not in {"=", "!="}:
        raise _invalid()
    search, wanted = Regex(pattern[1:-1]).search, operator == "="
    return lambda value: isinstance(value, str) and search(value) is wanted


def _wild(pieces: list[str], text: str) -> bool:
    """Whether the text is the pieces with anything between them."""
    if len(pieces) == 1:
        return text == pieces[0]
    if not text.startswith(pieces[0]):
        return False
    position = len(pieces[0])
    for piece in pieces[1:-1]:
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return len(text) - position >= len(pieces[-1]) and text.endswith(pieces[-1])


_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _number_test(operator: str, number: float) -> Test:
    compare = _OPERATORS[operator]

    def test(value: Any) -> bool:
        if isinstance(value, str):
            if not _NUMBER.fullmatch(value):
                return operator == "!="
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return operator == "!=" and value is not _MISSING
        return compare(value, number)

    return test


class _Json(_Reader):
    """`{ $.a.b[0] = "x" && ($.n > 3 || $.flag IS TRUE) }`."""

    def predicate(self) -> Predicate:
        self.expect("{")
        test = self.disjunction()
        self.expect("}")
        if self.peek()[0] != "end":
            raise _invalid()

        def matches(message: str) -> bool:
            if not message.lstrip().startswith("{"):
                return False
            try:
                return test(msgspec.json.decode(message))
            except (msgspec.DecodeError, RecursionError):
                return False

        return matches

    def comparison(self) -> Test:
        kind, path = self.next()
        if kind != "path":
            raise _invalid()
        steps = _steps(path)
        test = self.property_test()
        return lambda document: any(test(value) for value in _values(document, steps))

    def property_test(self) -> Test:
        kind, operator = self.next()
        if kind == "mark" and operator in _OPERATORS:
            return self.compared(operator)
        following = self.next()[1].upper()
        tests: dict[tuple[str, str], Test] = {
            ("IS", "TRUE"): lambda value: value is True,
            ("IS", "FALSE"): lambda value: value is False,
            ("IS", "NULL"): lambda value: value is None,
            ("NOT", "EXISTS"): lambda value: value is _MISSING,
        }
        test = tests.get((operator.upper(), following))
        if test is None:
            raise _invalid()
        return test


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for name, index, quoted in _STEP.findall(path[1:]):
        if index:
            steps.append(-1 if index == "*" else int(index))
        else:
            steps.append(name or quoted)
    return steps


def _values(document: Any, steps: list[str | int]) -> list[Any]:
    """What the path leads to; `_MISSING` where it leads nowhere. -1 is every element."""
    found = [document]
    for step in steps:
        following: list[Any] = []
        for value in found:
            if isinstance(step, str):
                following.append(value.get(step, _MISSING) if isinstance(value, dict) else _MISSING)
            elif not isinstance(value, list):
                following.append(_MISSING)
            elif step == -1:
                following.extend(value)
            else:
                following.append(value[step] if step < len(value) else _MISSING)
        found = following
    return found or [_MISSING]


_START, _WORD = re.compile(r"\S"), re.compile(r"\S+")
_CLOSING = {"[": "]", '"': '"'}


class _Delimited(_Reader):
    """`[ip, user, ..., status = 4* && status != 404, bytes > 1000]`."""

    def predicate(self) -> Predicate:
        self.expect("[")
        fields: list[Test | None] = []  # None: an ellipsis
        while True:
            fields.append(self.field())
            mark = self.next()[1]
            if mark == "]":
                break
            if mark != ",":
                raise _invalid()
        if self.peek()[0] != "end" or fields.count(None) > 1:
            raise _invalid()
        if None not in fields:
            return lambda message: _fits(_words(message), fields)
        gap = fields.index(None)
        head, tail = fields[:gap], fields[gap + 1 :]

        def matches(message: str) -> bool:
            words = _words(message)
            if len(words) < len(head) + len(tail):
                return False
            return _fits(words[:gap], head) and _fits(words[len(words) - len(tail) :], tail)

        return matches

    def field(self) -> Test | None:
        if self.peek()[1] == "...":
            self.next()
            return None
        return self.disjunction()

    def comparison(self) -> Test:
        kind, _name = self.next()
        if kind != "word":
            raise _invalid()
        kind, operator = self.peek()
        if kind == "mark" and operator in _OPERATORS:
            self.next()
            return self.compared(operator)
        return lambda word: True  # noqa: ARG005 - a Test


def _words(message: str) -> list[str]:
    """The words of a message; what stands in brackets or quotes is one."""
    words: list[str] = []
    position = 0
    unclosed: set[str] = set()  # what is not closed once is not looked for again
    while found := _START.search(message, position):
        start = found.start()
        opening = message[start]
        if opening in _CLOSING and opening not in unclosed:
            end = message.find(_CLOSING[opening], start + 1)
            if end >= 0:
                words.append(message[start + 1 : end])
                position = end + 1
                continue
            unclosed.add(opening)
        word = _WORD.match(message, start)
        assert word is not None
        words.append(word[0])
        position = word.end()
    return words


def _fits(words: list[str], fields: list[Test | None]) -> bool:
    return len(words) == len(fields) and all(
        test(word) for word, test in zip(words, fields, strict=True) if test is not None
    )
