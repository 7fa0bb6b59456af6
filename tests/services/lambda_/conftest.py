"""The fixture of Lambda's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.lambda_.world import World, build_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = build_world(tmp_path)
    await made.state.start()
    yield made
    await made.state.stop()
    made.parts.records.close()
