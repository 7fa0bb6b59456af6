"""Functions about documents and the server: JSON, Base64, UUID, versions."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.encoding import base64_text, encoded_value
from cloudlet.couchbase.sqlpp.error_codes import CODES, details
from cloudlet.couchbase.sqlpp.functions.registry import TEXT, function, typed
from cloudlet.couchbase.sqlpp.functions.regular_expressions import compiled
from cloudlet.couchbase.sqlpp.patterns import like_matcher
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING

function("uuid")(lambda: str(uuid.uuid4()))
function("node_name")(lambda: "127.0.0.1:8091")
function("current_users", context=True)(
    lambda context: [f"local:{context.user}"] if context is not None and context.user else []
)
function("version")(lambda: "7.6.0-N1QL")
function("min_version")(lambda: "7.6.0-N1QL")
function("ds_version")(lambda: "7.6.0-0000-enterprise")


@function("encode_json", "json_encode")
def encode_json(value: Any) -> Any:
    """The value as JSON text."""
    return MISSING if value is MISSING else encoded_value(value).decode()


@function("decode_json", "json_decode")
@typed(TEXT)
def decode_json(text: str) -> Any:
    """The value that JSON text describes; MISSING for an empty text, NULL for bad JSON."""
    if not text:
        return MISSING
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


@function("encoded_size")
def encoded_size(value: Any) -> Any:
    """How many bytes the value's JSON takes."""
    return MISSING if value is MISSING else len(encoded_value(value))


@function("poly_length")
def poly_length(value: Any) -> Any:
    """The length of a text, array or object; NULL for other types."""
    if value is MISSING:
        return MISSING
    if type(value) is str:
        return len(value.encode())
    return len(value) if type(value) in (list, dict) else None


@function("base64", "base64_encode", "encode_base64")
def base64_encode(value: Any) -> Any:
    """The Base64 of the value's JSON."""
    if value is MISSING:
        return MISSING
    return base64_text(encoded_value(value))


@function("base64_decode", "decode_base64")
@typed(TEXT)
def base64_decode(text: str) -> Any:
    """The value whose JSON is encoded; NULL for text that is not Base64 of JSON."""
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        return None


@function("len")
def length(value: Any) -> Any:
    """The characters of a text or number, the items of an array or object; 1 for a boolean."""
    if value is MISSING or value is None:
        return value
    if type(value) is bool:
        return 1
    return len(value) if type(value) in (str, list, dict) else len(msgspec.json.encode(value))


@function("abort")
def abort(value: Any) -> Any:
    """Ends the statement with error 5011."""
    text = "" if value is MISSING else msgspec.json.encode(value).decode()
    raise errors.QueryError(
        5011, f"Abort: {text}. - cause: {text}", http=500, reason={"abort": value or None}
    )


@function("pairs")
def pairs(value: Any) -> Any:
    """Every [name, scalar] of an object and what is in it, arrays item by item."""
    return MISSING if value is MISSING else list(_pairs(value))


def _pairs(value: Any) -> Iterator[list[Any]]:
    pause()
    if type(value) is list:
        for item in value:
            yield from _pairs(item)
    elif type(value) is dict:
        for name in sorted(value):
            inner = value[name]
            for item in inner if type(inner) is list else [inner]:
                yield [name, item]
            yield from _pairs(inner)


@function("successor")
def successor(value: Any) -> Any:
    """The least value that is greater, of the simple types."""
    if value is MISSING:
        return None
    if value is None:
        return False
    if type(value) is bool:
        return True if not value else -(2**63)
    if type(value) is str:
        return value + "\0"
    if type(value) in (int, float):
        return value + 1
    return [*value, None] if type(value) is list else {**value, "": None}


@function("redact")
def redact(value: Any, *_options: Any) -> Any:
    """The value with every text and number hidden, its shape kept."""
    pause()
    if type(value) is dict:
        return {name: redact(item) for name, item in value.items()}
    if type(value) is list:
        return [redact(item) for item in value]
    if type(value) is str:
        return "x" * len(value)
    return 0 if type(value) in (int, float) else value


@function("finderr")
def finderr(wanted: Any) -> Any:
    """The errors of a code, or those whose description a regular expression matches."""
    if wanted is MISSING:
        return MISSING
    if type(wanted) is int:
        return [details(wanted)] if wanted in CODES else []
    if type(wanted) is not str:
        return None
    matches = compiled(wanted)
    return [details(code) for code, one in CODES.items() if matches.search(one.description)]


#: What EXTRACTDDL gives, by its flags' names and numbers.
_DDL: Final = {"bucket": 1, "scope": 2, "collection": 4, "index": 8, "sequence": 16}


@function("extractddl", context=True)
def extractddl(context: Any, pattern: Any, options: Any = None) -> Any:
    """The statements that make the scopes, collections, indexes and sequences of the buckets
    whose names are like the pattern; the option `flags` says which. Buckets are not made by
    statements here."""
    if pattern is MISSING or options is MISSING:
        return MISSING
    flags = options.get("flags", 31) if type(options) is dict else 31
    if type(flags) is list:
        flags = sum(_DDL.get(flag, 0) for flag in flags if type(flag) is str)
    if type(pattern) is not str or type(flags) is not int:
        return None
    return list(context.catalog.ddl(like_matcher(pattern, "\\") if pattern else None, flags))
