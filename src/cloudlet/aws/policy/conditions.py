"""The Condition element: operators, their set forms and IfExists.

After the IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for
multivalued context keys".
"""

from __future__ import annotations

import base64
import ipaddress
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cloudlet.aws.policy.patterns import Lookup, Patterns, Token, tokens

#: Whether a value of the request meets one of the policy's values.
Test = Callable[[str, Lookup], bool]


class BadCondition(ValueError):
    """An operator or a value that the language does not know."""


def moment(text: str) -> float | None:
    """Epoch seconds of an ISO 8601 date or a number of seconds; None if it is neither."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return parsed.timestamp()


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _strings(values: Sequence[str], variables: bool) -> Test:
    patterns = [tokens(value, wildcards=False, variables=variables) for value in values]
    return Patterns(patterns).match


def _strings_ignoring_case(values: Sequence[str], variables: bool) -> Test:
    lowered: list[tuple[Token, ...]] = [
        tuple(
            token.lower() if isinstance(token, str) else token
            for token in tokens(value, wildcards=False, variables=variables)
        )
        for value in values
    ]
    patterns = Patterns(lowered)

    def lower(lookup: Lookup) -> Lookup:
        def value_of(key: str) -> str | Sequence[str] | None:
            value = lookup(key)
            return value.lower() if isinstance(value, str) else value

        return value_of

    return lambda text, lookup: patterns.match(text.lower(), lower(lookup))


def _globs(values: Sequence[str], variables: bool) -> Test:
    patterns = [tokens(value, wildcards=True, variables=variables) for value in values]
    return Patterns(patterns).match


def _arns(values: Sequence[str], variables: bool) -> Test:
    patterns = [tokens(value, wildcards=True, variables=variables) for value in values]
    return Patterns(patterns, arns=True).match


def _ordered(
    read: Callable[[str], float | None], compare: Callable[[float, float], bool]
) -> Callable[[Sequence[str], bool], Test]:
    def build(values: Sequence[str], variables: bool) -> Test:  # noqa: ARG001
        wanted = []
        for value in values:
            parsed = read(value)
            if parsed is None:
                raise BadCondition(value)
            wanted.append(parsed)

        def test(text: str, lookup: Lookup) -> bool:  # noqa: ARG001
            given = read(text)
            return given is not None and any(compare(given, value) for value in wanted)

        return test

    return build


def _booleans(values: Sequence[str], variables: bool) -> Test:  # noqa: ARG001
    wanted = {value.lower() for value in values}
    return lambda text, lookup: text.lower() in wanted  # noqa: ARG005


def _binaries(values: Sequence[str], variables: bool) -> Test:  # noqa: ARG001
    try:
        wanted = {base64.b64decode(value, validate=True) for value in values}
    except ValueError as error:
        raise BadCondition(str(values)) from error

    def test(text: str, lookup: Lookup) -> bool:  # noqa: ARG001
        try:
            return base64.b64decode(text, validate=True) in wanted
        except ValueError:
            return False

    return test


def _addresses(values: Sequence[str], variables: bool) -> Test:  # noqa: ARG001
    try:
        networks = [ipaddress.ip_network(value.strip(), strict=False) for value in values]
    except ValueError as error:
        raise BadCondition(str(error)) from error

    def test(text: str, lookup: Lookup) -> bool:  # noqa: ARG001
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in networks)

    return test


class _Operator(NamedTuple):
    build: Callable[[Sequence[str], bool], Test]
    negated: bool = False


def _equal(a: float, b: float) -> bool:
    return a == b


def _below(a: float, b: float) -> bool:
    return a < b


def _at_most(a: float, b: float) -> bool:
    return a <= b


def _above(a: float, b: float) -> bool:
    return a > b


def _at_least(a: float, b: float) -> bool:
    return a >= b


OPERATORS: dict[str, _Operator] = {
    "stringequals": _Operator(_strings),
    "stringnotequals": _Operator(_strings, negated=True),
    "stringequalsignorecase": _Operator(_strings_ignoring_case),
    "stringnotequalsignorecase": _Operator(_strings_ignoring_case, negated=True),
    "stringlike": _Operator(_globs),
    "stringnotlike": _Operator(_globs, negated=True),
    "bool": _Operator(_booleans),
    "binaryequals": _Operator(_binaries),
    "ipaddress": _Operator(_addresses),
    "notipaddress": _Operator(_addresses, negated=True),
    "arnequals": _Operator(_arns),
    "arnlike": _Operator(_arns),
    "arnnotequals": _Operator(_arns, negated=True),
    "arnnotlike": _Operator(_arns, negated=True),
}
for _family, _read in (("numeric", _number), ("date", moment)):
    OPERATORS |= {
        f"{_family}equals": _Operator(_ordered(_read, _equal)),
        f"{_family}notequals": _Operator(_ordered(_read, _equal), negated=True),
        f"{_family}lessthan": _Operator(_ordered(_read, _below)),
        f"{_family}lessthanequals": _Operator(_ordered(_read, _at_most)),
        f"{_family}greaterthan": _Operator(_ordered(_read, _above)),
        f"{_family}greaterthanequals": _Operator(_ordered(_read, _at_least)),
    }


class Condition:
    """One operator on one key; `holds` tells whether the request meets it."""

    __slots__ = ("_all", "_any", "_if_exists", "_negated", "_null", "_test", "key")

    def __init__(self, operator: str, key: str, values: Sequence[str], variables: bool) -> None:
        """Raises `BadCondition` where the operator is unknown or a value is not of its type."""
        name = operator.lower()
        self._all = name.startswith("forallvalues:")
        self._any = name.startswith("foranyvalue:")
        name = name.rpartition(":")[2] if self._all or self._any else name
        self._if_exists = name.endswith("ifexists")
        name = name.removesuffix("ifexists")
        self.key = key.lower()
        self._null: bool | None = None
        if name == "null" and not self._if_exists:
            self._null = any(value.lower() == "true" for value in values)
            self._negated = False
            return
        if name not in OPERATORS:
            raise BadCondition(f"Invalid Condition type : {operator}")
        kind = OPERATORS[name]
        self._negated = kind.negated
        self._test = kind.build(values, variables)

    def holds(self, lookup: Lookup) -> bool:
        """Whether the request's value (or values) of the key meets the condition."""
        given = lookup(self.key)
        if given is not None and not isinstance(given, str) and not given:
            given = None
        if self._null is not None:
            return (given is None) is self._null
        if given is None:
            if self._any:
                return self._if_exists
            return self._all or self._if_exists or self._negated
        values = (given,) if isinstance(given, str) else given
        met = (self._test(value, lookup) is not self._negated for value in values)
        if self._any or not (self._all or self._negated):
            return any(met)
        return all(met)


def compile_conditions(block: Mapping[str, Any], variables: bool) -> tuple[Condition, ...]:
    """The conditions of a Condition element, all of which must hold; raises `BadCondition`."""
    found = []
    for operator, keys in block.items():
        if not isinstance(keys, Mapping):
            raise BadCondition(operator)
        for key, given in keys.items():
            values = given if isinstance(given, list) else [given]
            found.append(Condition(operator, key, [_text(value) for value in values], variables))
    return tuple(found)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise BadCondition("Syntax errors in policy.")
