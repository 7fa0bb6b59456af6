"""Cold starts: the first answer of a fresh, sandboxed execution environment of each runtime, with
and without the reserve of blanks. The pauses let the reserve fill up again, as arrivals of a
service do; "back to back" leaves none.

    python -m bench.cold_start [PYTHON RUNS]
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import uvloop
from bench.environments import compiled, line, rig
from bench.load import pressure

from cloudlet.compute import jvm

PYTHON = """
import json
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}
"""
NODE = """
exports.handler = async (event) => ({ statusCode: 200, body: JSON.stringify(event) });
"""
JAVA = """
package example;
import java.util.Map;
public class Echo {
    public Map<String, Object> handle(Map<String, Object> event) {
        return Map.of("statusCode", 200, "body", event.toString());
    }
}
"""
NODE_RUNS, JAVA_RUNS = 200, 60


def write_python(folder: Path) -> None:
    (folder / "app.py").write_text(PYTHON)
    compiled(folder)


def write_node(folder: Path) -> None:
    (folder / "app.js").write_text(NODE)


def write_java(folder: Path) -> None:
    source = folder / "Echo.java"
    source.write_text(JAVA)
    subprocess.run(["javac", "--release", "17", "-nowarn", "-d", str(folder), str(source)],
                   check=True, capture_output=True)  # fmt: skip


KINDS = {
    "python": (f"python3.{sys.version_info.minor}", "app.handler", write_python),
    "node": ("nodejs20.x", "app.handler", write_node),
    "java": ("java17", "example.Echo::handle", write_java),
}


async def cold(kind: str, runs: int, reserve: int | None, pause_s: float) -> list[float]:
    """Milliseconds to the first answer of `runs` environments, each of a version of its own."""
    runtime, handler, write = KINDS[kind]
    took: list[float] = []
    async with rig(reserve) as r:
        write(r.code)
        await r.call(r.spec("first", runtime, handler))
        await r.compute.retire("first")
        await asyncio.sleep(max(0.5, pause_s))
        for number in range(runs):
            took.append((await r.call(r.spec(str(number), runtime, handler)))[0])
            await r.compute.retire(str(number))
            await asyncio.sleep(pause_s)
    return took


async def main() -> None:
    """Print every kind that this machine has."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"before: {pressure()}")
    line("Python, blanks in reserve", await cold("python", runs, None, 0.05))
    line("Python, blanks, back to back", await cold("python", runs, None, 0.0))
    line("Python, no reserve", await cold("python", runs, 0, 0.05))
    if shutil.which("node") is None:
        print("Node.js: not on this machine")
    else:
        line("Node.js, prestarted in reserve", await cold("node", NODE_RUNS, None, 0.2))
    if not jvm.installed() or shutil.which("javac") is None:
        print("Java: not on this machine")
    else:
        line("Java, prestarted in reserve", await cold("java", JAVA_RUNS, None, 1.0))
    print(f"after: {pressure()}")


if __name__ == "__main__":
    uvloop.run(main())
