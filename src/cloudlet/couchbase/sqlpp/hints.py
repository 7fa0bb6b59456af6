"""Optimizer hints: what a hint comment or a USE clause asks the planner for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

#: Hints on a keyspace's indexes, and on how a join meets its right side.
INDEX_HINTS: Final = frozenset({"INDEX", "NO_INDEX", "AVOID_INDEX", "INDEX_ALL"})
TEXT_HINTS: Final = frozenset({"INDEX_FTS", "NO_INDEX_FTS", "AVOID_INDEX_FTS"})
JOIN_HINTS: Final = frozenset(
    {"USE_NL", "USE_HASH", "NO_USE_NL", "AVOID_NL", "NO_USE_HASH", "AVOID_HASH"}
)
ALIASES: Final = {"INDEX_COMBINE": "INDEX_ALL"}


@dataclass(frozen=True, slots=True)
class Hint:
    """One hint on one keyspace; `invalid` says why what was written is none.

    An invalid hint has its written text for its name. `derived` ones come from a USE clause.
    """

    name: str
    keyspace: str = ""
    indexes: tuple[str, ...] = ()
    option: str = ""  # of USE_HASH: "BUILD", "PROBE" or none
    invalid: str = ""
    derived: bool = False
    json: bool = False

    def text(self) -> str:
        """The hint as EXPLAIN shows it."""
        if self.invalid or self.name == "ORDERED":
            return '{"ordered":true}' if self.json and not self.invalid else self.name
        if not self.json:
            option = f"/{self.option}" if self.option else ""
            return f"{self.name}({' '.join([self.keyspace + option, *self.indexes])})"
        shown: dict[str, Any] = {"keyspace": self.keyspace}
        if self.indexes:
            shown["indexes"] = list(self.indexes)
        if self.option:
            shown["option"] = self.option.lower()
        return msgspec.json.encode({self.name.lower(): shown}, order="deterministic").decode()
