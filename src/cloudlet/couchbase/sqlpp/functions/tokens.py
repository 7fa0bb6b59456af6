"""Token functions: the words of a text or of everything inside a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from cloudlet.couchbase.sqlpp.functions.registry import function
from cloudlet.couchbase.sqlpp.functions.regular_expressions import compiled
from cloudlet.couchbase.sqlpp.patterns import like_matcher
from cloudlet.couchbase.sqlpp.pausing import paced, pause
from cloudlet.couchbase.sqlpp.values import MISSING, hash_key

_WORD: Final = re.compile(r"\w+")
# Words that hold what does not stand in plain ones, such as addresses.
_SPECIAL: Final = re.compile(r"[\w.@:/\-+#%&?=~]+")


class _Options:
    """How a value is cut into tokens."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.names = given.get("names") is True
        self.specials = given.get("specials") is True
        self.split = given.get("split") is not False
        self.trim = given.get("trim") is not False
        case = given.get("case")
        self.fold: Callable[[str], str] = (
            str.lower if case == "lower" else str.upper if case == "upper" else str
        )


def _tokens(value: Any, options: _Options) -> Iterator[Any]:
    """Every token of a value: words, other scalars, and names where they are asked for."""
    pause()
    if type(value) is str:
        yield from map(options.fold, _words(value, options))
    elif type(value) is list:
        for item in value:
            yield from _tokens(item, options)
    elif type(value) is dict:
        for name in sorted(value):
            if options.names:
                yield from map(options.fold, _words(name, options))
            yield from _tokens(value[name], options)
    elif value is not MISSING:
        yield value


def _words(text: str, options: _Options) -> Iterator[str]:
    if not options.split:
        yield text.strip() if options.trim else text
        return
    for match in paced(_WORD.finditer(text)):
        yield match.group()
    if options.specials:
        for match in paced(_SPECIAL.finditer(text)):
            word = match.group().strip(".:?")
            if word and not _WORD.fullmatch(word):
                yield word


@function("tokens")
def tokens(value: Any, options: Any = None) -> Any:
    """All tokens of a value, once each."""
    if value is MISSING or options is MISSING:
        return MISSING
    if options is not None and type(options) is not dict:
        return None
    found: dict[Any, Any] = {}
    for token in _tokens(value, _Options({"names": True, **(options or {})})):
        found.setdefault(hash_key(token), token)
    return list(found.values())


def _contains(
    matcher: Callable[[str], Callable[[str], bool]],
) -> Callable[..., Any]:
    def run(value: Any, wanted: Any, options: Any = None) -> Any:
        if value is MISSING or wanted is MISSING or options is MISSING:
            return MISSING
        if type(wanted) is not str or value is None or type(options) not in (dict, type(None)):
            return None
        matches = matcher(wanted)
        found = _tokens(value, _Options({"names": True, **(options or {})}))
        return any(type(token) is str and matches(token) for token in found)

    return run


def _by_regexp(pattern: str) -> Callable[[str], bool]:
    expression = compiled(pattern)
    return lambda token: expression.fullmatch(token) is not None


function("contains_token", "has_token")(_contains(lambda wanted: lambda token: token == wanted))
function("contains_token_like")(_contains(lambda wanted: like_matcher(wanted, "\\")))
function("contains_token_regexp", "contains_token_regex")(_contains(_by_regexp))
