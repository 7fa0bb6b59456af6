"""Type tests and conversions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp.functions.registry import function
from cloudlet.couchbase.sqlpp.values import MISSING, TYPE_NAMES, is_binary, is_number, number, truth

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def _test(*kinds: type) -> Callable[[Any], Any]:
    """MISSING and NULL stay what they are; otherwise whether the value is of such a type."""
    return lambda value: value if value is None or value is MISSING else type(value) in kinds


function("is_array", "isarray")(_test(list))
function("is_object", "isobject", "is_obj", "isobj")(_test(dict))
function("is_string", "isstring", "is_str", "isstr")(_test(str))
function("is_boolean", "isboolean", "is_bool", "isbool")(_test(bool))
function("is_number", "isnumber", "is_num", "isnum")(_test(int, float))
function("is_atom", "isatom")(_test(str, bool, int, float))
function("is_binary", "isbinary", "is_bin", "isbin")(
    lambda value: value if value is None or value is MISSING else is_binary(value)
)
function("type", "type_name", "typename")(lambda value: TYPE_NAMES[type(value)])


@function("to_array", "toarray")
def to_array(value: Any) -> Any:
    """Arrays stay, other values become arrays of one."""
    return value if value is MISSING or value is None or type(value) is list else [value]


@function("to_atom", "toatom")
def to_atom(value: Any) -> Any:
    """Scalars stay; an array or object of one item gives that item's atom; else NULL."""
    while type(value) in (list, dict):
        if len(value) != 1:
            return None
        value = value[0] if type(value) is list else next(iter(value.values()))
    return value


@function("to_boolean", "toboolean", "to_bool", "tobool")
def to_boolean(value: Any) -> Any:
    """The logical value."""
    return truth(value)


@function("to_number", "tonumber", "to_num", "tonum")
def to_number(value: Any, filler: Any = "") -> Any:
    """Numbers stay, false is 0, true is 1, numeric text is read; anything else is NULL.

    The characters of a second argument are taken out of the text first.
    """
    if value is MISSING or filler is MISSING:
        return MISSING
    if is_number(value):
        return value
    if type(value) is bool:
        return int(value)
    if type(value) is not str or type(filler) is not str:
        return None
    text = value.translate({ord(character): None for character in filler})
    if _NUMBER.fullmatch(text) is None:
        return None
    try:
        return number(int(text))
    except ValueError:
        return number(float(text))


@function("to_object", "toobject", "to_obj", "toobj")
def to_object(value: Any) -> Any:
    """Objects stay, other values become an empty object."""
    return value if value is MISSING or value is None or type(value) is dict else {}


@function("to_string", "tostring", "to_str", "tostr")
def to_string(value: Any) -> Any:
    """Text stays, false and true and numbers are written out; arrays and objects are NULL."""
    if value is MISSING or value is None or type(value) is str:
        return value
    if type(value) in (list, dict):
        return None
    plain = number(value) if type(value) is float else value
    return msgspec.json.encode(plain).decode()
