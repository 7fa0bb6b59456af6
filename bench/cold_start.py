"""Cold starts of fresh sandboxed Python environments, with and without the reserve of blanks, and
the rate of warm invocations; and, where the packages lie in a folder, a function with heavy
imports, from its version's template and in a plain interpreter. One run; prints the machine's CPU
pressure beside the numbers.

    .venv/bin/python bench/cold_start.py [RUNS] [FOLDER OF boto3, couchbase, pydantic, numpy]
"""

from __future__ import annotations

import asyncio
import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from cloudlet.compute.environment import EnvironmentSpec, Invocation
from cloudlet.compute.pool import Compute

SOURCE = """
import json
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}
"""
WARM_CALLS = 20_000
IMPORTS = "import boto3, couchbase.cluster, pydantic, numpy\n"
PLAIN_RUNS = 20


class Discard:
    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        pass


async def credentials() -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


def pressure() -> str:
    try:
        return Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return "unknown"


def at(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def line(name: str, values: list[float], unit: str = "ms") -> None:
    print(
        f"{name:<34} n={len(values):<6} p50 {at(values, 0.5):8.3f} {unit}   "
        f"p99 {at(values, 0.99):8.3f} {unit}   max {max(values):8.3f} {unit}"
    )


class Rig:
    def __init__(self, root: Path, reserve: int | None, packages: Path | None = None) -> None:
        self.code = root / "code" / "fn"
        if packages is None:
            self.code.mkdir(parents=True)
        else:
            shutil.copytree(packages, self.code)
        (self.code / "app.py").write_text((IMPORTS if packages else "") + SOURCE)
        compileall.compile_dir(self.code, quiet=1)
        self.compute = Compute(
            data=root / "data", logs=Discard(), code_root=root / "code", reserve=reserve
        )

    def spec(self, key: str) -> EnvironmentSpec:
        return EnvironmentSpec(
            key=key, runtime=f"python3.{sys.version_info.minor}", handler="app.handler",
            code=self.code, layers=(), memory_mb=512, timeout_s=10, tmp_mb=512, variables={},
            credentials=credentials, log_group="/aws/lambda/fn", function_name="fn", version="1",
        )  # fmt: skip

    def end_idle(self) -> None:
        """End the environments, keep the template."""
        for pool in list(self.compute._pools.values()):
            for sandbox in list(pool.idle):
                pool.idle.remove(sandbox)
                sandbox.kill()


INVOCATION = Invocation("00000000-0000-0000-0000-000000000000", "arn", b'{"a": 1}', None, "")


async def cold(runs: int, reserve: int | None, pause_s: float) -> list[float]:
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), reserve)
        await rig.compute.start()
        try:
            await rig.compute.invoke(rig.spec("first"), INVOCATION)
            await rig.compute.retire("first")
            await asyncio.sleep(0.5)
            for number in range(runs):
                started = time.perf_counter()
                outcome = await rig.compute.invoke(rig.spec(str(number)), INVOCATION)
                took.append((time.perf_counter() - started) * 1000)
                assert outcome.error is None, outcome.payload
                await rig.compute.retire(str(number))
                await asyncio.sleep(pause_s)
        finally:
            await rig.compute.stop()
    return took


async def learned(runs: int, packages: Path) -> tuple[list[float], float]:
    """(first responses of environments forked from the template, the first environment's)."""
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        rig = Rig(Path(folder), None, packages)
        await rig.compute.start()
        spec = rig.spec("heavy")
        try:
            started = time.perf_counter()
            await rig.compute.invoke(spec, INVOCATION)
            first = (time.perf_counter() - started) * 1000
            while (state := rig.compute.templates()[0]).status == "preparing":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert state.status == "ready", state
            for _ in range(runs):
                rig.end_idle()
                await asyncio.sleep(0.05)
                started = time.perf_counter()
                outcome = await rig.compute.invoke(spec, INVOCATION)
                took.append((time.perf_counter() - started) * 1000)
                assert outcome.init_ms is not None
        finally:
            await rig.compute.stop()
    return took, first


def plain(packages: Path) -> list[float]:
    """A plain interpreter that makes the same imports."""
    took: list[float] = []
    for _ in range(PLAIN_RUNS):
        started = time.perf_counter()
        command = [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path[:0] = [{str(packages)!r}]; {IMPORTS}",
        ]
        subprocess.run(command, check=True)
        took.append((time.perf_counter() - started) * 1000)
    return took


async def warm(connections: int) -> tuple[list[float], float]:
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), None)
        await rig.compute.start()
        spec = rig.spec("warm")

        async def client(calls: int) -> None:
            for _ in range(calls):
                started = time.perf_counter()
                await rig.compute.invoke(spec, INVOCATION)
                took.append((time.perf_counter() - started) * 1e6)

        try:
            await asyncio.gather(*(client(50) for _ in range(connections)))
            took.clear()
            started = time.perf_counter()
            await asyncio.gather(*(client(WARM_CALLS // connections) for _ in range(connections)))
            return took, len(took) / (time.perf_counter() - started)
        finally:
            await rig.compute.stop()


async def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.2f}, before: {pressure()}")
    line("cold, blanks in reserve", await cold(runs, None, 0.05))
    line("cold, blanks, back to back", await cold(runs, None, 0.0))
    line("cold, no reserve", await cold(runs, 0, 0.05))
    if len(sys.argv) > 2:
        packages = Path(sys.argv[2])
        took, first = await learned(runs, packages)
        line("heavy imports, plain interpreter", plain(packages))
        print(f"{'heavy imports, first environment':<34} {first:8.1f} ms")
        line("heavy imports, from the template", took)
    for connections in (1, 8):
        took, rate = await warm(connections)
        line(f"warm, {connections} at a time ({rate:,.0f}/s)", took, "us")
    print(f"load {os.getloadavg()[0]:.2f}, after: {pressure()}")


uvloop.run(main())
