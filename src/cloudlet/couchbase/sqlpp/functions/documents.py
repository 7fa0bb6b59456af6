"""Functions about documents and the server: JSON, Base64, UUID, versions."""

from __future__ import annotations

import base64
import binascii
import uuid
from typing import Any

import msgspec

from cloudlet.couchbase.sqlpp.functions.registry import TEXT, function, typed
from cloudlet.couchbase.sqlpp.values import MISSING

function("uuid")(lambda: str(uuid.uuid4()))
function("version")(lambda: "7.6.0-N1QL")
function("min_version")(lambda: "7.6.0-N1QL")
function("ds_version")(lambda: "7.6.0-0000-enterprise")


@function("encode_json", "json_encode")
def encode_json(value: Any) -> Any:
    """The value as JSON text."""
    return MISSING if value is MISSING else msgspec.json.encode(value).decode()


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
    return MISSING if value is MISSING else len(msgspec.json.encode(value))


@function("poly_length")
def poly_length(value: Any) -> Any:
    """The length of a text, array or object; NULL for other types."""
    if value is MISSING:
        return MISSING
    if type(value) is str:
        return len(value.encode())
    return len(value) if type(value) in (list, dict) else None


@function("base64", "base64_encode")
def base64_encode(value: Any) -> Any:
    """The Base64 of the value's JSON."""
    if value is MISSING:
        return MISSING
    return base64.b64encode(msgspec.json.encode(value)).decode()


@function("base64_decode")
@typed(TEXT)
def base64_decode(text: str) -> Any:
    """The value whose JSON is encoded; NULL for text that is not Base64 of JSON."""
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        return None
