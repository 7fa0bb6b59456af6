"""A template's text to plain values: JSON, or YAML with CloudFormation's short forms.

Source: CloudFormation User Guide, "CloudFormation template formats" (YAML 1.1, custom tags,
no duplicate keys) and "Intrinsic function reference" (short forms).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from cloudlet.services.cloudformation.errors import template_format_error

#: Deeper nesting than any template has; it bounds the recursion of all that walks a template.
MAX_DEPTH = 64
#: Values after aliases are expanded, so that a small text cannot become gigabytes.
MAX_NODES = 300_000
#: Characters of text that weigh as one more value.
_NODE_TEXT = 32
_MAX_INTEGER = 2**63

#: Short forms whose long form is not `Fn::<name>`.
PLAIN_TAGS = {"Ref", "Condition"}
FUNCTION_TAGS = {
    "And", "Base64", "Cidr", "Contains", "Equals", "FindInMap", "ForEach", "GetAtt", "GetAZs", "If",
    "ImportValue", "Join", "Length", "Not", "Or", "Select", "Split", "Sub", "ToJsonString",
    "Transform",
}  # fmt: skip

_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_NULLS = {"", "~", "null", "Null", "NULL"}
#: Without a leading zero: an account id such as 012345678901 is not a number.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")


def read(text: str) -> dict[str, Any]:
    """The template in `text` as plain values; raises `ValidationError` as AWS words it."""
    if re.match(r'\s*\{\s*["}]', text):  # a brace alone may begin YAML's flow style too
        try:
            value = _read_json(text)
        except json.JSONDecodeError as error:
            raise template_format_error(
                f"JSON not well-formed. (line {error.lineno}, column {error.colno})"
            ) from error
    else:
        value = _read_yaml(text)
    if not isinstance(value, dict):
        raise template_format_error("unsupported structure.")
    return value


def _read_json(text: str) -> Any:
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=str)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise template_format_error("The template is nested too deeply.") from error
    except UnicodeEncodeError as error:
        raise template_format_error("JSON not well-formed: half a surrogate pair.") from error
    _check_depth(value)
    return value


def _integer(text: str) -> int | str:
    """A number that a record can hold; a longer one stays text."""
    if len(text) > 20 or not -_MAX_INTEGER <= (value := int(text)) < _MAX_INTEGER:
        return text
    return value


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                deeper.extend(node.values())
            elif isinstance(node, list):
                deeper.extend(node)
        if not deeper:
            return
        level = deeper
    raise template_format_error("The template is nested too deeply.")


def _read_yaml(text: str) -> Any:
    try:
        return _Composer(yaml.parse(text, Loader=yaml.CSafeLoader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise template_format_error(f"YAML not well-formed.{where}") from error
    except yaml.YAMLError as error:  # characters that YAML does not allow
        raise template_format_error("YAML not well-formed.") from error


class _Composer:
    """Builds values from the parser's events, counting what it builds."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.events = events
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0

    def document(self) -> Any:
        next(self.events)  # stream start
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        value = self.value(next(self.events), 0)
        next(self.events)  # document end
        if not isinstance(next(self.events), yaml.StreamEndEvent):
            raise template_format_error("YAML not well-formed.")
        return value

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise template_format_error("The template has too many values.")

    def value(self, event: Event, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise template_format_error("The template is nested too deeply.")
        if isinstance(event, AliasEvent):
            known = self.anchors.get(str(event.anchor))
            if known is None:
                raise self.malformed(event)
            shared, size = known
            self.count(size)
            return shared
        before = self.nodes
        self.count(1)
        tag = getattr(event, "tag", None)
        if isinstance(event, ScalarEvent):
            self.count(len(event.value) // _NODE_TEXT)
            value: Any = self.scalar(event)
        elif isinstance(event, SequenceStartEvent):
            value = self.sequence(depth)
        elif isinstance(event, MappingStartEvent):
            value = self.mapping(depth)
        else:
            raise self.malformed(event)
        if tag is not None and tag.startswith("!") and tag != "!":
            value = self.function(tag[1:], value, event)
        if getattr(event, "anchor", None) is not None:
            self.anchors[str(event.anchor)] = (value, self.nodes - before)
        return value

    def sequence(self, depth: int) -> list[Any]:
        items = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            items.append(self.value(event, depth + 1))
        return items

    def mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise self.malformed(event)
            key = event.value
            value = self.value(next(self.events), depth + 1)
            if key == "<<" and event.implicit[0]:
                for other in value if isinstance(value, list) else [value]:
                    if not isinstance(other, dict):
                        raise self.malformed(event)
                    merged = {**other, **merged}
                continue
            if key in found:
                raise template_format_error(
                    f"YAML not well-formed. Duplicate key '{key}'{_where(event)}"
                )
            found[key] = value
        return {**merged, **found} if merged else found

    @staticmethod
    def scalar(event: ScalarEvent) -> Any:
        text: str = event.value
        if not event.implicit[0]:  # quoted, a block, or tagged
            return text
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if len(text) < 64:
            if _INTEGER.match(text):
                return _integer(text)
            if _HEXADECIMAL.match(text) and len(text) < 18:
                return int(text, 16)
            if _FLOAT.match(text):
                return _float(text)
        return text  # dates too: CloudFormation keeps `Version: 2012-10-17` as it is written

    @staticmethod
    def function(tag: str, value: Any, event: Event) -> Any:
        if tag in PLAIN_TAGS:
            return {tag: value}
        if tag not in FUNCTION_TAGS:
            raise template_format_error(
                f"YAML not well-formed. Unknown tag '!{tag}'{_where(event)}"
            )
        if tag == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {f"Fn::{tag}": value}

    @staticmethod
    def malformed(event: Event) -> Exception:
        return template_format_error(f"YAML not well-formed.{_where(event)}")


def _where(event: Event) -> str:
    mark = event.start_mark
    return "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
