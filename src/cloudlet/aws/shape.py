"""The base of the structs that are generated from AWS's service models."""

from __future__ import annotations

from typing import Any

import msgspec

#: Seconds since the epoch; the codec renders the format that each protocol wants.
Timestamp = float


class Shape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=False):
    """A structure of a service model: immutable, absent members are None."""

    def replace(self, **changes: Any) -> Any:
        """A copy with `changes`."""
        return msgspec.structs.replace(self, **changes)
