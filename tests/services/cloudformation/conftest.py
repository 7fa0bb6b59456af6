from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.cloudformation.fakes import Setup, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def cfn(tmp_path: Path, world: World) -> AsyncIterator[Setup]:
    setup = Setup(tmp_path, world)
    yield setup
    await setup.stop()
