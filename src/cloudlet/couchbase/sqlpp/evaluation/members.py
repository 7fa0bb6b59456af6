"""What a long array holds, kept while one run asks about the same array again and again."""

from __future__ import annotations

from typing import Any, Final

from cloudlet.couchbase.sqlpp.pausing import paced
from cloudlet.couchbase.sqlpp.tables import Seen
from cloudlet.couchbase.sqlpp.values import MISSING

#: Shorter arrays are searched from their start.
LONG: Final = 64
SCALARS: Final = frozenset({str, int, float, bool})


class Members:
    """An array's scalars as a set, made when it is asked about for the second time."""

    __slots__ = ("_known", "_unknown", "items")

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self._known: Seen | None = None
        self._unknown = False

    def hold(self, value: Any) -> bool | None:
        """Whether a scalar is among them; None (NULL) where it is not, but something unknown is."""
        known = self._known
        if known is None:
            known = Seen()
            for item in paced(self.items, 256):
                if item is None or item is MISSING:
                    self._unknown = True
                elif type(item) in SCALARS:
                    known.add((item,) if type(item) is bool else item)
            self._known = known
        if ((value,) if type(value) is bool else value) in known:
            return True
        return None if self._unknown else False


def members(context: Any, place: int, items: list[Any]) -> Members | None:
    """The array's members where the same place in a statement asked about it before."""
    kept: dict[int, Members] | None = getattr(context, "members", None)
    if kept is None:
        return None
    found = kept.get(place)
    if found is not None and found.items is items:
        return found
    kept[place] = Members(items)
    return None
