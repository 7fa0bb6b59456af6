"""What a well-behaved function feels while another does its worst: p99 of its calls beside each
attack of tests/compute/attacks.py and in the quiet before it, in turns of a second, so that what
else the machine does meets both alike. A call's time counts from when it was due. The bar is three
times the quiet value.

    python -m bench.red_team [SECONDS A TURN [ROUNDS]]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.environments import at
from bench.load import pressure

CHAOS = Path(__file__).resolve().parent.parent / "tests" / "compute" / "chaos.py"
FAMILIES = ("python", "node", "java")


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """For each attack: p99 beside it to p99 in the quiet before."""
    return {
        name: at(attacked, 0.99) / at(quiet, 0.99)
        for name, (_, quiet, attacked) in found["attacks"].items()
    }


def main() -> None:
    """Measure the runtimes one after the other."""
    seconds, rounds = (*sys.argv[1:], *("1", "3")[len(sys.argv) - 1 :])[:2]
    for family in FAMILIES:
        before = pressure()
        command = [sys.executable, str(CHAOS), family, "namespaces", "in-turn", seconds, rounds]
        done = subprocess.run(
            command, capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
        )
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"{family}, isolation {found['level']}, CPU {before} to {pressure()}")
        print(f"{'':<15}{'quiet p50':>10}{'p99 ms':>8}{'attacked':>10}{'p99 ms':>8}{'ratio':>7}")
        found_ratios = ratios(found)
        for name, ratio in found_ratios.items():
            endings, quiet, attacked = found["attacks"][name]
            print(
                f"{name:<15}{at(quiet, 0.5):>10.2f}{at(quiet, 0.99):>8.2f}"
                f"{at(attacked, 0.5):>10.2f}{at(attacked, 0.99):>8.2f}{ratio:>7.1f}  {endings}"
            )
        within = sum(ratio <= 3 for ratio in found_ratios.values())
        print(f"within three times: {within} of {len(found_ratios)}\n", flush=True)


if __name__ == "__main__":
    main()
