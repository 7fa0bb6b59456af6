"""Vector functions: distances by brute force, as without a vector index, and encodings."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from typing import Any, Final

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.functions.aggregates import total
from cloudlet.couchbase.sqlpp.functions.registry import ANY, ARRAY, TEXT, function, typed
from cloudlet.couchbase.sqlpp.values import MISSING, is_number, number

_BOOLEAN: Final = frozenset({bool})
_METRICS: Final = {
    "cosine": "cosine", "dot": "dot", "l2": "l2", "euclidean": "l2",
    "l2_squared": "l2_squared", "euclidean_squared": "l2_squared",
}  # fmt: skip


def _vector(value: Any) -> list[Any] | None:
    """The numbers of a vector, be it an array or Base64; None for anything else."""
    if type(value) is str:
        value = _decoded(value, big_endian=False)
    if type(value) is not list or not value or not all(map(is_number, value)):
        return None
    return value


def _distance(vector: Any, wanted: Any, metric: Any) -> Any:
    if vector is MISSING or wanted is MISSING or metric is MISSING:
        return MISSING
    name = _METRICS.get(metric.lower()) if type(metric) is str else None
    if name is None:
        raise errors.evaluation("VECTOR_DISTANCE()", f"invalid metric: {metric}")
    a, b = _vector(vector), _vector(wanted)
    if a is None or b is None or len(a) != len(b):
        return None
    if name == "dot":
        return number(-total([x * y for x, y in zip(a, b, strict=True)]))
    if name == "cosine":
        sizes = math.hypot(*a) * math.hypot(*b)
        if not sizes:
            return None
        return number(1 - total([x * y for x, y in zip(a, b, strict=True)]) / sizes)
    apart = [x - y for x, y in zip(a, b, strict=True)]
    squared = total([x * x for x in apart])
    return number(squared if name == "l2_squared" else math.sqrt(squared))


@function("vector_distance", "knn_distance")
def vector_distance(vector: Any, wanted: Any, metric: Any) -> Any:
    """The distance of two vectors by COSINE, DOT, L2 or L2_SQUARED; NULL where they do not fit."""
    return _distance(vector, wanted, metric)


@function("approx_vector_distance", "ann_distance")
def approx_vector_distance(
    vector: Any,
    wanted: Any,
    metric: Any,
    nprobes: Any = None,  # noqa: ARG001 - speaks to a vector index
    rerank: Any = None,  # noqa: ARG001
    top_n_scan: Any = None,  # noqa: ARG001
) -> Any:
    """VECTOR_DISTANCE: without a vector index the reference computes the exact one too."""
    return _distance(vector, wanted, metric)


@function("isvector")
def isvector(value: Any, dimension: Any, form: Any) -> Any:
    """Whether the value is an array of so many numbers; the format must be "float32"."""
    if value is MISSING or dimension is MISSING or form is MISSING:
        return MISSING
    if form != "float32":
        raise errors.evaluation("ISVECTOR()", f"invalid format: {form}")
    return type(value) is list and len(value) == dimension and all(map(is_number, value))


@function("normalize_vector", "normalise_vector", "vector_normalize", "vector_normalise")
@typed(ARRAY)
def normalize_vector(vector: list[Any]) -> Any:
    """The vector in its direction with the length 1."""
    found = _vector(vector)
    size = math.hypot(*found) if found is not None else 0
    return [number(x / size) for x in found] if found is not None and size else None


@function("encode_vector", "vector_encode")
@typed(ARRAY, _BOOLEAN)
def encode_vector(vector: list[Any], byte_order: bool = False) -> Any:
    """The vector's 32-bit floats in Base64, little-endian unless `byte_order` is true."""
    found = _vector(vector)
    if found is None:
        return None
    try:
        data = struct.pack(f"{'>' if byte_order else '<'}{len(found)}f", *found)
    except (OverflowError, struct.error):
        return None
    return base64.b64encode(data).decode()


@function("decode_vector", "vector_decode")
@typed(TEXT, ANY)
def decode_vector(text: str, byte_order: Any = False) -> Any:
    """What ENCODE_VECTOR made; NULL for anything else."""
    return _decoded(text, big_endian=byte_order is True)


def _decoded(text: str, *, big_endian: bool) -> list[Any] | None:
    try:
        data = base64.b64decode(text, validate=True)
        found = struct.unpack(f"{'>' if big_endian else '<'}{len(data) // 4}f", data)
    except (binascii.Error, ValueError, struct.error):
        return None
    return [number(one) for one in found]
