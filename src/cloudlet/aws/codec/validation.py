"""The constraints of the service models, checked as each service words its refusals.

The wording is the one that AWS's services share ("1 validation error detected: Value 'x' at
'functionName' failed to satisfy constraint: Member must ..."). S3 does not do this: there only
the required members and enumerations of its XML documents are checked.
"""

from __future__ import annotations

import re
import uuid
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from cloudlet.aws.codec.compiler import Compiler
from cloudlet.aws.codec.fields import Field, fields_of
from cloudlet.aws.errors import AWSError, ValidationError
from cloudlet.aws.model import ServiceModel, Shape

#: The code of a refused input where a service has its own; json services render
#: ValidationError as ValidationException.
CODES = {"apigateway": "BadRequestException", "logs": "InvalidParameterException"}

#: A longer text is not matched against a pattern: its length is refused or its time is not ours.
MAX_MATCHED = 8192
#: AWS names at most this many complaints; the rest are counted.
MAX_COMPLAINTS = 10

#: (value, path, complaints); values are never None.
Check = Callable[[Any, str, list[str]], None]


def check(model: ServiceModel, operation: str, request: Any) -> Any:
    """The request with its idempotency token filled in; raises the service's error if it does
    not satisfy its shape.
    """
    if request is None:
        return None
    checker, token = _checker(model, operation)
    complaints: list[str] = []
    if checker is not None:
        checker(request, "", complaints)
    if complaints:
        raise _refusal(model, complaints)
    if token is not None and getattr(request, token) is None:
        return request.replace(**{token: str(uuid.uuid4())})
    return request


def _refusal(model: ServiceModel, complaints: list[str]) -> AWSError:
    if model.protocol == "rest-xml":
        return AWSError(complaints[0], code="MalformedXML", status=400)
    count = len(complaints)
    message = (
        f"{count} validation error{'s' if count > 1 else ''} detected: "
        f"{'; '.join(complaints[:MAX_COMPLAINTS])}"
    )
    if model.name == "lambda" and count == 1 and " at 'runtime' " in message:
        # Lambda checks its runtimes later than the rest, and answers differently.
        return AWSError(
            complaints[0] + " or be a valid ARN", code="InvalidParameterValueException", status=400
        )
    code = CODES.get(model.name)
    return ValidationError(message) if code is None else AWSError(message, code=code, status=400)


@cache
def _checker(model: ServiceModel, operation: str) -> tuple[Check | None, str | None]:
    name = model.operations[operation].input
    assert name is not None
    shape = model.shape(name)
    token = next(
        (f.attribute for f in fields_of(model, shape) if f.reference.get("idempotencyToken")), None
    )
    if model.protocol == "rest-xml":
        return _s3_checks(model).payload(shape), token
    return _checks(model).of(name), token


def _nothing(value: Any, path: str, complaints: list[str]) -> None:
    """The check of what has no constraints."""


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)[:1024]


