"""String functions. Those without MB_ count bytes of UTF-8, as the reference says."""

from __future__ import annotations

import urllib.parse
from typing import Any

from cloudlet.couchbase.sqlpp.functions.registry import (
    GENERATED_LIMIT,
    NUMBER,
    OBJECT,
    TEXT,
    function,
    out_of_range,
    typed,
    whole,
)
from cloudlet.couchbase.sqlpp.functions.regular_expressions import compiled
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING

_SPACE = " \t\n\f\r"

function("lower")(typed(TEXT)(lambda text: text.lower()))
function("upper")(typed(TEXT)(lambda text: text.upper()))
function("length")(typed(TEXT)(lambda text: len(text.encode())))
function("mb_length")(typed(TEXT)(len))
function("reverse")(typed(TEXT)(lambda text: text[::-1]))
function("contains")(typed(TEXT)(lambda text, part: part in text))
function("trim")(typed(TEXT)(lambda text, chars=_SPACE: text.strip(chars)))
function("ltrim")(typed(TEXT)(lambda text, chars=_SPACE: text.lstrip(chars)))
function("rtrim")(typed(TEXT)(lambda text, chars=_SPACE: text.rstrip(chars)))


@function("urlencode", "url_encode")
@typed(TEXT)
def url_encode(text: str) -> str:
    """The text as it stands in an address."""
    return urllib.parse.quote_plus(text)


@function("urldecode", "url_decode")
@typed(TEXT)
def url_decode(text: str) -> str:
    """The text that stands in an address."""
    return urllib.parse.unquote_plus(text)


@function("title", "initcap")
@typed(TEXT)
def title(text: str) -> str:
    """The first letter of every word in capitals, the others small."""
    result, inside = [], False
    for character in text:
        letter = character.isalnum()
        result.append(character.lower() if letter and inside else character.upper())
        inside = letter
    return "".join(result)


def _byte_position(text: str, part: str, first: int) -> int:
    place = text.find(part)
    return len(text[:place].encode()) + first if place >= 0 else first - 1


function("position", "position0", "pos", "pos0")(
    typed(TEXT)(lambda text, part: _byte_position(text, part, 0))
)
function("position1", "pos1")(typed(TEXT)(lambda text, part: _byte_position(text, part, 1)))
function("mb_position", "mb_position0", "mb_pos", "mb_pos0")(
    typed(TEXT)(lambda text, part: text.find(part))
)
function("mb_position1", "mb_pos1")(typed(TEXT)(lambda text, part: text.find(part) + 1))


def _part(text: Any, start: Any, length: Any, first: int) -> Any:
    """The part of a text or its bytes; NULL where the start is outside."""
    begin = whole(start)
    size = len(text) if length is None else whole(length)
    if begin is None or size is None or size < 0:
        return None
    begin = begin - first if begin > 0 else begin
    begin = begin + len(text) if begin < 0 else begin
    if begin < 0 or begin >= len(text):
        return None
    return text[begin : begin + size]


def _byte_part(text: str, start: Any, length: Any, first: int) -> Any:
    if text.isascii():
        return _part(text, start, length, first)
    found = _part(text.encode(), start, length, first)
    return None if found is None else found.decode("utf-8", "replace")


@function("substr", "substr0")
@typed(TEXT, NUMBER)
def substr(text: str, start: Any, length: Any = None) -> Any:
    """The bytes from `start` (0 is the first; negative counts from the end)."""
    return _byte_part(text, start, length, 0)


@function("substr1")
@typed(TEXT, NUMBER)
def substr1(text: str, start: Any, length: Any = None) -> Any:
    """SUBSTR where 1 is the first."""
    return _byte_part(text, start, length, 1)


@function("mb_substr", "mb_substr0")
@typed(TEXT, NUMBER)
def mb_substr(text: str, start: Any, length: Any = None) -> Any:
    """SUBSTR counting characters."""
    return _part(text, start, length, 0)


@function("mb_substr1")
@typed(TEXT, NUMBER)
def mb_substr1(text: str, start: Any, length: Any = None) -> Any:
    """SUBSTR1 counting characters."""
    return _part(text, start, length, 1)


@function("split")
@typed(TEXT)
def split(text: str, separator: str | None = None) -> list[str]:
    """The parts between separators; without one, between white space."""
    if separator is None:
        return text.split()
    return list(text) if separator == "" else text.split(separator)


