"""What a resource type declares, and the check of a template's properties against it.

Messages are those of CloudFormation's resource providers: "#: extraneous key [X] is not
permitted", "#: required key [X] not found", "#/X: expected type: Integer, found: String".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any

from cloudlet.aws.model import ServiceModel


class Update(Enum):
    """What changing a property needs."""

    IN_PLACE = "Never"
    REPLACE = "Always"


@dataclass(frozen=True, slots=True)
class Kind:
    """A property's type: a scalar's name, or List, Map, Object with what is inside."""

    name: str
    item: Kind | None = None
    members: Mapping[str, Property] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Property:
    """One property. `refused` says why cloudlet cannot honour it: it fails the resource.

    `ignored` says why it is accepted although it changes nothing that could be observed here.
    """

    kind: Kind
    required: bool = False
    update: Update = Update.IN_PLACE
    refused: str = ""
    ignored: str = ""


STRING, INTEGER, NUMBER, BOOLEAN, JSON = (
    Kind(name) for name in ("String", "Integer", "Number", "Boolean", "Json")
)


def listing(item: Kind) -> Kind:
    """A list of `item`."""
    return Kind("List", item)


def mapping(item: Kind) -> Kind:
    """A map from strings to `item`."""
    return Kind("Map", item)


def structure(**members: Property | Kind) -> Kind:
    """An object with `members`."""
    return Kind("Object", members=_properties(members))


def _properties(members: Mapping[str, Property | Kind]) -> dict[str, Property]:
    return {n: m if isinstance(m, Property) else Property(m) for n, m in members.items()}


def properties(**members: Property | Kind) -> dict[str, Property]:
    """A type's properties; a bare kind is an optional one that is updated in place."""
    return _properties(members)


def required(kind: Kind, update: Update = Update.IN_PLACE) -> Property:
    """A property that must be given."""
    return Property(kind, required=True, update=update)


def replaces(kind: Kind, *, needed: bool = False) -> Property:
    """A property whose change makes a new physical resource."""
    return Property(kind, required=needed, update=Update.REPLACE)


def refused(reason: str) -> Property:
    """A property of AWS's type that cloudlet cannot honour."""
    return Property(JSON, refused=reason)


def ignored(kind: Kind, reason: str) -> Property:
    """A property of AWS's type without an effect that could be observed on one machine."""
    return Property(kind, ignored=reason)


TAGS = listing(structure(Key=required(STRING), Value=required(STRING)))
TAG_MAP = mapping(STRING)

_SCALARS = {
    "string": STRING, "character": STRING, "timestamp": STRING, "blob": STRING, "integer": INTEGER,
    "long": INTEGER, "float": NUMBER, "double": NUMBER, "boolean": BOOLEAN,
}  # fmt: skip


@cache
def shape(service: str, name: str) -> Kind:
    """The kind of a shape in a service's model: where CloudFormation's type follows the API."""
    model = ServiceModel.load(service)
    found = model.shape(name)
    if found.type == "structure":
        needed = found.required
        return Kind(
            "Object",
            members={
                member: Property(shape(service, reference["shape"]), required=member in needed)
                for member, reference in found.members.items()
            },
        )
    if found.type == "list":
        return listing(shape(service, found.spec["member"]["shape"]))
    if found.type == "map":
        return mapping(shape(service, found.spec["value"]["shape"]))
    return _SCALARS[found.type]


class InvalidProperties(Exception):
    """The properties do not fit the type; the message has a line a problem."""


def check(declared: Mapping[str, Property], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with scalars in their declared types; raises `InvalidProperties`."""
    problems: list[str] = []
    found = _object(declared, given, "#", problems)
    if problems:
        raise InvalidProperties("\n".join(problems))
    return found


def _object(
    declared: Mapping[str, Property], given: Mapping[str, Any], path: str, problems: list[str]
) -> dict[str, Any]:
    made = {}
    for name, value in given.items():
        property_ = declared.get(name)
        if property_ is None:
            problems.append(f"{path}: extraneous key [{name}] is not permitted")
        elif property_.refused:
            problems.append(f"{path}/{name}: not supported by cloudlet: {property_.refused}")
        else:
            made[name] = _value(property_.kind, value, f"{path}/{name}", problems)
    problems.extend(
        f"{path}: required key [{name}] not found"
        for name, property_ in declared.items()
        if property_.required and name not in given
    )
    return made


def _value(kind: Kind, value: Any, path: str, problems: list[str]) -> Any:
    if kind.name == "Json":
        return value
    if kind.name == "List":
        assert kind.item is not None
        # A single value where a list is due is taken for a list of one, as CloudFormation does.
        items = value if isinstance(value, list) else [value]
        return [_value(kind.item, each, f"{path}/{n}", problems) for n, each in enumerate(items)]
    if kind.name in ("Map", "Object"):
        if not isinstance(value, dict):
            problems.append(f"{path}: expected type: JSONObject, found: {_kind_of(value)}")
            return value
        if kind.name == "Object":
            return _object(kind.members, value, path, problems)
        assert kind.item is not None
        return {n: _value(kind.item, each, f"{path}/{n}", problems) for n, each in value.items()}
    try:
        return _scalar(kind.name, value)
    except ValueError:
        problems.append(f"{path}: expected type: {kind.name}, found: {_kind_of(value)}")
        return value


def _scalar(name: str, value: Any) -> Any:
    if isinstance(value, dict | list):
        raise ValueError
    if name == "String":
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)
    if name == "Boolean":
        text = str(value).lower()
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"
    if isinstance(value, bool):
        raise ValueError
    if name == "Integer":
        number = float(value)
        if number != int(number):
            raise ValueError
        return int(number) if isinstance(value, float) else int(value)
    return float(value)


def _kind_of(value: Any) -> str:
    if isinstance(value, dict):
        return "JSONObject"
    if isinstance(value, list):
        return "JSONArray"
    if isinstance(value, bool):
        return "Boolean"
    return "String" if isinstance(value, str) else "Integer" if isinstance(value, int) else "Double"


def differences(
    declared: Mapping[str, Property], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[str, Update]]:
    """The properties that differ, and what each change needs."""
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            property_ = declared.get(name)
            yield name, property_.update if property_ else Update.IN_PLACE
