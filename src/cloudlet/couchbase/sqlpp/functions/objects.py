"""Object functions; names come sorted, results are new objects."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp.functions.registry import ANY, OBJECT, TEXT, function, typed
from cloudlet.couchbase.sqlpp.values import MISSING

function("object_length")(typed(OBJECT)(len))


@function("object_names", "object_inner_names")
@typed(OBJECT)
def object_names(value: dict[str, Any]) -> list[str]:
    """The names, sorted."""
    return sorted(value)


@function("object_values", "object_inner_values")
@typed(OBJECT)
def object_values(value: dict[str, Any]) -> list[Any]:
    """The values in the order of their names."""
    return [value[name] for name in sorted(value)]


@function("object_pairs", "object_inner_pairs", "object_outer_pairs")
@typed(OBJECT)
def object_pairs(value: dict[str, Any]) -> list[Any]:
    """An object {name, val} for every field."""
    return [{"name": name, "val": value[name]} for name in sorted(value)]


@function("object_put")
def object_put(value: Any, name: Any, new: Any) -> Any:
    """The object with a field set, or taken away where the value is MISSING."""
    if value is MISSING or name is MISSING:
        return MISSING
    if type(value) is not dict or type(name) is not str:
        return None
    if new is MISSING:
        return {key: item for key, item in value.items() if key != name}
    return {**value, name: new}


@function("object_add")
def object_add(value: Any, name: Any, new: Any) -> Any:
    """The object with a field it did not have; unchanged where it has it."""
    if value is MISSING or name is MISSING:
        return MISSING
    if type(value) is not dict or type(name) is not str:
        return None
    return value if name in value or new is MISSING else {**value, name: new}


@function("object_remove")
@typed(OBJECT, TEXT)
def object_remove(value: dict[str, Any], first: str, *rest: str) -> dict[str, Any]:
    """The object without the named fields."""
    return {name: item for name, item in value.items() if name not in (first, *rest)}


@function("object_rename")
@typed(OBJECT, TEXT)
def object_rename(value: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The object with one field under another name."""
    return {new if name == old else name: item for name, item in value.items()}


@function("object_replace")
@typed(OBJECT, ANY)
def object_replace(value: dict[str, Any], old: Any, new: Any) -> dict[str, Any]:
    """The object with every value equal to `old` replaced."""
    same = type(old)
    return {
        name: new if type(item) is same and item == old else item for name, item in value.items()
    }


@function("object_concat")
@typed(OBJECT)
def object_concat(
    first: dict[str, Any], second: dict[str, Any], *rest: dict[str, Any]
) -> dict[str, Any]:
    """All fields of all objects; later ones win."""
    result = dict(first)
    for item in (second, *rest):
        result.update(item)
    return result


@function("object_unwrap")
@typed(OBJECT)
def object_unwrap(value: dict[str, Any]) -> Any:
    """The value of an object's only field; NULL where there are more or none."""
    return next(iter(value.values())) if len(value) == 1 else None


@function("object_field")
@typed(OBJECT, TEXT)
def object_field(value: dict[str, Any], name: str) -> Any:
    """The named field."""
    return value.get(name, MISSING)
