"""Event patterns: the filters of EventBridge rules and of Lambda's event source mappings.

After "Creating Amazon EventBridge event patterns" and "Filter rule syntax" (AWS Lambda Developer
Guide). A pattern is compiled once into closures; matching never fails, whatever the event is.
"""

from __future__ import annotations

import ipaddress
import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

#: Whether a value of the event, or its absence (`MISSING`), fits.
Match = Callable[[Any], bool]

#: A field that the event does not have.
MISSING: Any = object()
#: How deep patterns may be nested, and how many rules one may have.
_DEPTH, _RULES = 100, 2000

_COMPARE = {"<": operator.lt, "<=": operator.le, "=": operator.eq, ">": operator.gt,
            ">=": operator.ge}  # fmt: skip


class InvalidPattern(ValueError):
    """The document is no event pattern; the message says where."""


def compile_pattern(document: str | Mapping[str, Any]) -> Match:
    """The pattern's matcher; raises `InvalidPattern`."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError) as error:
            raise InvalidPattern("Event pattern is not valid JSON") from error
    if not isinstance(document, Mapping) or not document:
        raise InvalidPattern("Event pattern must be a JSON object with at least one field")
    return _Compiler().object(document, 0)


class _Compiler:
    def __init__(self) -> None:
        self.rules = 0

    def object(self, fields: Mapping[str, Any], depth: int) -> Match:
        """All fields must match."""
        if depth > _DEPTH:
            raise InvalidPattern("Event pattern is nested too deeply")
        compiled: list[tuple[str, Match]] = []
        alternatives: list[Match] = []
        for key, value in fields.items():
            if key == "$or" and isinstance(value, list):
                if not value or not all(isinstance(one, Mapping) for one in value):
                    raise InvalidPattern("$or needs a list of objects")
                alternatives = [self.object(one, depth + 1) for one in value]
            elif isinstance(value, Mapping):
                if not value:
                    raise InvalidPattern(f"Empty objects are not allowed: {key}")
                compiled.append((key, self.object(value, depth + 1)))
            elif isinstance(value, list) and value:
                compiled.append((key, self.values(key, value)))
            else:
                raise InvalidPattern(f'"{key}" must be an object or an array')

        def match(event: Any) -> bool:
            if isinstance(event, list):
                return any(match(one) for one in event)
            found = event if isinstance(event, Mapping) else {}
            return all(check(found.get(key, MISSING)) for key, check in compiled) and (
                not alternatives or any(check(found) for check in alternatives)
            )

        return match

    def values(self, key: str, wanted: list[Any]) -> Match:
        """One of the rules must match, or one element where the event has a list."""
        self.rules += len(wanted)
        if self.rules > _RULES:
            raise InvalidPattern("Event pattern has too many rules")
        checks = [self.rule(key, one) for one in wanted]
        return lambda value: any(check(value) for check in checks)

    def rule(self, key: str, wanted: Any) -> Match:
        if isinstance(wanted, list):
            raise InvalidPattern(f'An array within the array of "{key}" is not allowed')
        if not isinstance(wanted, Mapping):
            return _each(lambda value: _same(value, wanted))
        if len(wanted) != 1:
            raise InvalidPattern(f'Only one key allowed in a match expression of "{key}"')
        ((name, argument),) = wanted.items()
        if name == "exists":
            if not isinstance(argument, bool):
                raise InvalidPattern("exists match pattern must be either true or false.")
            return lambda value: (value is not MISSING) is argument
        if name == "anything-but":
            return _anything_but(argument)
        make = _KINDS.get(name)
        if make is None:
            raise InvalidPattern(f"Unrecognized match type {name}")
        return _each(make(argument))


def _each(check: Match) -> Match:
    """A list matches by any of its elements; an absent field never does."""

    def match(value: Any) -> bool:
        if isinstance(value, list):
            return any(check(one) for one in value)
        return value is not MISSING and check(value)

    return match


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool) or wanted is None or value is None:
        return value is wanted
    is_number = isinstance(value, int | float) and isinstance(wanted, int | float)
    return bool(value == wanted) and (is_number or type(value) is type(wanted))


def _text(name: str, argument: Any) -> str:
    if not isinstance(argument, str) or not argument:
        raise InvalidPattern(f"{name} match pattern must be a string")
    return argument


def _prefix(argument: Any) -> Match:
    if isinstance(argument, Mapping) and list(argument) == ["equals-ignore-case"]:
        folded = _text("prefix", argument["equals-ignore-case"]).casefold()
        return lambda value: isinstance(value, str) and value.casefold().startswith(folded)
    wanted = _text("prefix", argument)
    return lambda value: isinstance(value, str) and value.startswith(wanted)


def _suffix(argument: Any) -> Match:
    if isinstance(argument, Mapping) and list(argument) == ["equals-ignore-case"]:
        folded = _text("suffix", argument["equals-ignore-case"]).casefold()
        return lambda value: isinstance(value, str) and value.casefold().endswith(folded)
    wanted = _text("suffix", argument)
    return lambda value: isinstance(value, str) and value.endswith(wanted)


def _ignore_case(argument: Any) -> Match:
    folded = _text("equals-ignore-case", argument).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _wildcard(argument: Any) -> Match:
    text = _text("wildcard", argument)
    if "**" in text:
        raise InvalidPattern("Consecutive wildcard characters are not allowed")
    pieces = text.split("*")

    def match(value: Any) -> bool:
        """The pieces in their order; linear, where a regular expression could be made slow."""
        if not isinstance(value, str):
            return False
        if len(pieces) == 1:
            return value == text
        if not value.startswith(pieces[0]):
            return False
        at = len(pieces[0])
        for piece in pieces[1:-1]:
            at = value.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return len(value) - len(pieces[-1]) >= at and value.endswith(pieces[-1])

    return match


def _numeric(argument: Any) -> Match:
    if not isinstance(argument, list) or not argument or len(argument) % 2:
        raise InvalidPattern("Value of numeric must be an array of comparisons")
    checks = []
    for sign, number in zip(argument[::2], argument[1::2], strict=True):
        if sign not in _COMPARE or isinstance(number, bool) or not isinstance(number, int | float):
            raise InvalidPattern(f"Unrecognized numeric comparison: {sign} {number}")
        checks.append((_COMPARE[sign], number))
    if len(checks) > 2:
        raise InvalidPattern("Too many elements in numeric expression")
    return lambda value: (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and all(compare(value, number) for compare, number in checks)
    )


def _cidr(argument: Any) -> Match:
    try:
        network = ipaddress.ip_network(_text("cidr", argument), strict=False)
    except ValueError as error:
        raise InvalidPattern(f"Malformed CIDR: {argument}") from error

    def match(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return match


_KINDS: dict[str, Callable[[Any], Match]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
}


def _anything_but(argument: Any) -> Match:
    """Present, and none of these."""
    if isinstance(argument, Mapping):
        if len(argument) != 1 or next(iter(argument)) not in _KINDS:
            raise InvalidPattern("Anything-But has an unsupported match type")
        ((name, inner),) = argument.items()
        refused = [_KINDS[name](one) for one in (inner if isinstance(inner, list) else [inner])]
    else:
        values = argument if isinstance(argument, list) else [argument]
        if not values or any(isinstance(one, list | Mapping) for one in values):
            raise InvalidPattern("Anything-But list must be of strings or numbers")
        refused = [_equals(one) for one in values]
    return _each(lambda value: not any(check(value) for check in refused))


def _equals(wanted: Any) -> Match:
    return lambda value: _same(value, wanted)
