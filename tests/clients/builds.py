"""Client programs in other languages, built once for each content outside the checkout."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.clients.live import clean_environment

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cloudlet/test-builds"

#: The first build of a program fetches its packages.
BUILD_S = 900


def built(source: Path, tools: Sequence[str], *commands: Sequence[str]) -> Path:
    """The folder where `source` was built by `commands`; skips where a tool is missing."""
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{source.name} needs {tool}, which is not on this machine")
    target = CACHE / f"{source.name}-{_digest(source, commands)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{source.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / ".built").exists():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
            for command in commands:
                done = subprocess.run(
                    command,
                    cwd=target,
                    env=clean_environment(),
                    capture_output=True,
                    text=True,
                    timeout=BUILD_S,
                    check=False,
                )
                assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
            (target / ".built").touch()
            for old in CACHE.glob(f"{source.name}-*"):
                if old != target:
                    shutil.rmtree(old, ignore_errors=True)
    return target


def _digest(source: Path, commands: Sequence[Sequence[str]]) -> str:
    digest = hashlib.sha256(repr(commands).encode())
    for path in sorted(source.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(source)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