def _failed(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{_value(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _lower(member: str) -> str:
    return member[:1].lower() + member[1:]


class _Checks(Compiler[Check]):
    """Closures that complain of members; `_nothing` for shapes without constraints."""

    def compile(self, shape: Shape) -> Check:
        if shape.type == "structure":
            return _nothing if shape.spec.get("document") else self.structure(shape)
        if shape.type in ("list", "map"):
            return self.collection(shape)
        rules = _rules(shape)
        if not rules:
            return _nothing

        def check_scalar(value: Any, path: str, complaints: list[str]) -> None:
            for holds, constraint in rules:
                if not holds(value):
                    complaints.append(_failed(value, path, constraint))

        return check_scalar

    def structure(self, shape: Shape, fields: list[Field] | None = None) -> Check:
        chosen = fields_of(self.model, shape) if fields is None else fields
        table = [
            (field.attribute, _lower(field.member), field.required, self.member(field))
            for field in chosen
        ]
        table = [entry for entry in table if entry[2] or entry[3] is not _nothing]
        if not table:
            return _nothing

        def check_members(value: Any, path: str, complaints: list[str]) -> None:
            for attribute, name, required, check_member in table:
                given = getattr(value, attribute)
                if given is not None:
                    if check_member is not _nothing:
                        check_member(given, f"{path}.{name}" if path else name, complaints)
                elif required:
                    where = f"{path}.{name}" if path else name
                    complaints.append(_failed(None, where, "Member must not be null"))

        return check_members

    def member(self, field: Field) -> Check:
        if field.reference.get("jsonvalue") or field.trait("streaming"):
            return _nothing
        return self.of(field.shape.name)

    def collection(self, shape: Shape) -> Check:
        """A list's or map's length, and its items."""
        rules = _length(shape)
        is_map = shape.type == "map"
        inner = self.model.shape(shape.spec["value" if is_map else "member"]["shape"])
        is_nested = inner.type in ("structure", "list", "map")
        check_item = self.of(inner.name) if is_nested else _nothing
        item_rules = _rules(inner)
        key_rules = _rules(self.model.shape(shape.spec["key"]["shape"])) if is_map else []
        if not (rules or item_rules or key_rules) and check_item is _nothing:
            return _nothing

        def check_collection(value: Any, path: str, complaints: list[str]) -> None:
            for holds, constraint in rules:
                if not holds(value):
                    complaints.append(_failed(list(value), path, constraint))
            values = value.values() if is_map else value
            for kind, group, constraints in (
                ("keys", value if is_map else (), key_rules),
                ("values" if is_map else "", values, item_rules),
            ):
                if constraints and not all(h(i) for i in group for h, _ in constraints):
                    wanted = ", ".join(constraint for _, constraint in constraints)
                    word = {"keys": "Map keys", "values": "Map value", "": "Member"}[kind]
                    complaints.append(
                        _failed(list(value), path, f"{word} must satisfy constraint: [{wanted}]")
                    )
            if check_item is _nothing:
                return
            if is_map:
                for key, given in value.items():
                    check_item(given, f"{path}.{key}.member", complaints)
            else:
                for number, given in enumerate(value, 1):
                    check_item(given, f"{path}.{number}.member", complaints)

        return check_collection


Rule = tuple[Callable[[Any], bool], str]


def _length(shape: Shape) -> list[Rule]:
    rules: list[Rule] = []
    least, most = shape.spec.get("min"), shape.spec.get("max")
    if least:
        rules.append(
            (
                lambda value: len(value) >= least,
                f"Member must have length greater than or equal to {least}",
            )
        )
    if most is not None:
        rules.append(
            (
                lambda value: len(value) <= most,
                f"Member must have length less than or equal to {most}",
            )
        )
    return rules


def _rules(shape: Shape) -> list[Rule]:
    """A scalar's constraints."""
    if shape.type in ("integer", "long", "float", "double"):
        return _range(shape)
    if shape.type not in ("string", "blob"):
        return []
    rules = _length(shape)
    pattern = _pattern(shape.spec.get("pattern"))
    if pattern is not None:
        matches = pattern.fullmatch
        rules.append(
            (
                lambda value: len(value) > MAX_MATCHED or matches(value) is not None,
                f"Member must satisfy regular expression pattern: {shape.spec['pattern']}",
            )
        )
    enum = shape.spec.get("enum")
    if enum:
        values = frozenset(enum)
        rules.append(
            (
                values.__contains__,
                f"Member must satisfy enum value set: [{', '.join(enum)}]",
            )
        )
    return rules


def _range(shape: Shape) -> list[Rule]:
    rules: list[Rule] = []
    least, most = shape.spec.get("min"), shape.spec.get("max")
    if least is not None:
        rules.append(
            (
                lambda value: bool(value >= least),
                f"Member must have value greater than or equal to {least}",
            )
        )
    if most is not None:
        rules.append(
            (
                lambda value: bool(value <= most),
                f"Member must have value less than or equal to {most}",
            )
        )
    return rules


def _pattern(text: str | None) -> re.Pattern[str] | None:
    """A model's pattern, or None where there is none that Python knows (Java's `\\p{L}`)."""
    if not text:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(text, re.ASCII)  # as Java means \\w and \\d
    except re.error:
        return None


class _S3Checks(Compiler[Check]):
    """What S3 refuses of a document: a missing element or a value that its schema lacks."""

    #: Checked by the handlers, which have errors of their own for them.
    LEFT = frozenset({"BucketLocationConstraint"})

    def payload(self, shape: Shape) -> Check | None:
        found = next((f for f in fields_of(self.model, shape) if f.payload), None)
        if found is None or found.shape.type != "structure":
            return None
        check_document, attribute, required = (
            self.of(found.shape.name),
            found.attribute,
            found.required,
        )

        def check_payload(value: Any, path: str, complaints: list[str]) -> None:
            document = getattr(value, attribute)
            if document is not None:
                check_document(document, path, complaints)
            elif required:
                raise AWSError("Request Body is empty", code="MissingRequestBodyError", status=400)

        return check_payload

    def compile(self, shape: Shape) -> Check:
        if shape.type == "structure":
            return self.structure(shape)
        if shape.type == "list":
            member = self.of(shape.spec["member"]["shape"])
            if member is _nothing:
                return _nothing

            def check_items(value: Any, path: str, complaints: list[str]) -> None:
                for item in value:
                    member(item, path, complaints)

            return check_items
        enum = shape.spec.get("enum")
        if not enum or shape.name in self.LEFT:
            return _nothing
        values = frozenset(enum)

        def check_enum(value: Any, _path: str, complaints: list[str]) -> None:
            if value not in values:
                complaints.append(_SCHEMA)

        return check_enum

    def structure(self, shape: Shape) -> Check:
        table = [
            (f.attribute, f.required, self.of(f.shape.name)) for f in fields_of(self.model, shape)
        ]
        table = [entry for entry in table if entry[1] or entry[2] is not _nothing]
        if not table:
            return _nothing

        def check_members(value: Any, path: str, complaints: list[str]) -> None:
            for attribute, required, check_member in table:
                given = getattr(value, attribute)
                if given is not None:
                    check_member(given, path, complaints)
                elif required:
                    complaints.append(_SCHEMA)

        return check_members


_SCHEMA = (
    "The XML you provided was not well-formed or did not validate against our published schema"
)


@cache
def _checks(model: ServiceModel) -> _Checks:
    return _Checks(model)


@cache
def _s3_checks(model: ServiceModel) -> _S3Checks:
    return _S3Checks(model)
