from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudlet.compute import isolation

CHAOS = Path(__file__).parent / "chaos.py"
NOBODY = 65534
LEVEL = isolation.probe(
    namespaces=True,
    reachable=True,
    cgroups=False,
    pids=False,
    shares=False,
    cgroup_detail="",
    network=str,
)
# A word of the answer: what the attack may end with.
HARMLESS = {"done", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory"}
FAILED = {
    "python": {"MemoryError", "OSError", "RuntimeError", "BrokenPipeError"},
    "node": {"Error", "RangeError", "TypeError", "ENOSPC", "EBADF"},
}


def storm(family: str, identity: str, mode: str) -> dict[str, Any]:
    other: dict[str, Any] = {}
    if identity == "ordinary user" and os.geteuid() == 0:
        other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    elif identity == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    done = subprocess.run(
        [sys.executable, "-B", str(CHAOS), family, mode, "1.0"],
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        timeout=60,
        check=False,
        **other,
    )
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize("family", ["python", "node"])
@pytest.mark.parametrize(
    ("identity", "mode"),
    [
        ("root", "namespaces"),
        ("ordinary user", "namespaces"),
        # Nothing but the clock bounds a fork bomb there: it slows the whole machine down.
        pytest.param("ordinary user", "plain", marks=pytest.mark.soak),
    ],
)
def test_the_server_and_other_functions_survive(family: str, identity: str, mode: str) -> None:
    if mode == "namespaces" and not LEVEL.namespaces:
        pytest.skip("this machine refuses user namespaces")
    found = storm(family, identity, mode)
    endings = found["endings"]
    assert {n: e for n, e in endings.items() if e not in HARMLESS | FAILED[family]} == {}
    assert endings.get("fork bomb", "Sandbox.Timedout") != "done"
    assert endings["garbage"] in ("Runtime.ExitError", "Sandbox.Timedout")
    assert endings["20 GB"] != "done"
    assert len(found["meanwhile"]) > 5
