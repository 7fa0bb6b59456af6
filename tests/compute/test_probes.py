from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.compute.probes import COMMANDS
from tests.compute.test_redteam import PLACES
from tests.needs import LEVEL, needs_landlock, run_as

PROBES = Path(__file__).parent / "probes.py"

# Not the red team's user: the processes of its fork bomb would count as ours.
USER = 64_322


def probe(family: str, identity: str, mode: str) -> tuple[str, dict[str, Any]]:
    if shutil.which({"node": "node", "java": "javac"}[family]) is None:
        pytest.skip(f"no {family}")
    secret = "CLOUDLET-SECRET-" + os.urandom(16).hex()
    done = subprocess.run(
        [sys.executable, "-B", str(PROBES), family, mode],
        env={"SECRET": secret, "PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        check=False,
        **run_as(identity, USER),
    )
    assert done.returncode == 0, done.stderr.decode()
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["level"], answer["found"]


@needs_landlock
@pytest.mark.parametrize("family", ["node", "java"])
@pytest.mark.parametrize(("identity", "mode"), [*PLACES, ("root", "plain")])
def test_a_hostile_function_is_refused(family: str, identity: str, mode: str) -> None:
    level, found = probe(family, identity, mode)
    assert level == ("full" if mode == "namespaces" else "reduced")
    assert found.pop("secrets") == 0
    assert found.pop("child") == "hi\n"
    assert found.pop("tmp").startswith("done")
    assert found.pop("uid", 1) != 0 or identity == "root"
    assert len(found) > len(COMMANDS) + 15
    if mode == "plain" and not scoped():  # without a pid namespace Landlock alone hides signals
        found.pop("signal the server")
    found.pop("priority of the server", "")
    found.pop("write host file itself")  # that name in its own /tmp, see probes.py
    assert {n: e for n, e in found.items() if not e.startswith("refused")} == {}


def scoped() -> bool:
    details = {item.name: item.detail for item in LEVEL.items}
    return "scoped" in details["landlock"]
