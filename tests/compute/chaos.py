"""A server whose functions do their worst at the same time, beside one that behaves.

Prints as JSON how each attack ended and how long the well-behaved function's calls took, before
and meanwhile. Run by test_redteam.py and bench/red_team.py as a process of its own:

    chaos.py python|node namespaces|plain SECONDS [alone]
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path

from cloudlet.compute.environment import EnvironmentSpec, Invocation
from cloudlet.compute.errors import ComputeError
from cloudlet.compute.pool import Compute

QUIET = {
    "python": "def handler(event, context):\n    return event\n",
    "node": "exports.handler = async (event) => event;\n",
}
ATTACKS = {
    "python": {
        "fork bomb": "while True:\n  try: os.fork()\n  except OSError: pass",
        "full tmp": "f = open(os.environ.get('TMPDIR', '/tmp') + '/x', 'wb')\n"
                    "for _ in range(600): f.write(bytes(1 << 20))",
        "full stdout": "while True: os.write(1, b'y' * 60000)",
        "20 GB": "a = b'x' * (20 << 30)",
        "many pages": "a = []\nwhile True: a.append(b'x' * (1 << 24))",
        "threads": "while True:\n  try: threading.Thread(target=time.sleep, args=(99,)).start()\n"
                   "  except RuntimeError: pass",
        "close all": "os.closerange(0, 1024)",
        "close channel": "os.close(3); os.close(4)",
        "kill parents": "[kill(pid) for pid in (os.getppid() or 1, 1, -1)]",
        "garbage": "os.write(4, os.urandom(100000))",
        "false frames": "while True: os.write(4, b'\\x05\\0\\0\\0R{{}}' * 100)",
        "endless frame": "os.write(4, b'\\xff\\xff\\x0f\\0R')\n"
                         "while True: os.write(4, b'x' * 60000)",
    },
    "node": {
        "fork bomb": "for (;;) { try { cp.spawn('/bin/sh', ['-c', 'b() { b | b & }; b']); }"
                     " catch {} await null; }",
        "full tmp": "const p = (process.env.TMPDIR || '/tmp') + '/x';"
                    " for (let i = 0; i < 600; i++) fs.appendFileSync(p, Buffer.alloc(1 << 20));",
        "full stdout": "for (;;) { try { fs.writeSync(1, 'y'.repeat(60000)); } catch {} }",
        "20 GB": "const a = []; for (let i = 0; i < 80; i++) a.push(Buffer.alloc(1 << 28, 1));",
        "threads": "const w = require('worker_threads');"
                   " for (;;) { new w.Worker('for (;;);', {eval: true}); await null; }",
        "close all": "for (let i = 0; i < 1024; i++) { try { fs.closeSync(i); } catch {} }",
        "close channel": "fs.closeSync(3); fs.closeSync(4);",
        "kill parents": "for (const p of [process.ppid || 1, 1])"
                        " { try { process.kill(p, 9); } catch {} }",
        "garbage": "fs.writeSync(4, require('crypto').randomBytes(100000));",
        "false frames": "for (;;) fs.writeSync(4, '\\x05\\0\\0\\0R{{}}'.repeat(100));",
        "endless frame": "fs.writeSync(4, Buffer.from([255, 255, 15, 0, 82]));"
                         " for (;;) fs.writeSync(4, 'x'.repeat(60000));",
    },
}  # fmt: skip
FRAMES = {
    "python": "import os, threading, time\n"
    "def kill(pid):\n"
    "    try: os.kill(pid, 9)\n"
    "    except OSError: pass\n"
    "def handler(event, context):\n    time.sleep(0.05)\n",
    "node": "const fs = require('fs'), cp = require('child_process');\n"
    "exports.handler = async () => {\n",
}


def attack(family: str, source: str) -> str:
    """A function that does this."""
    if family == "node":
        return FRAMES["node"] + source + "\n};\n"
    return FRAMES["python"] + "".join(f"    {line}\n" for line in source.split("\n"))


class Silent:
    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        pass


async def no_credentials() -> dict[str, str]:
    return {}


class Arena:
    def __init__(self, root: Path, family: str, *, namespaces: bool) -> None:
        self.root, self.family = root, family
        self.compute = Compute(
            data=root / "data", logs=Silent(), code_root=root / "code", namespaces=namespaces
        )

    def spec(self, name: str, source: str, timeout_s: float) -> EnvironmentSpec:
        folder = self.root / "code" / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ("app.py" if self.family == "python" else "app.js")).write_text(source)
        return EnvironmentSpec(
            key=name, runtime={"python": "python3.11", "node": "nodejs20.x"}[self.family],
            handler="app.handler", code=folder, layers=(), memory_mb=128, timeout_s=timeout_s,
            tmp_mb=512, variables={}, credentials=no_credentials, log_group=name,
            function_name=name, version="1",
        )  # fmt: skip

    async def assault(self, name: str, source: str, timeout_s: float) -> str:
        """How it ended, in a word."""
        spec = self.spec(name, attack(self.family, source), timeout_s)
        try:
            outcome = await self.compute.invoke(spec, Invocation("r", "arn", b"{}", None, ""))
        except ComputeError as error:
            return f"not run: {error}"
        document = json.loads(outcome.payload) if outcome.error else None
        return str(document["errorType"]) if document else "done"

    async def beside(
        self, spec: EnvironmentSpec, work: Awaitable[Sequence[str]]
    ) -> tuple[Sequence[str], list[float]]:
        """The work's result, and how long calls took while it ran."""
        stop = asyncio.Event()
        calls = asyncio.ensure_future(self.calls(spec, stop))
        endings = await work
        stop.set()
        return endings, await calls

    async def calls(self, spec: EnvironmentSpec, stop: asyncio.Event) -> list[float]:
        """Milliseconds of one call after the other until `stop`; each must succeed."""
        took: list[float] = []
        while not stop.is_set():
            started = time.perf_counter()
            outcome = await self.compute.invoke(spec, Invocation("r", "arn", b"[1]", None, ""))
            took.append((time.perf_counter() - started) * 1000)
            assert json.loads(outcome.payload) == [1], outcome
            await asyncio.sleep(0.002)
        return took


async def main() -> None:
    family, mode, seconds, alone = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        arena = Arena(root, family, namespaces=mode == "namespaces")
        await arena.compute.start()
        try:
            quiet = arena.spec("quiet", QUIET[family], 10.0)
            await arena.compute.invoke(quiet, Invocation("r", "arn", b"[1]", None, ""))
            # Without control groups a fork bomb has the machine to itself until its time-out.
            grouped = arena.compute.level().has("process limits")
            attacks = {n: t for n, t in ATTACKS[family].items() if grouped or n != "fork bomb"}
            found: dict[str, object] = {"level": arena.compute.level().name}
            _, found["before"] = await arena.beside(quiet, asyncio.sleep(seconds, [""]))
            if alone:
                for name, text in attacks.items():
                    assault = asyncio.gather(arena.assault(name, text, seconds))
                    (ending,), took = await arena.beside(quiet, assault)
                    found[name] = [ending, took]
                    await asyncio.sleep(0.3)
            else:
                work = asyncio.gather(
                    *(arena.assault(name, text, seconds) for name, text in attacks.items())
                )
                endings, found["meanwhile"] = await arena.beside(quiet, work)
                found["endings"] = dict(zip(attacks, endings, strict=True))
            print(json.dumps(found))
        finally:
            await arena.compute.stop()


if __name__ == "__main__":
    asyncio.run(main())
