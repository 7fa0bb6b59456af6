from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench.red_team import ratios
from tests.compute.attacks import ATTACKS
from tests.needs import needs_namespaces, run_as

CHAOS = Path(__file__).parent / "chaos.py"
USER = 64_321  # nobody's
# A word of the answer: what an attack may end with.
HARMLESS = {"done", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory"}
FAILED = {
    "python": {"MemoryError", "OSError", "RuntimeError", "BrokenPipeError"},
    "node": {"Error", "RangeError", "TypeError", "ENOSPC", "EBADF"},
    "java": {"java.io.IOException", "java.lang.OutOfMemoryError"},
}
NEVER_DONE = ("fork bomb", "full tmp", "full stdout", "short lines", "20 GB", "threads")
PLACES = [
    pytest.param("root", "namespaces", marks=needs_namespaces),
    pytest.param("ordinary user", "namespaces", marks=needs_namespaces),
    ("ordinary user", "plain"),
]


def storm(family: str, identity: str, mode: str, *how: str) -> dict[str, Any]:
    """Run chaos.py, as whom and where it is asked for and possible."""
    if shutil.which({"python": sys.executable, "node": "node", "java": "javac"}[family]) is None:
        pytest.skip(f"no {family}")
    done = subprocess.run(
        [sys.executable, "-B", str(CHAOS), family, mode, *how],
        env={"PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        check=False,
        **run_as(identity, USER),
    )
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize("family", ATTACKS)
@pytest.mark.parametrize(("identity", "mode"), PLACES)
def test_the_server_and_other_functions_survive(family: str, identity: str, mode: str) -> None:
    found = storm(family, identity, mode, "together", "1.5")
    endings = found["endings"]
    assert {n: e for n, e in endings.items() if e not in HARMLESS | FAILED[family]} == {}
    assert {n: endings[n] for n in NEVER_DONE if endings[n] == "done"} == {}
    assert endings["garbage"] in ("Runtime.ExitError", "Sandbox.Timedout")
    assert len(found["meanwhile"]) > 5
    assert found["left behind"] == []


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("family", ATTACKS)
@pytest.mark.parametrize(("identity", "mode"), PLACES)
def test_a_neighbour_is_at_most_three_times_slower(family: str, identity: str, mode: str) -> None:
    found = storm(family, identity, mode, "in-turn", "1", "4")
    assert {n: r for n, r in ratios(found).items() if r > 3} == {}
    assert found["left behind"] == []
