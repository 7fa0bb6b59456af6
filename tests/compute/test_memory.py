from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudlet.compute import kernel_files
from cloudlet.compute.corner import Corner
from cloudlet.compute.groups import find_root, remove_root
from cloudlet.compute.memory import CgroupMeter

MB = 1024 * 1024


def test_a_group_limits_measures_and_goes() -> None:
    root, reason = find_root(Corner())
    if root is None:
        pytest.skip(reason)
    meter = asyncio.run(CgroupMeter.make(root, "test"))
    try:
        meter.limit(32, 32)
        joins = list(meter.join)
        program = (
            f"import os\nfor fd in {joins}: os.write(fd, b'0')\n"
            "held = bytearray(b'x') * (256 << 20)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], pass_fds=joins, check=False)
        assert done.returncode == -9
        assert meter.ran_out()
        assert 32 * MB < meter.peak_bytes() <= 64 * MB
    finally:
        deadline = time.monotonic() + 2
        asyncio.run(meter.remove())
        remove_root(root)
        while root.memory.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
            remove_root(root)
    assert not root.memory.exists()
    assert not Path(root.memory, "test").exists()


def test_where_a_limit_is_refused_no_group_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    root, reason = find_root(Corner())
    if root is None:
        pytest.skip(reason)

    def refuse(path: Path, value: object) -> None:
        raise PermissionError(path, value)

    try:
        with monkeypatch.context() as patched:
            patched.setattr(kernel_files, "write", refuse)
            with pytest.raises(PermissionError):
                asyncio.run(CgroupMeter.make(root, "test"))
        assert [folder / "test" for folder in root.folders if (folder / "test").exists()] == []
    finally:
        remove_root(root)
