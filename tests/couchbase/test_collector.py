"""The document server's collections stay short over many lasting objects, and cycles still go."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from cloudlet.couchbase.collector import Collector


@pytest.fixture(autouse=True)
def collector() -> Iterator[Collector]:
    thresholds = gc.get_threshold()
    found = Collector()
    found.install()
    yield found
    found.remove()
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_lasting_objects_are_set_aside() -> None:
    before = gc.get_freeze_count()
    rows = [[{"n": n}] for n in range(200_000)]
    assert gc.get_freeze_count() - before > len(rows) // 2


def test_cycles_of_ordinary_work_are_collected() -> None:
    class Request:
        def __init__(self) -> None:
            self.self = self

    first = weakref.ref(Request())
    for _ in range(5_000 * 30):
        [Request()]
        if first() is None:
            return
    raise AssertionError("a cycle lived on")
