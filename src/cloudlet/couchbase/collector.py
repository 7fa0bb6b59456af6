"""When Python's cycle collector runs in the document server, so that it never stops the loop long.

A collection looks at every object of its generation: over a cache of documents, or over the rows
that a query holds, that takes tens to hundreds of milliseconds. Documents and rows make no cycles,
so once many objects have lived through young collections they are set aside for good; what dies
later is freed by its reference count as always. Requests leave no cycles behind either, but for
rare ones: while there are few objects, as between queries, the older generations are collected as
usual.
"""

from __future__ import annotations

import gc
from time import perf_counter
from typing import Any, Final

#: New objects between two young collections: about a millisecond's worth.
_YOUNG: Final = 5_000
_MIDDLE: Final = 20
_OLD: Final = 10

#: What collecting an older generation may take, about, before its objects are set aside instead.
_LIMIT_S: Final = 0.002
_LONG: Final = 8192

_watching = False


def set_aside(made: list[Any]) -> None:
    """To be called when a list has been made in one go: where it is long, the next collection
    would stop at each of its items. Everything is set aside with it."""
    if _watching and len(made) > _LONG:
        gc.freeze()


class Collector:
    """Watches the collections; `install` once at a process's start."""

    def __init__(self) -> None:
        self._began = 0.0
        #: What the collection of the middle and of the old generation would take, about.
        self._middle_s = 0.0
        self._old_s = 0.0

    def install(self) -> None:
        """Set the thresholds and watch; what is there by now stays for good."""
        global _watching
        _watching = True
        gc.freeze()
        gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
        gc.callbacks.append(self.seen)

    def remove(self) -> None:
        """Watch no longer."""
        global _watching
        _watching = False
        gc.callbacks.remove(self.seen)

    def seen(self, phase: str, details: dict[str, Any]) -> None:
        """Called by Python before and after each collection."""
        if phase == "start":
            self._began = perf_counter()
            return
        took = perf_counter() - self._began
        generation = details["generation"]
        if generation == 0:
            self._middle_s += took
        elif generation == 1:
            self._old_s, self._middle_s = self._old_s + took, 0.0
        else:
            self._old_s = self._middle_s = 0.0
        if self._middle_s > _LIMIT_S or self._old_s > _LIMIT_S:
            gc.freeze()
            self._old_s = self._middle_s = 0.0
