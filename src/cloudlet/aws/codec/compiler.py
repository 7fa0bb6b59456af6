"""The compilation of shapes into closures, shared by every protocol's readers and writers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from cloudlet.aws.model import ServiceModel, Shape

C = TypeVar("C", bound=Callable[..., Any])


class Compiler(Generic[C]):
    """Compiles each shape of a model once, at its first use; shapes may be recursive."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._compiled: dict[str, C] = {}

    def of(self, name: str) -> C:
        """The closure for the shape of that name."""
        found = self._compiled.get(name)
        if found is None:
            self._compiled[name] = self._later(name)
            found = self._compiled[name] = self.compile(self.model.shape(name))
        return found

    def compile(self, shape: Shape) -> C:
        """Make the closure for `shape`."""
        raise NotImplementedError

    def _later(self, name: str) -> C:
        # What a recursive shape gets of itself while it is being compiled.
        def later(*arguments: Any) -> Any:
            return self._compiled[name](*arguments)

        return later  # type: ignore[return-value]
