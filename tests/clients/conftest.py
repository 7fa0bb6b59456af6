"""One live server for all tests of a worker; tests keep apart by their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.live import Live


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    live = Live(tmp_path_factory.mktemp("cloudlet") / "data").start()
    yield live
    live.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Live]:
    """A server of the test's own, to restart, kill or reset; not started yet."""
    live = Live(tmp_path / "data")
    yield live
    live.kill()
