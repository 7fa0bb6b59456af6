"""The table of scalar functions and the rules most of them share.

The shared rule of the reference: an argument that is MISSING makes the result MISSING, one of
another type makes it NULL.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp.pausing import dissolve, is_long
from cloudlet.couchbase.sqlpp.values import MISSING

Run = Callable[..., Any]

TEXT: Final = frozenset({str})
NUMBER: Final = frozenset({int, float})
ARRAY: Final = frozenset({list})
OBJECT: Final = frozenset({dict})
ANY: Final[frozenset[type]] = frozenset({str, int, float, list, dict, bool, type(None)})

# More than this many elements or characters is out of range for a generating function.
GENERATED_LIMIT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function: how it runs and how many arguments it takes (most None: any number)."""

    name: str
    run: Run
    least: int
    most: int | None
    wants_context: bool

    def check(self, call: tree.Call) -> None:
        """3000 where the number of arguments is wrong."""
        count = len(call.arguments)
        if self.least <= count and (self.most is None or count <= self.most):
            return
        if self.most is None:
            wanted = f"at least {self.least}"
        elif self.most == self.least:
            wanted = str(self.least)
        else:
            wanted = f"between {self.least} and {self.most}"
        raise errors.syntax(
            f"Number of arguments to function {self.name.upper()}{errors.near(call.at)} "
            f"must be {wanted}."
        )


FUNCTIONS: Final[dict[str, Function]] = {}


def function(*names: str, context: bool = False) -> Callable[[Run], Run]:
    """Register a function under its names; the signature says how many arguments it takes."""

    def register(run: Run) -> Run:
        parameters = list(inspect.signature(run).parameters.values())[1 if context else 0 :]
        least = sum(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in parameters)
        most = None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(parameters)
        for name in names:
            FUNCTIONS[name] = Function(name, run, least, most, context)
        return run

    return register


def typed(*kinds: frozenset[type]) -> Callable[[Run], Run]:
    """Apply the shared rule: MISSING first, then NULL for a value of another type.

    The last kind serves for all further arguments.
    """

    def wrap(run: Run) -> Run:
        if len(kinds) == 1 and len(inspect.signature(run).parameters) == 1:
            only = kinds[0]

            def one(value: Any) -> Any:
                if type(value) not in only:
                    return MISSING if value is MISSING else None
                found = run(value)
                if found is not value and is_long(value):
                    held = [value]
                    del value
                    dissolve(held)
                return found

            return _described(one, run)

        def many(*values: Any) -> Any:
            fits = True
            for place, value in enumerate(values):
                if value is MISSING:
                    return MISSING
                kind = kinds[place] if place < len(kinds) else kinds[-1]
                fits = fits and type(value) in kind
            return run(*values) if fits else None

        return _described(many, run)

    return wrap


def _described(wrapped: Run, run: Run) -> Run:
    """The wrapper with the signature and the description of what it wraps."""
    wrapped.__signature__ = inspect.signature(run)  # type: ignore[attr-defined]
    wrapped.__doc__, wrapped.__module__ = run.__doc__, run.__module__
    return wrapped


def whole(value: Any) -> int | None:
    """A number that is whole, as int; None for any other."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    return None


def out_of_range(name: str) -> errors.QueryError:
    """5035: a generating function asked for too much."""
    return errors.QueryError(5035, f"Out of range evaluating {name}().", http=500)
