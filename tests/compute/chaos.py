"""A server whose functions do their worst, beside one that behaves.

Prints as JSON how each attack ended and how long the well-behaved function's calls took. Run by
test_redteam.py and bench/red_team.py as a process of its own:

    chaos.py python|node|java namespaces|plain together SECONDS
    chaos.py python|node|java namespaces|plain in-turn SECONDS ROUNDS [ATTACK...]

`together` runs all attacks at once. `in-turn` runs each alone, over and over, in windows of
SECONDS with a quiet window before each, so that what else the machine does meets both alike.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.compute.attacks import RUNTIMES, install

from cloudlet.compute.environment import EnvironmentSpec, Invocation
from cloudlet.compute.errors import ComputeError
from cloudlet.compute.pool import Compute

_PAUSE_S = 0.1  # between two tries of an attack that ends before its window
_BETWEEN_S = 0.002
# Says when a call is due: the event loop's own timers may be a millisecond late when it is busy.
_PACER = f"""
import os, struct, time
while os.read(0, 1):
    time.sleep({_BETWEEN_S})
    os.write(1, struct.pack('d', time.perf_counter()))
"""
_SET_CHILD_SUBREAPER = 36


class Silent:
    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        pass


async def no_credentials() -> dict[str, str]:
    return {}


class Arena:
    def __init__(self, root: Path, family: str, *, namespaces: bool) -> None:
        self.compute = Compute(
            data=root / "data", logs=Silent(), code_root=root / "code", namespaces=namespaces
        )
        functions = install(family, root / "code" / family)
        self.specs = {
            name: EnvironmentSpec(
                key=name, runtime=RUNTIMES[family], handler=handler, code=code, layers=(),
                memory_mb=256 if family == "java" else 128, timeout_s=10.0, tmp_mb=512,
                variables={}, credentials=no_credentials, log_group=name, function_name=name,
                version="1",
            )
            for name, (handler, code) in functions.items()
        }  # fmt: skip
        self.quiet = self.specs.pop("quiet")

    async def assault(self, name: str, timeout_s: float) -> str:
        """How it ended, in a word."""
        spec = replace(self.specs[name], timeout_s=timeout_s)
        try:
            outcome = await self.compute.invoke(spec, Invocation("r", "arn", b"{}", None, ""))
        except ComputeError as error:
            return f"not run: {error}"
        document = json.loads(outcome.payload) if outcome.error else None
        return str(document["errorType"]) if document else "done"

    async def assaults(self, name: str, seconds: float) -> str:
        """The same again and again; the endings, each once."""
        endings, until = [], time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0.2:
            endings.append(await self.assault(name, left))
            await asyncio.sleep(min(_PAUSE_S, max(0.0, until - time.perf_counter())))
        await asyncio.sleep(max(0.0, until - time.perf_counter()))
        return " ".join(dict.fromkeys(endings))

    async def beside(self, work: Awaitable[Sequence[str]]) -> tuple[Sequence[str], list[float]]:
        """The work's result, and how long calls took while it ran."""
        stop = asyncio.Event()
        calls = asyncio.ensure_future(self.calls(stop))
        endings = await work
        stop.set()
        return endings, await calls

    async def calls(self, stop: asyncio.Event) -> list[float]:
        """Milliseconds from when each call was due to its answer, one after the other until
        `stop`; each must succeed.
        """
        took: list[float] = []
        pacer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PACER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert pacer.stdin is not None
        assert pacer.stdout is not None
        while not stop.is_set():
            pacer.stdin.write(b"n")
            (due,) = struct.unpack("d", await pacer.stdout.readexactly(8))
            invocation = Invocation("r", "arn", b"[1]", None, "")
            outcome = await self.compute.invoke(self.quiet, invocation)
            took.append((time.perf_counter() - due) * 1000)
            assert json.loads(outcome.payload) == [1], outcome
        pacer.stdin.close()
        await pacer.wait()
        return took

    async def together(self, seconds: float) -> dict[str, object]:
        """All at once."""
        work = asyncio.gather(*(self.assault(name, seconds) for name in self.specs))
        endings, took = await self.beside(work)
        return {"endings": dict(zip(self.specs, endings, strict=True)), "meanwhile": took}

    async def in_turn(self, seconds: float, rounds: int, wanted: list[str]) -> dict[str, object]:
        """Each alone: its endings, quiet calls' times, and those beside it."""
        attacks: dict[str, object] = {}
        for name in wanted or self.specs:
            quiet: list[float] = []
            attacked: list[float] = []
            endings: list[str] = []
            for _ in range(rounds):
                quiet += (await self.beside(asyncio.sleep(seconds, [])))[1]
                ended, took = await self.beside(asyncio.gather(self.assaults(name, seconds)))
                attacked += took
                endings += ended
                await asyncio.sleep(0.2)
            attacks[name] = [" ".join(dict.fromkeys(endings)), quiet, attacked]
        return {"attacks": attacks}


async def main() -> None:
    family, mode, way, seconds = *sys.argv[1:4], float(sys.argv[4])
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # whoever is left becomes our child
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        arena = Arena(root, family, namespaces=mode == "namespaces")
        await arena.compute.start()
        try:
            await arena.compute.invoke(arena.quiet, Invocation("r", "arn", b"[1]", None, ""))
            if way == "together":
                found = await arena.together(seconds)
            else:
                found = await arena.in_turn(seconds, int(sys.argv[5]), sys.argv[6:])
            found["level"] = arena.compute.level().name
        finally:
            await arena.compute.stop()
    pids = [pid for task in Path("/proc/self/task").glob("*/children") for pid in _words(task)]
    stats = [Path(f"/proc/{pid}/stat").read_text() for pid in pids]
    found["left behind"] = [stat[:60] for stat in stats if ") Z " not in stat]
    print(json.dumps(found))


def _words(path: Path) -> list[str]:
    return path.read_text().split()


if __name__ == "__main__":
    uvloop.run(main())
