"""A function that imports boto3, couchbase, pydantic and numpy: environments from its version's
template, beside a plain interpreter that makes the same imports.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from pathlib import Path

import uvloop
from bench.environments import at, compiled, line, rig
from bench.load import pressure
from bench.peers import CACHE

PACKAGES = ("boto3==1.44.5", "couchbase==4.6.3", "pydantic==2.13.5", "numpy==2.4.6")
IMPORTS = "import boto3, couchbase.cluster, pydantic, numpy\n"
SOURCE = f"""
{IMPORTS}
def handler(event, context):
    return numpy.__version__
"""
RUNS, PLAIN_RUNS = 200, 20


def packages() -> Path | None:
    """The folder with the packages; None where they cannot be had."""
    folder = CACHE / "heavy-imports"
    if not (folder / "numpy").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
        done = subprocess.run([*command, *PACKAGES], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"skipped, pip says: {done.stderr.strip().splitlines()[-1:]}")
            return None
    return folder


def plain(folder: Path) -> list[float]:
    """Milliseconds of a plain interpreter's whole life with the same imports, precompiled too."""
    took: list[float] = []
    code = f"import sys; sys.path[:0] = [{str(folder)!r}]; {IMPORTS}"
    for _ in range(PLAIN_RUNS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", code], check=True)
        took.append((time.perf_counter() - started) * 1000)
    return took


async def learned(folder: Path) -> tuple[float, list[float]]:
    """Milliseconds to the first environment's first answer, and to those of later ones."""
    took: list[float] = []
    async with rig() as r:
        shutil.copytree(folder, r.code, dirs_exist_ok=True)
        (r.code / "app.py").write_text(SOURCE)
        compiled(r.code)
        spec = r.spec("heavy", f"python3.{sys.version_info.minor}", "app.handler")
        first, _ = await r.call(spec)
        while (state := r.compute.templates()[0]).status == "preparing":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert state.status == "ready", state
        for _ in range(RUNS):
            r.end_idle()
            await asyncio.sleep(0.05)
            millis, outcome = await r.call(spec)
            assert outcome.init_ms is not None
            took.append(millis)
    return first, took


async def main() -> None:
    """Print both and their ratio."""
    folder = packages()
    if folder is None:
        return
    first, took = await learned(folder)
    alone = plain(folder)
    line("plain interpreter, the same imports", alone)
    print(f"{'first environment of the version':<36} {first:8.1f} ms")
    line("later ones, from its template", took)
    print(f"a later environment is {at(alone, 0.5) / at(took, 0.5):.1f} times faster; {pressure()}")


if __name__ == "__main__":
    uvloop.run(main())
