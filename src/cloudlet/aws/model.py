"""AWS's service models: operations and shapes, loaded from the stripped files."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from types import ModuleType
from typing import Any

import msgspec

#: Services whose module of structs cannot have their own name.
MODULES = {"lambda": "lambda_"}


@dataclass(frozen=True)
class Shape:
    """A shape of a model: `spec` is its entry in the model's file."""

    name: str
    spec: dict[str, Any]

    @property
    def type(self) -> str:
        """`structure`, `list`, `map`, or a scalar's type."""
        return str(self.spec["type"])

    @property
    def members(self) -> dict[str, dict[str, Any]]:
        """A structure's members: the reference (shape, location, locationName, ...) by name."""
        found: dict[str, dict[str, Any]] = self.spec.get("members", {})
        return found

    @property
    def required(self) -> list[str]:
        """The names of a structure's required members."""
        found: list[str] = self.spec.get("required", [])
        return found

    @property
    def payload(self) -> str | None:
        """The member that is the whole HTTP body, if there is one."""
        return self.spec.get("payload")


@dataclass(frozen=True)
class OperationModel:
    """One operation of a model."""

    name: str
    spec: dict[str, Any]
    method: str
    uri: str  # with its {Labels}, and its fixed query string
    status: int
    input: str | None  # shape names
    output: str | None
    errors: tuple[str, ...]

    @property
    def unsigned(self) -> bool:
        """Whether the model says that the operation takes no signature."""
        return self.spec.get("authtype") == "none"


class ServiceModel:
    """One service's model."""

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self.name = name
        self.metadata: dict[str, Any] = document["metadata"]
        self._shapes: dict[str, Any] = document["shapes"]
        self._operations: dict[str, Any] = document["operations"]
        self._cache: dict[str, Shape] = {}

    @staticmethod
    @cache
    def load(name: str) -> ServiceModel:
        """The model of `name` (`lambda`), read once; `FileNotFoundError` if there is none."""
        path = files("cloudlet.aws.models").joinpath(f"{name}.json")
        return ServiceModel(name, msgspec.json.decode(path.read_bytes()))

    @property
    def protocol(self) -> str:
        """`query`, `json`, `rest-json` or `rest-xml`."""
        return str(self.metadata["protocol"])

    @cached_property
    def types(self) -> ModuleType:
        """The module of structs generated for this service."""
        return importlib.import_module(
            f"cloudlet.aws.models.{MODULES.get(self.name, self.name.replace('-', '_'))}"
        )

    @cached_property
    def operations(self) -> dict[str, OperationModel]:
        """Every operation of the model, implemented or not."""
        return {name: _operation(name, spec) for name, spec in self._operations.items()}

    def shape(self, name: str) -> Shape:
        """The shape of that name."""
        shape = self._cache.get(name)
        if shape is None:
            shape = self._cache[name] = Shape(name, self._shapes[name])
        return shape

    def exceptions(self) -> list[Shape]:
        """The shapes of the errors that the model knows."""
        return [self.shape(name) for name, spec in self._shapes.items() if spec.get("exception")]


def _operation(name: str, spec: dict[str, Any]) -> OperationModel:
    http = spec.get("http", {})
    return OperationModel(
        name=name,
        spec=spec,
        method=http.get("method", "POST"),
        uri=http.get("requestUri", "/"),
        status=int(http.get("responseCode", 200)),
        input=spec.get("input", {}).get("shape"),
        output=spec.get("output", {}).get("shape"),
        errors=tuple(error["shape"] for error in spec.get("errors", ())),
    )
