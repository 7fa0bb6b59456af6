"""Which operation a REST request is for: a tree of the models' path templates, built once.

It works on the path as it came over the wire, so that keys with `//`, `%2F`, `+` or dots survive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_to_bytes

from cloudlet.aws.http import Headers
from cloudlet.aws.model import OperationModel, ServiceModel


@dataclass(frozen=True, slots=True)
class Candidate:
    """An operation at the end of a path, and what it asks of the query string and headers.

    `fixed` stands in its template (a value of "" asks only for presence); `query` and `headers`
    are its required members, which tell operations of one template apart (UploadPart, PutObject).
    """

    operation: OperationModel
    labels: tuple[str, ...]
    fixed: tuple[tuple[str, str], ...]
    query: tuple[str, ...]
    headers: tuple[str, ...]

    def is_meant(self, query: dict[str, str]) -> bool:
        """Whether the fixed part of the query string is there."""
        return all(
            name in query and (not value or query[name] == value) for name, value in self.fixed
        )

    def is_complete(self, query: dict[str, str], headers: Headers) -> bool:
        """Whether the required members of the query string and headers are there, too."""
        return all(name in query for name in self.query) and all(n in headers for n in self.headers)


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    label: _Node | None = None
    greedy: list[Candidate] = field(default_factory=list)
    here: list[Candidate] = field(default_factory=list)


class Routes:
    """The routes of one service's operations."""

    def __init__(self, model: ServiceModel) -> None:
        self._roots: dict[str, _Node] = {}
        for operation in model.operations.values():
            self._add(model, operation)
        for root in self._roots.values():
            _sort(root)

    def find(
        self, method: str, raw_path: str, query: list[tuple[str, str]], headers: Headers
    ) -> tuple[OperationModel, dict[str, str]] | None:
        """The operation and its path labels, decoded; None if there is none.

        Raises `ValueError` for a label that is not UTF-8.
        """
        root = self._roots.get(method)
        if root is None:
            return None
        given: dict[str, str] = {}
        for name, value in query:
            given.setdefault(name, value)
        segments = raw_path[1:].split("/")
        return _walk(root, segments, 0, (), given, headers)

    def methods(self, raw_path: str, headers: Headers) -> list[str]:
        """The methods that some operation on this path has."""
        return [m for m in self._roots if self.find(m, raw_path, [], headers) is not None]

    def _add(self, model: ServiceModel, operation: OperationModel) -> None:
        path, _, fixed = operation.uri.partition("?")
        node = self._roots.setdefault(operation.method, _Node())
        labels: list[str] = []
        greedy = False
        for segment in path.strip("/").split("/") if path.strip("/") else []:
            if not segment.startswith("{"):
                if "{" in segment:
                    raise RuntimeError(f"{model.name}: cannot route {operation.uri}")
                node = node.literals.setdefault(segment, _Node())
                continue
            name = segment.strip("{}")
            greedy = name.endswith("+")
            labels.append(name.rstrip("+"))
            if not greedy:
                if node.label is None:
                    node.label = _Node()
                node = node.label
        shape = model.shape(operation.input) if operation.input else None
        required = (
            [shape.members[name] | {"name": name} for name in shape.required] if shape else []
        )
        candidate = Candidate(
            operation,
            tuple(labels),
            tuple(parse_qsl(fixed, keep_blank_values=True)),
            tuple(_names(required, "querystring")),
            tuple(name.lower() for name in _names(required, "header")),
        )
        (node.greedy if greedy else node.here).append(candidate)


def _names(members: list[dict[str, str]], location: str) -> list[str]:
    return [m.get("locationName", m["name"]) for m in members if m.get("location") == location]


def _sort(node: _Node) -> None:
    """The most particular candidates first, deprecated ones last."""
    for candidates in (node.here, node.greedy):
        candidates.sort(
            key=lambda c: (
                -len(c.fixed),
                -len(c.query) - len(c.headers),
                bool(c.operation.spec.get("deprecated")),
                c.operation.name,
            )
        )
    for child in [*node.literals.values(), *([node.label] if node.label else [])]:
        _sort(child)


def _walk(
    node: _Node,
    segments: list[str],
    at: int,
    labels: tuple[str, ...],
    query: dict[str, str],
    headers: Headers,
) -> tuple[OperationModel, dict[str, str]] | None:
    left = len(segments) - at
    if left == 0 or (left == 1 and not segments[at]):
        chosen = _choose(node.here, query, headers)
        return None if chosen is None else (chosen.operation, _decode(chosen, labels))
    segment = segments[at]
    literal = node.literals.get(segment)
    if literal is not None:
        found = _walk(literal, segments, at + 1, labels, query, headers)
        if found is not None:
            return found
    if node.greedy:
        chosen = _choose(node.greedy, query, headers)
        if chosen is not None:
            return chosen.operation, _decode(chosen, (*labels, "/".join(segments[at:])))
    if node.label is not None and segment:
        return _walk(node.label, segments, at + 1, (*labels, segment), query, headers)
    return None


def _choose(
    candidates: list[Candidate], query: dict[str, str], headers: Headers
) -> Candidate | None:
    meant = [c for c in candidates if c.is_meant(query)]
    if not meant:
        return None
    # The SDKs name the operation in x-id; it only decides between operations that both fit.
    hint = query.get("x-id")
    complete = [c for c in meant if c.is_complete(query, headers)]
    return next((c for c in complete if c.operation.name == hint), (complete or meant)[0])


def _decode(candidate: Candidate, labels: tuple[str, ...]) -> dict[str, str]:
    return {
        name: (unquote_to_bytes(value).decode() if "%" in value else value)
        for name, value in zip(candidate.labels, labels, strict=True)
    }
