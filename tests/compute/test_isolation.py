from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from tests.needs import LEVEL, needs_landlock, needs_namespaces, run_as

from cloudlet.compute import isolation

REDTEAM = Path(__file__).parent / "redteam.py"
NOBODY = 65534

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of system calls")


def attack(identity: str, mode: str) -> dict[str, Any]:
    """Run the red team's server; as nobody where asked for and possible."""
    done = subprocess.run(
        [sys.executable, "-B", str(REDTEAM), mode],
        env={"SECRET": "CLOUDLET-SECRET-" + os.urandom(16).hex(), "PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        timeout=60,
        check=False,
        **run_as(identity, NOBODY),
    )
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


REFUSED = [
    "shadow", "server memory", "server environment", "parent memory", "other code", "store",
    "host tmp", "home of root", "mount", "umount", "unshare", "clone", "clone3", "chroot",
    "setns", "setuid", "ptrace", "bpf", "keyring", "packet", "vsock", "write usr", "write code",
    "write etc", "write root", "core pattern", "sysrq", "sys",
]  # fmt: skip


@needs_namespaces
@pytest.mark.parametrize("identity", ["root", "ordinary user"])
def test_a_hostile_function_is_refused_with_namespaces(identity: str) -> None:
    found = attack(identity, "namespaces")
    assert found["level"] == "full"
    assert found["template"] == "ready"
    assert sorted(found["origins"]) == ["template", "zygote"]
    assert found["import"]["pid"] == 3
    for probe, pids in (
        (found["probe"], [1]), (found["forked probe"], [1, 2]), (found["import"]["found"], [1, 3]),
    ):  # fmt: skip
        allowed = {name: probe[name] for name in REFUSED if not probe[name].startswith("refused: ")}
        assert allowed == {}
        assert probe["uid"] == 993
        assert probe["pids"] == f"done: {pids}"
        assert probe["tmp"] == "done: []"
        assert probe["secrets in environments"] == 0
        assert probe["secrets in own memory"] == "done: 0"
        assert probe["kill server"].startswith("refused")
        if re.search(r"scoped", str(LEVEL.items)):
            assert probe["abstract socket"].startswith("refused")
        assert probe["subprocess"] == "done: b'hi\\n'"
        assert probe["own tmp"].startswith("done")
    assert found["timed out"] == "Sandbox.Timedout"
    assert found["outlived"] == 0
    assert found["greedy"]["errorType"] in ("Runtime.OutOfMemory", "MemoryError")


@needs_landlock
@pytest.mark.parametrize("identity", ["root", "ordinary user"])
def test_a_hostile_function_is_refused_without_namespaces(identity: str) -> None:
    found = attack(identity, "plain")
    probe = found["probe"]
    assert found["level"] == "reduced"
    allowed = {name: probe[name] for name in REFUSED if not probe[name].startswith("refused: ")}
    assert allowed == {}
    assert probe["secrets in environments"] == 0
    assert probe["tmp"].startswith("refused")
    assert probe["own tmp"].startswith("done")
    assert probe["subprocess"] == "done: b'hi\\n'"
    assert found["timed out"] == "Sandbox.Timedout"
    assert found["outlived"] == 0
    assert found["greedy"]["errorType"] in ("Runtime.OutOfMemory", "MemoryError")


def test_the_level_says_what_is_switched_off() -> None:
    level = isolation.probe(
        namespaces=False,
        reachable=False,
        cgroups=False,
        pids=False,
        shares=False,
        cgroup_detail="x",
        network=str,
    )  # fmt: skip
    assert level.name in ("reduced", "minimal")
    assert not level.namespaces
    assert "without user namespaces" in level.summary.replace("; ", " ")
    details = {item.name: item.detail for item in level.items}
    assert details["user namespaces"] == "refused: switched off"
    assert details["mounts"].endswith("write only where TMPDIR says")
    assert details["memory limits"] == "RLIMIT_DATA and watching instead: x"
    assert not level.has("own identity")


@pytest.mark.parametrize("mode", [pytest.param("namespaces", marks=needs_namespaces), "plain"])
def test_environments_die_with_a_killed_server(mode: str) -> None:
    script = (
        "import asyncio,sys\n"
        f"sys.path.insert(0, {str(REDTEAM.parent)!r})\n"
        "import redteam\n"
        "redteam.PROBE = 'def handler(event, context): ...'\n"
        "redteam.Silent.write = lambda *a: "
        "('forked' in str(a[3]) and print('up', flush=True)) or None\n"
        f"sys.argv = ['redteam', {mode!r}]\n"
        "asyncio.run(redteam.main())\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-c", script],
            env={"SECRET": "none", "TMPDIR": folder},
            stdout=subprocess.PIPE,
        )
        assert server.stdout is not None
        try:
            assert server.stdout.readline()  # it runs, with its zygote and environments
            below = descendants(server.pid)
            assert len(below) >= 3
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
            server.stdout.close()
        deadline = time.monotonic() + 3
        while any(Path(f"/proc/{pid}").exists() for pid in below) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for word in path.read_text().split():
            found += [int(word), *descendants(int(word))]
    return found
