"""A `Compute` of its own for a benchmark, functions in it, and how figures are printed."""

from __future__ import annotations

import compileall
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from cloudlet.compute.environment import EnvironmentSpec, Invocation, Outcome
from cloudlet.compute.pool import Compute

INVOCATION = Invocation("00000000-0000-0000-0000-000000000000", "arn", b'{"a": 1}', None, "")


class Discard:
    """A log sink."""

    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        pass


async def credentials() -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@dataclass
class Rig:
    """A running `Compute` and the folder of its functions."""

    compute: Compute
    code: Path

    def spec(self, key: str, runtime: str, handler: str) -> EnvironmentSpec:
        """The version `key` of the function that lies in `code`."""
        return EnvironmentSpec(
            key=key, runtime=runtime, handler=handler, code=self.code, layers=(),
            memory_mb=512, timeout_s=10, tmp_mb=512, variables={}, credentials=credentials,
            log_group="/aws/lambda/fn", function_name="fn", version="1",
        )  # fmt: skip

    async def call(self, spec: EnvironmentSpec) -> tuple[float, Outcome]:
        """Milliseconds from the request to the answer, which is no error."""
        started = time.perf_counter()
        outcome = await self.compute.invoke(spec, INVOCATION)
        took = (time.perf_counter() - started) * 1000
        assert outcome.error is None, outcome.payload
        return took, outcome

    def end_idle(self) -> None:
        """End the environments, keep the template."""
        for pool in list(self.compute._pools.values()):
            for sandbox in list(pool.idle):
                pool.idle.remove(sandbox)
                sandbox.kill()


@contextlib.asynccontextmanager
async def rig(reserve: int | None = None) -> AsyncIterator[Rig]:
    """A rig with an empty code folder; `reserve` as `Compute` takes it."""
    with tempfile.TemporaryDirectory(prefix="cloudlet-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "code" / "fn").mkdir(parents=True)
        compute = Compute(
            data=root / "data", logs=Discard(), code_root=root / "code", reserve=reserve
        )
        await compute.start()
        try:
            yield Rig(compute, root / "code" / "fn")
        finally:
            await compute.stop()


def compiled(folder: Path) -> None:
    """Compile Python's files, as a deployment does."""
    compileall.compile_dir(folder, quiet=1)


def at(values: list[float], part: float) -> float:
    """A quantile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def line(name: str, values: list[float], unit: str = "ms") -> None:
    """Print median, 99th percentile and maximum."""
    print(
        f"{name:<36} n={len(values):<6} p50 {at(values, 0.5):8.3f} {unit}   "
        f"p99 {at(values, 0.99):8.3f} {unit}   max {max(values):8.3f} {unit}",
        flush=True,
    )
