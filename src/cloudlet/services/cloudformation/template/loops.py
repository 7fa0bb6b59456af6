"""Fn::ForEach of the AWS::LanguageExtensions transform.

Source: CloudFormation User Guide, "Fn::ForEach": in Conditions, Outputs, Resources and a resource's
Properties; `${Identifier}` and `&{Identifier}` (letters and digits of the value only) in keys and
values; nested loops.
"""

from __future__ import annotations

import json
import re
from typing import Any

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.template.intrinsics import evaluate, text_of
from cloudlet.services.cloudformation.template.scope import Scope

PREFIX = "Fn::ForEach::"
#: What all loops of a template may produce together.
MAX_ITERATIONS = 5_000
MAX_CHARACTERS = 8 << 20
_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]")


def expand(raw: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """The template with its loops unrolled; raises `ValidationError`."""
    return dict(_Loops(scope).walk(raw))


def _failure(message: str) -> ValidationError:
    return ValidationError(f"Transform AWS::LanguageExtensions failed with: {message}")


class _Loops:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.iterations = 0
        self.characters = 0

    def walk(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        made: dict[str, Any] = {}
        for key, value in node.items():
            entries = self.loop(key, value) if key.startswith(PREFIX) else {key: self.walk(value)}
            repeated = made.keys() & entries.keys()
            if repeated:
                raise _failure(f"Duplicate key {min(repeated)} made by {key}")
            made.update(entries)
        return made

    def loop(self, key: str, argument: Any) -> dict[str, Any]:
        if (
            not isinstance(argument, list)
            or len(argument) != 3
            or not isinstance(argument[0], str)
            or not isinstance(argument[2], dict)
        ):
            raise _failure(f"Fn::ForEach layout is incorrect: {key}")
        identifier, collection, body = argument
        values = evaluate(collection, self.scope)
        if isinstance(values, list):
            flat = [
                part for item in values for part in (item if isinstance(item, list) else [item])
            ]
        else:
            raise _failure(f"Fn::ForEach collection must be a list: {key}")
        made: dict[str, Any] = {}
        size = len(json.dumps(body))
        for value in map(text_of, flat):
            self.iterations += 1
            self.characters += size + len(value)
            if self.iterations > MAX_ITERATIONS or self.characters > MAX_CHARACTERS:
                raise _failure(f"Fn::ForEach makes more than {MAX_ITERATIONS} entries or 8 MB")
            fresh = self.walk(_replace(body, identifier, value))
            if made.keys() & fresh.keys():
                raise _failure(f"Duplicate key {min(made.keys() & fresh.keys())} made by {key}")
            made.update(fresh)
        return made


def _replace(node: Any, identifier: str, value: str) -> Any:
    if isinstance(node, str):
        return _text(node, identifier, value)
    if isinstance(node, list):
        return [_replace(item, identifier, value) for item in node]
    if isinstance(node, dict):
        if node == {"Ref": identifier}:
            return value
        return {
            _text(k, identifier, value): _replace(v, identifier, value) for k, v in node.items()
        }
    return node


def _text(text: str, identifier: str, value: str) -> str:
    return text.replace("${" + identifier + "}", value).replace(
        "&{" + identifier + "}", _ALPHANUMERIC.sub("", value)
    )
