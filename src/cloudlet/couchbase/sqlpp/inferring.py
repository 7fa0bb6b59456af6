"""INFER: the shapes of a keyspace's documents, from a sample."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any, Final

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.keyspace import Keyspace
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.sorting import ordered
from cloudlet.couchbase.sqlpp.values import TYPE_NAMES, hash_key, scalar_sort_key

_SCHEMA: Final = "http://json-schema.org/draft-06/schema"
_DEFAULTS: Final[dict[str, Any]] = {
    "sample_size": 1000,
    "num_sample_values": 5,
    "similarity_metric": 0.6,
    "dictionary_threshold": 10,
    "array_sample_size": -1,
    "max_nesting_depth": -1,
    "infer_timeout": 60,
    "max_schema_MB": 10,
    "flags": [],
}
# A field with one value in all documents of a flavour, of at least so many, describes it.
_FLAVOUR_FIELDS: Final = 3


def checked_options(given: Any) -> dict[str, Any]:
    """The options with their defaults; 7000 for what is none."""
    if given is None:
        return dict(_DEFAULTS)
    if type(given) is not dict:
        raise errors.QueryError(7023, "INFER options must be an object", http=400)
    for name, value in given.items():
        if name not in _DEFAULTS:
            raise errors.QueryError(7000, f"Unrecognized INFER option {name}", http=400)
        numeric = type(value) in (int, float)
        if name != "flags" and not numeric:
            raise errors.QueryError(7001, f"INFER option {name} must be a number", http=400)
    if not 0 <= given.get("similarity_metric", 0.6) <= 1:
        raise errors.QueryError(7000, "similarity_metric must be between 0 and 1", http=400)
    return {**_DEFAULTS, **given}


class _Field:
    """What a sample says of one field."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.samples: dict[str, dict[Any, Any]] = {}
        self.shapes: list[_Shape] = []
        self.items: _Field | None = None
        self.least = self.most = -1


class _Shape:
    """The fields of documents or objects that are alike."""

    def __init__(self) -> None:
        self.documents = 0
        self.fields: dict[str, _Field] = {}

    def likeness(self, names: set[str]) -> float:
        """The share of names in common."""
        every = names | self.fields.keys()
        return len(names & self.fields.keys()) / len(every) if every else 1.0