@function("replace")
@typed(TEXT, TEXT, TEXT, NUMBER)
def replace(text: str, old: str, new: str, count: Any = -1) -> Any:
    """Every occurrence replaced, or the first `count`."""
    times = whole(count)
    return None if times is None else text.replace(old, new, times)


@function("repeat")
@typed(TEXT, NUMBER)
def repeat(text: str, count: Any) -> Any:
    """The text `count` times."""
    times = whole(count)
    if times is None or times < 0:
        return None
    if max(1, len(text)) * times > GENERATED_LIMIT:
        raise out_of_range("REPEAT")
    return text * times


@function("concat")
@typed(TEXT)
def concat(first: str, second: str, *rest: str) -> str:
    """All texts in a row."""
    return first + second + "".join(rest)


@function("concat2")
def concat2(separator: Any, *items: Any) -> Any:
    """Texts, and texts in arrays, joined by the separator."""
    texts: list[Any] = []
    for item in items:
        texts.extend(item if type(item) is list else [item])
    if separator is MISSING or any(text is MISSING for text in items):
        return MISSING
    if type(separator) is not str or any(type(text) is not str for text in texts):
        return None
    return separator.join(texts)


@function("suffixes")
@typed(TEXT)
def suffixes(text: str) -> list[str]:
    """All suffixes, the longest first."""
    if len(text) > 10_000:
        raise out_of_range("SUFFIXES")
    return [text[at:] for at in range(len(text))]


def _padding(text: str, size: Any, pad: str) -> str | None:
    width = whole(size)
    if width is None or width < 0 or not pad:
        return None
    if width > GENERATED_LIMIT:
        raise out_of_range("LPAD")
    missing = max(0, width - len(text))
    return (pad * (missing // len(pad) + 1))[:missing]


@function("lpad", "mb_lpad")
@typed(TEXT, NUMBER, TEXT)
def lpad(text: str, size: Any, pad: str = " ") -> Any:
    """Filled on the left to `size` characters, or cut to them."""
    filling = _padding(text, size, pad)
    return None if filling is None else (filling + text)[: int(size)]


@function("rpad", "mb_rpad")
@typed(TEXT, NUMBER, TEXT)
def rpad(text: str, size: Any, pad: str = " ") -> Any:
    """Filled on the right to `size` characters, or cut to them."""
    filling = _padding(text, size, pad)
    return None if filling is None else (text + filling)[: int(size)]


@function("mask", "mb_mask")
@typed(TEXT, OBJECT)
def mask(text: str, options: dict[str, Any] | None = None) -> Any:
    """The text with parts hidden: options mask, hole, anchor, inject, length (all as MASK has)."""
    given = options or {}
    form = given.get("mask", "********")
    hole = given.get("hole", " ")
    inject = given.get("inject", "")
    anchor = given.get("anchor", "start")
    if any(type(part) is not str for part in (form, hole, inject)):
        return None
    size = given.get("length")
    form = form if type(size) is not int else form[: max(0, size)]
    start = 0
    if anchor == "end":
        start = max(0, len(text) - len(form))
    elif type(anchor) is int:
        start = min(max(0, anchor), len(text))
    elif type(anchor) is str and anchor not in ("start", "text"):
        found = compiled(anchor).search(text)
        start = found.start() if found else 0
    result = list(text[:start])
    at = start
    for character in form:
        if inject and character in inject:
            result.append(character)
            continue
        if anchor != "start" and at >= len(text):
            break
        result.append(text[at : at + 1] if character in hole else character)
        at += 1
    return "".join(result) + text[at:] if anchor != "start" or at < len(text) else "".join(result)


@function("levenshtein_distance")
@typed(TEXT)
def levenshtein_distance(first: str, second: str) -> int:
    """How many characters must be put in, taken out or changed to make one text the other."""
    if len(first) * len(second) > GENERATED_LIMIT * 4:
        raise out_of_range("LEVENSHTEIN_DISTANCE")
    line = list(range(len(second) + 1))
    for row, a in enumerate(first, 1):
        before, line[0] = line[0], row
        for column, b in enumerate(second, 1):
            here = line[column]
            line[column] = min(here + 1, line[column - 1] + 1, before + (a != b))
            before = here
        pause()
    return line[-1]
