"""Finding the method of a path, compiled once for each deployment.

Precedence as API Gateway documents it: exact parts before {parameters} before {greedy+} ones,
a verb's own method before ANY.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

from cloudlet.services.apigateway.model import Method, Resource, RestApi

#: Paths that a router remembers before it starts afresh, and their length.
_REMEMBERED, _SHORT = 1024, 200


@dataclass(frozen=True, slots=True)
class Match:
    """Where a request goes, with the path's parameters, decoded."""

    resource: Resource
    method: Method
    parameters: dict[str, str]


@dataclass(slots=True)
class _Node:
    exact: dict[str, _Node] = field(default_factory=dict)
    parameter: tuple[str, _Node] | None = None
    greedy: tuple[str, Resource] | None = None
    resource: Resource | None = None


class Router:
    """The routes of one deployment."""

    def __init__(self, api: RestApi) -> None:
        self._root = _Node()
        self._found: dict[tuple[str, str], Match | None] = {}
        for resource in api.resources.values():
            self._add(resource)

    def _add(self, resource: Resource) -> None:
        node = self._root
        for part in [part for part in resource.path.split("/") if part]:
            if part.endswith("+}"):
                if resource.methods:
                    node.greedy = (part[1:-2], resource)
                return
            if part.startswith("{"):
                if node.parameter is None:
                    node.parameter = (part[1:-1], _Node())
                node = node.parameter[1]
            else:
                node = node.exact.setdefault(part, _Node())
        node.resource = resource

    def match(self, verb: str, raw_path: str) -> Match | None:
        """The method for a still encoded path; None when the API has none there."""
        key = (verb, raw_path)
        if key in self._found:
            return self._found[key]
        found = self._search(verb, raw_path)
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        if len(raw_path) <= _SHORT:
            self._found[key] = found
        return found

    def _search(self, verb: str, raw_path: str) -> Match | None:
        parts = raw_path.strip("/").split("/") if raw_path.strip("/") else []
        return self._find(self._root, parts, 0, verb, {})

    def _find(
        self, node: _Node, parts: list[str], at: int, verb: str, parameters: dict[str, str]
    ) -> Match | None:
        if at == len(parts):
            return _pick(node.resource, verb, parameters)
        exact = node.exact.get(unquote(parts[at]))
        if exact is not None:
            found = self._find(exact, parts, at + 1, verb, parameters)
            if found is not None:
                return found
        if node.parameter is not None and parts[at]:
            name, below = node.parameter
            extended = {**parameters, name: unquote(parts[at])}
            found = self._find(below, parts, at + 1, verb, extended)
            if found is not None:
                return found
        if node.greedy is not None:
            name, resource = node.greedy
            rest = unquote("/".join(parts[at:]))
            return _pick(resource, verb, {**parameters, name: rest})
        return None


def _pick(resource: Resource | None, verb: str, parameters: dict[str, str]) -> Match | None:
    if resource is None:
        return None
    method = resource.methods.get(verb) or resource.methods.get("ANY")
    return None if method is None else Match(resource, method, parameters)