class _Survey:
    """Collects a sample."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    def add(self, shapes: list[_Shape], value: dict[str, Any], depth: int) -> None:
        """Count an object in with those it is most like."""
        pause()
        names = set(value)
        best = max(shapes, key=lambda shape: shape.likeness(names), default=None)
        if best is None or best.likeness(names) < self._options["similarity_metric"]:
            best = _Shape()
            shapes.append(best)
        best.documents += 1
        for name, item in value.items():
            self._field(best.fields.setdefault(name, _Field()), item, depth)

    def _field(self, field: _Field, value: Any, depth: int) -> None:
        kind = TYPE_NAMES[type(value)]
        field.counts[kind] = field.counts.get(kind, 0) + 1
        samples = field.samples.setdefault(kind, {})
        if len(samples) < self._options["num_sample_values"]:
            samples.setdefault(hash_key(value), value)
        deepest = self._options["max_nesting_depth"]
        if 0 <= deepest <= depth + 1:
            return
        if kind == "object":
            self.add(field.shapes, value, depth + 1)
        elif kind == "array":
            size = len(value)
            field.least = size if field.least < 0 else min(field.least, size)
            field.most = max(field.most, size)
            limit = self._options["array_sample_size"]
            if field.items is None:
                field.items = _Field()
            for item in value[:limit] if limit >= 0 else value:
                self._field(field.items, item, depth + 1)


class _Report:
    """Describes what a survey found."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    def shape(self, shape: _Shape, *, top: bool) -> dict[str, Any]:
        """The schema of one flavour."""
        found: dict[str, Any] = {"#docs": shape.documents, "$schema": _SCHEMA}
        if top:
            found["Flavor"] = self._flavour(shape)
        found["properties"] = {
            name: self._field(shape.fields[name], shape.documents) for name in sorted(shape.fields)
        }
        found["type"] = "object"
        return found

    def _flavour(self, shape: _Shape) -> str:
        parts = []
        for name in sorted(shape.fields):
            field = shape.fields[name]
            values = [v for samples in field.samples.values() for v in samples.values()]
            if len(values) != 1 or sum(field.counts.values()) != shape.documents:
                continue
            value = values[0]
            if type(value) in (str, int, float, bool) and shape.documents > 1:
                shown = f'"{value}"' if type(value) is str else str(value).lower()
                parts.append(f"`{name}` = {shown}")
        return ", ".join(parts[:_FLAVOUR_FIELDS])

    def _field(self, field: _Field, total: int) -> dict[str, Any]:
        pause()
        kinds = sorted(field.counts)
        shares = [round(field.counts[kind] * 100 / total, 2) for kind in kinds]
        counts: Any = [field.counts[kind] for kind in kinds]
        samples: Any = [
            ordered(list(field.samples[kind].values()), scalar_sort_key) for kind in kinds
        ]
        found: dict[str, Any] = {
            "#docs": counts,
            "%docs": shares,
            "samples": samples,
            "type": kinds,
        }
        if len(kinds) == 1:
            found = {
                "#docs": counts[0],
                "%docs": shares[0],
                "samples": samples[0],
                "type": kinds[0],
            }
        if field.items is not None:
            found["minItems"], found["maxItems"] = field.least, field.most
            found["items"] = self._items(field.items)
        if field.shapes:
            found |= self._object(field.shapes)
        return found

    def _items(self, field: _Field) -> Any:
        total = sum(field.counts.values())
        if not total:
            return {}
        described = self._field(field, total)
        for name in ("%docs", "samples"):
            described.pop(name)
        return described

    def _object(self, shapes: list[_Shape]) -> dict[str, Any]:
        threshold = self._options["dictionary_threshold"]
        names = {name for shape in shapes for name in shape.fields}
        alike = {tuple(sorted(f.counts)) for shape in shapes for f in shape.fields.values()}
        if len(names) > threshold and len(alike) == 1:
            return {"properties": {}, "dictionary": True, "#keys": len(names)}
        merged = _Shape()
        for shape in shapes:
            merged.documents += shape.documents
            for name, field in shape.fields.items():
                merged.fields[name] = _merged(merged.fields.get(name), field)
        return {
            "properties": {
                name: self._field(merged.fields[name], merged.documents)
                for name in sorted(merged.fields)
            }
        }


def _merged(first: _Field | None, second: _Field) -> _Field:
    if first is None:
        return second
    for kind, count in second.counts.items():
        first.counts[kind] = first.counts.get(kind, 0) + count
        first.samples.setdefault(kind, {}).update(second.samples[kind])
    first.shapes.extend(second.shapes)
    first.items = second.items or first.items
    first.least = min((n for n in (first.least, second.least) if n >= 0), default=-1)
    first.most = max(first.most, second.most)
    return first


def documents_of(keyspace: Keyspace) -> Iterator[Iterable[Any]]:
    """A keyspace's documents in batches."""
    for batch in keyspace.scan():
        yield [value for value, _ in batch]


def inferred(batches: Iterable[Iterable[Any]], given: Any) -> Iterator[list[Any]]:
    """One row: the array of the schemas of all flavours; 7014 where there are no documents."""
    options = checked_options(given)
    size = max(1, int(options["sample_size"]))
    sample: list[Any] = []
    seen = 0
    chance = random.Random(size)  # noqa: S311  # the same sample of the same documents
    for batch in batches:
        for value in batch:
            if type(value) is not dict:
                continue
            seen += 1
            if len(sample) < size:
                sample.append(value)
            elif (place := chance.randrange(seen)) < size:
                sample[place] = value
        pause()
    if not sample:
        raise errors.QueryError(7014, "No documents found, unable to infer schema.", http=400)
    survey, report = _Survey(options), _Report(options)
    shapes: list[_Shape] = []
    for value in sample:
        survey.add(shapes, value, 0)
    shapes.sort(key=lambda shape: -shape.documents)
    yield [[report.shape(shape, top=True) for shape in shapes]]
