"""What a test needs that a machine may lack; it is skipped there and says what is missing."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from cloudlet.compute import isolation

LEVEL = isolation.probe(
    namespaces=True,
    reachable=True,
    cgroups=False,
    pids=False,
    shares=False,
    cgroup_detail="",
    network=str,
)
needs_namespaces = pytest.mark.skipif(
    not LEVEL.namespaces, reason="this machine refuses user namespaces"
)
needs_landlock = pytest.mark.skipif(not LEVEL.has("landlock"), reason="this kernel has no Landlock")
needs_node = pytest.mark.skipif(
    shutil.which("node") is None and shutil.which("nodejs") is None, reason="no Node.js"
)
needs_javac = pytest.mark.skipif(shutil.which("javac") is None, reason="no javac")


def run_as(identity: str, user: int) -> dict[str, Any]:
    """What makes `subprocess.run` run as "root" or as an "ordinary user": who runs the tests, or
    from root `user`. Skips where neither is possible.
    """
    if identity == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    if identity == "root" or os.geteuid() != 0:
        return {}
    other = {"user": user, "group": user, "extra_groups": []}
    if not _may_run(user):
        pytest.skip(f"an ordinary user may not run {sys.executable}")
    return other


@functools.cache
def _may_run(user: int) -> bool:
    done = subprocess.run(
        ["test", "-x", sys.executable], user=user, group=user, extra_groups=[], check=False
    )
    return done.returncode == 0
