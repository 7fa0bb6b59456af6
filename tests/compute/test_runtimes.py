from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cloudlet.compute.errors import RuntimeUnavailable
from cloudlet.compute.runtimes import Runtimes, own_executable

OWN = f"python3.{sys.version_info.minor}"


async def test_the_interpreter_under_cloudlet_serves_its_own_version() -> None:
    runtime = await Runtimes().find(OWN)
    assert runtime.executable == own_executable()
    assert runtime.found == ".".join(map(str, sys.version_info[:3]))
    assert runtime.exact


async def test_a_missing_version_is_served_by_the_nearest_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cloudlet.compute.runtimes._candidates", lambda minor: [])
    runtimes = Runtimes()
    runtime = await runtimes.find("python3.9")
    assert (runtime.executable, runtime.exact) == (own_executable(), False)
    assert [known.identifier for known in runtimes.known()] == ["python3.9"]


async def test_versions_are_found_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "python3.8"
    values = '["3.8.99", "/x/bin/python3.8", "/x", "/x", "/x/lib/python3.8", "/x/lib/python3.8"]'
    fake.write_text(f"#!/bin/sh\necho '{values}'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    runtime = await Runtimes().find("python3.8")
    assert (runtime.found, runtime.exact) == ("3.8.99", True)
    assert runtime.stdlib[0] == "/x/lib/python38.zip"


async def test_no_node_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeUnavailable, match=r"nodejs20\.x needs Node\.js"):
        await Runtimes().find("nodejs20.x")


async def test_node_of_another_version_is_not_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "node"
    fake.write_text("#!/bin/sh\necho v20.1.2\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin")
    runtimes = Runtimes()
    assert (await runtimes.find("nodejs20.x")).exact
    assert not (await runtimes.find("nodejs22.x")).exact
