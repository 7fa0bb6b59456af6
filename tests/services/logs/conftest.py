"""The Logs service on real records, with a caller who is root and roles that have policies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.logs.world import World, build_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = build_world(tmp_path)
    yield made
    await made.state.stop()
    made.parts.records.close()
