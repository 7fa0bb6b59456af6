"""Regular-expression functions, by RE2: the syntax that Couchbase has, in linear time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import re2  # type: ignore[import-untyped]

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.functions.registry import NUMBER, TEXT, function, typed, whole
from cloudlet.couchbase.sqlpp.pausing import paced, pause

# A pattern that needs more than this is refused, as RE2 does.
_MEMORY_BYTES: Final = 8 * 1024 * 1024


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """The pattern ready for use; 5011 where it is not of RE2's syntax."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args else "bad pattern"
        raise errors.QueryError(
            5011, f"error parsing regexp: {reason}: `{pattern}`", http=500
        ) from None


@function("regexp_contains", "contains_regex", "contains_regexp", "regex_contains")
@typed(TEXT)
def regexp_contains(text: str, pattern: str) -> bool:
    """Whether any part of the text matches."""
    return compiled(pattern).search(text) is not None


@function("regexp_like", "regex_like")
@typed(TEXT)
def regexp_like(text: str, pattern: str) -> bool:
    """Whether the whole text matches."""
    return compiled(pattern).fullmatch(text) is not None


@function(
    "regexp_position", "regexp_position0", "regexp_pos", "regexp_pos0",
    "regex_position", "regex_position0", "regex_pos", "regex_pos0",
)  # fmt: skip
@typed(TEXT)
def regexp_position(text: str, pattern: str) -> int:
    """The first match's place in bytes from 0, or -1."""
    found = compiled(pattern).search(text)
    return len(text[: found.start()].encode()) if found else -1


@function("regexp_position1", "regexp_pos1", "regex_position1", "regex_pos1")
@typed(TEXT)
def regexp_position1(text: str, pattern: str) -> int:
    """The first match's place in bytes from 1, or 0."""
    return int(regexp_position(text, pattern)) + 1


@function("regexp_replace", "regex_replace")
@typed(TEXT, TEXT, TEXT, NUMBER)
def regexp_replace(text: str, pattern: str, new: str, count: Any = -1) -> Any:
    """Every match replaced, or the first `count`; `$1` and `${name}` stand for groups."""
    times = whole(count)
    if times is None:
        return None
    expression = compiled(pattern)
    parts: list[str] = []
    at = done = 0
    for found in expression.finditer(text):
        if 0 <= times <= done:
            break
        parts += [text[at : found.start()], _expanded(new, found)]
        at, done = found.end(), done + 1
        pause()
    return "".join([*parts, text[at:]])


def _expanded(template: str, found: Any) -> str:
    """The replacement with its groups filled in; unknown groups are empty, `$$` is a dollar."""

    def group(match: Any) -> str:
        name = match.group(1) or match.group(2)
        if name is None:
            return "$"
        try:
            return found.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""

    return str(_GROUP.sub(group, template)) if "$" in template else template


_GROUP: Final = re2.compile(r"\$(?:(\w+)|\{(\w+)\}|\$)")


@function("regexp_matches", "regex_matches")
@typed(TEXT)
def regexp_matches(text: str, pattern: str) -> list[str]:
    """All matches."""
    return [found.group() for found in paced(compiled(pattern).finditer(text))]


@function("regexp_split", "regex_split")
@typed(TEXT)
def regexp_split(text: str, pattern: str) -> list[str]:
    """The parts between the matches."""
    parts, at = [], 0
    for found in paced(compiled(pattern).finditer(text)):
        if found.end() > found.start():
            parts.append(text[at : found.start()])
            at = found.end()
    return [*parts, text[at:]]
