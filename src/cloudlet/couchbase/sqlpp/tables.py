"""Sets and tables in parts, for any number of keys: one large one stops the loop when it grows."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

#: A key is in the part `hash(key) & PART`.
PART: Final = 63

_T = TypeVar("_T")


class Seen:
    """A set of keys."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[set[Any]] = [set() for _ in range(PART + 1)]

    def add(self, key: Any) -> bool:
        """Whether the key is new; it is in the set from now on."""
        part = self.parts[hash(key) & PART]
        if key in part:
            return False
        part.add(key)
        return True

    def __contains__(self, key: Any) -> bool:
        return key in self.parts[hash(key) & PART]


class Table(Generic[_T]):
    """Values by keys, without an order."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[dict[Any, _T]] = [{} for _ in range(PART + 1)]
