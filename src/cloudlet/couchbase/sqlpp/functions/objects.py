"""Object functions; names come sorted, results are new objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from cloudlet.couchbase.sqlpp.functions.registry import ANY, OBJECT, TEXT, function, typed
from cloudlet.couchbase.sqlpp.functions.regular_expressions import compiled
from cloudlet.couchbase.sqlpp.pausing import paced, pause
from cloudlet.couchbase.sqlpp.sorting import ordered
from cloudlet.couchbase.sqlpp.values import MISSING, TYPE_NAMES

function("object_length")(typed(OBJECT)(len))


@function("object_names", "object_inner_names", "object_outer_names")
@typed(OBJECT)
def object_names(value: dict[str, Any]) -> list[str]:
    """The names, sorted."""
    return sorted(value)


@function("object_values", "object_outer_values", "object_outervalues")
@typed(OBJECT)
def object_values(value: dict[str, Any]) -> list[Any]:
    """The values in the order of their names."""
    return [value[name] for name in sorted(value)]


def _known(value: Any) -> Any:
    """An array without its NULLs, opened where one item is left of several."""
    if type(value) is not list or None not in value:
        return value
    found = [item for item in value if item is not None]
    return found[0] if len(found) == 1 else found


@function("object_inner_values", "object_innervalues")
@typed(OBJECT)
def object_inner_values(value: dict[str, Any]) -> list[Any]:
    """The values in the order of their names, with NULLs left out of arrays."""
    return [_known(value[name]) for name in sorted(value)]


@function("object_inner_pairs", "object_innerpairs")
@typed(OBJECT)
def object_inner_pairs(value: dict[str, Any]) -> list[Any]:
    """OBJECT_PAIRS with NULLs left out of arrays."""
    return [{"name": name, "val": _known(value[name])} for name in sorted(value)]


def _pair(name: str, value: Any, *, types: bool) -> dict[str, Any]:
    return (
        {"name": name, "type": TYPE_NAMES[type(value)]} if types else {"name": name, "val": value}
    )


@function("object_pairs", "object_outer_pairs", "object_outerpairs")
@typed(OBJECT)
def object_pairs(value: dict[str, Any], options: dict[str, Any] | None = None) -> list[Any]:
    """An object {name, val} for every field, or {name, type} with the option `types`."""
    types = (options or {}).get("types") is True
    return [_pair(name, value[name], types=types) for name in sorted(value)]


_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]*")


def _paths(value: Any, path: str, *, composites: bool) -> Iterator[tuple[str, str, Any]]:
    """Path, last name and value of every field inside."""
    pause()
    if type(value) is dict:
        steps = [
            (name, name if _PLAIN_NAME.fullmatch(name) else f"`{name}`", value[name])
            for name in sorted(value)
        ]
        steps = [(name, f"{path}.{text}" if path else text, item) for name, text, item in steps]
    else:
        steps = [(f"[{at}]", f"{path}[{at}]", item) for at, item in enumerate(value)]
    for name, text, item in steps:
        deeper = type(item) in (dict, list) and bool(item)
        if composites or not deeper:
            yield text, name, item
        if deeper:
            yield from _paths(item, text, composites=composites)


@function("object_pairs_nested")
@typed(OBJECT)
def object_pairs_nested(value: dict[str, Any], options: dict[str, Any] | None = None) -> list[Any]:
    """OBJECT_PAIRS of all fields inside, by their paths; options composites, pattern, types."""
    given = options or {}
    pattern = given.get("pattern")
    matches = compiled(pattern) if type(pattern) is str else None
    found = [
        _pair(path, item, types=given.get("types") is True)
        for path, _, item in _paths(value, "", composites=given.get("composites") is True)
        if matches is None or matches.search(path) is not None
    ]
    return ordered(found, lambda pair: pair["name"])


@function("object_paths")
@typed(OBJECT)
def object_paths(value: dict[str, Any], options: dict[str, Any] | None = None) -> list[str]:
    """The paths of all fields inside; options composites, arraysubscript, unique, pattern and
    patternspace."""
    given = options or {}
    pattern = given.get("pattern")
    matches = compiled(pattern) if type(pattern) is str else None
    found = []
    for path, name, _ in _paths(value, "", composites=given.get("composites") is not False):
        if given.get("arraysubscript") is False:
            path = re.sub(r"\[\d+\]", "[*]", path)
        searched = name if given.get("patternspace") == "field" else path
        if matches is None or matches.search(searched) is not None:
            found.append(path)
    found = found if given.get("unique") is False else list(dict.fromkeys(paced(found)))
    return ordered(found, str)


@function("object_filter")
@typed(OBJECT)
def object_filter(value: dict[str, Any], options: dict[str, Any]) -> Any:
    """The object's fields whose names match the option `pattern`, at the top or, with
    `patternspace` "path", anywhere inside."""
    pattern = options.get("pattern")
    if type(pattern) is not str:
        return None
    return _filtered(
        value, compiled(pattern), "", whole_path=options.get("patternspace") != "field"
    )


def _filtered(value: dict[str, Any], matches: Any, path: str, *, whole_path: bool) -> Any:
    result: dict[str, Any] = {}
    for name, item in value.items():
        text = f"{path}.{name}" if path else name
        if matches.search(text if whole_path else name) is not None:
            result[name] = item
        elif type(item) is dict:
            inner = _filtered(item, matches, text, whole_path=whole_path)
            if inner:
                result[name] = inner
    return result


@function("object_extract")
@typed(OBJECT, ANY)
def object_extract(value: dict[str, Any], first: Any, *rest: Any) -> Any:
    """An object of the named fields only; names may come in an array."""
    names = [name for item in (first, *rest) for name in (item if type(item) is list else [item])]
    if any(type(name) is not str for name in names):
        return None
    return {name: value[name] for name in names if name in value}


@function("object_remove_fields")
@typed(OBJECT, ANY)
def object_remove_fields(value: dict[str, Any], first: Any, *rest: Any) -> Any:
    """The object without the fields at the paths, which may come in arrays."""
    names = [name for item in (first, *rest) for name in (item if type(item) is list else [item])]
    if any(type(name) is not str for name in names):
        return None
    result: Any = value
    for name in names:
        result = _without(result, name.split("."))
    return result


def _without(value: Any, steps: list[str]) -> Any:
    if type(value) is not dict or steps[0] not in value:
        return value
    if len(steps) == 1:
        return {name: item for name, item in value.items() if name != steps[0]}
    return {**value, steps[0]: _without(value[steps[0]], steps[1:])}


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


@function("object_types")
@typed(OBJECT)
def object_types(value: dict[str, Any]) -> dict[str, str]:
    """The object with every value replaced by the name of its type."""
    return {name: TYPE_NAMES[type(item)] for name, item in value.items()}


@function("object_types_nested")
@typed(OBJECT)
def object_types_nested(value: dict[str, Any]) -> Any:
    """The object with every scalar inside it replaced by the name of its type."""
    return _typed(value)


def _typed(value: Any) -> Any:
    pause()
    if type(value) is dict:
        return {name: _typed(item) for name, item in value.items()}
    if type(value) is list:
        return [_typed(item) for item in value]
    return TYPE_NAMES[type(value)]
