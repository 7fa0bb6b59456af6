"""Regular-expression functions, safe against patterns that backtrack without end.

Couchbase uses RE2, which knows neither back-references nor look-around; both are refused. A
pattern whose cost could explode (a repetition inside a repetition) is refused too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.functions.registry import NUMBER, TEXT, function, typed, whole

_REPEATS: Final = (codes.MAX_REPEAT, codes.MIN_REPEAT)
_REFUSED: Final = (codes.GROUPREF, codes.GROUPREF_EXISTS, codes.ASSERT, codes.ASSERT_NOT)
# The work of n unbounded repetitions on a text of length t is bounded by t to the power of n.
_WORK_LIMIT: Final = 10_000_000


def _check(parts: Any, *, repeated: bool) -> int:
    """How many unbounded repetitions follow one another; raises for what is refused."""
    count = 0
    for code, argument in parts:
        if code in _REFUSED:
            raise ValueError("invalid or unsupported Perl syntax")
        if code in _REPEATS:
            low, high, inner = argument
            many = high - low > 1 or high > 1
            if many and repeated:
                raise ValueError("repetition inside a repetition")
            count += (high is codes.MAXREPEAT or high > 100) + _check(inner, repeated=many)
        elif code is codes.SUBPATTERN:
            count += _check(argument[3], repeated=repeated)
        elif code is codes.BRANCH:
            count += max(_check(branch, repeated=repeated) for branch in argument[1])
    return count


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[re.Pattern[str], int]:
    try:
        repetitions = _check(parser.parse(pattern), repeated=False)
        return re.compile(pattern), repetitions
    except (re.error, ValueError, RecursionError, OverflowError) as error:
        raise errors.QueryError(
            5011, f"error parsing regexp: {error}: `{pattern}`", http=500
        ) from None


def _for(pattern: str, text: str) -> re.Pattern[str]:
    compiled, repetitions = _compiled(pattern)
    if len(text) ** max(1, repetitions) > _WORK_LIMIT:
        raise errors.QueryError(
            5011, f"regular expression too costly for this text: `{pattern}`", http=500
        )
    return compiled


@function("regexp_contains", "contains_regex", "contains_regexp", "regex_contains")
@typed(TEXT)
def regexp_contains(text: str, pattern: str) -> bool:
    """Whether any part of the text matches."""
    return _for(pattern, text).search(text) is not None


@function("regexp_like", "regex_like")
@typed(TEXT)
def regexp_like(text: str, pattern: str) -> bool:
    """Whether the whole text matches."""
    return _for(pattern, text).fullmatch(text) is not None


@function("regexp_position", "regexp_position0", "regex_position")
@typed(TEXT)
def regexp_position(text: str, pattern: str) -> int:
    """The first match's place in bytes from 0, or -1."""
    found = _for(pattern, text).search(text)
    return len(text[: found.start()].encode()) if found else -1


@function("regexp_position1", "regex_position1")
@typed(TEXT)
def regexp_position1(text: str, pattern: str) -> int:
    """The first match's place in bytes from 1, or 0."""
    return int(regexp_position(text, pattern)) + 1


@function("regexp_replace", "regex_replace")
@typed(TEXT, TEXT, TEXT, NUMBER)
def regexp_replace(text: str, pattern: str, new: str, count: Any = -1) -> Any:
    """Every match replaced, or the first `count`; `$1` stands for the first group."""
    times = whole(count)
    if times is None:
        return None
    if times == 0:
        return text
    template = re.sub(r"\$(\d+|\w+|\{\w+\})", _group_reference, new.replace("\\", "\\\\"))
    try:
        return _for(pattern, text).sub(template, text, count=max(0, times))
    except (re.error, IndexError):
        return None


def _group_reference(match: re.Match[str]) -> str:
    return f"\\g<{match.group(1).strip('{}')}>"


@function("regexp_matches", "regex_matches")
@typed(TEXT)
def regexp_matches(text: str, pattern: str) -> list[str]:
    """All matches."""
    return [found.group() for found in _for(pattern, text).finditer(text)]


@function("regexp_split", "regex_split")
@typed(TEXT)
def regexp_split(text: str, pattern: str) -> list[str]:
    """The parts between the matches."""
    parts, at = [], 0
    for found in _for(pattern, text).finditer(text):
        if found.end() > found.start():
            parts.append(text[at : found.start()])
            at = found.end()
    return [*parts, text[at:]]
