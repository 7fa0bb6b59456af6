from __future__ import annotations

from pathlib import Path

import pytest

from cloudlet import config
from cloudlet.app import App, DataInUse


def settings(data: Path) -> config.Settings:
    ports = {f"couchbase__{name}": 0 for name in ("kv_port", "management_port", "query_port")}
    return config.load(None, {}, port=0, data=data, **ports)


async def test_one_app_a_data_directory(tmp_path: Path) -> None:
    first, second = App(settings(tmp_path)), App(settings(tmp_path))
    await first.start()
    with pytest.raises(DataInUse):
        await second.start()
    await second.stop()
    await first.stop()
    await second.start()
    assert second.describe()["endpoint"].startswith("http://127.0.0.1:")
    await second.stop()


async def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    first = App(settings(tmp_path / "a"))
    await first.start()
    taken = config.load(None, {}, port=first.server.port, data=tmp_path / "b")
    second = App(taken)
    with pytest.raises(OSError, match="Address already in use"):
        await second.start()
    await second.stop()
    await first.stop()
    third = App(settings(tmp_path / "b"))
    await third.start()
    await third.stop()
