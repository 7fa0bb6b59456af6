"""What a well-behaved function feels while another does its worst: p99 of its calls, quiet and
during each attack of tests/compute/chaos.py. The bar is three times the quiet value.

    .venv/bin/python bench/red_team.py [SECONDS AN ATTACK]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHAOS = Path(__file__).resolve().parent.parent / "tests" / "compute" / "chaos.py"


def at(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def pressure() -> str:
    try:
        return Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return "unknown"


def main() -> None:
    seconds = sys.argv[1] if len(sys.argv) > 1 else "3"
    print(f"before: {pressure()}")
    for family in ("python", "node"):
        command = [sys.executable, str(CHAOS), family, "namespaces", seconds, "alone"]
        done = subprocess.run(command, capture_output=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        quiet = found.pop("before")
        print(f"\n{family}, isolation {found.pop('level')}")
        print(
            f"{'quiet':<16} n={len(quiet):<6} p50 {at(quiet, 0.5):7.2f} p99 {at(quiet, 0.99):7.2f}"
        )
        for name, (ending, took) in found.items():
            print(
                f"{name:<16} n={len(took):<6} p50 {at(took, 0.5):7.2f} p99 {at(took, 0.99):7.2f} ms"
                f"   x{at(took, 0.99) / at(quiet, 0.99):<6.1f} {ending}"
            )
    print(f"after: {pressure()}")


if __name__ == "__main__":
    main()
