"""What plain interpreters take to start and end, to hold cold starts against."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.load import pressure

RUNS = 40
COMMANDS = {
    "python -c 'import json'": [str(Path(sys.executable).resolve()), "-c", "import json"],
    "node -e 0": ["node", "-e", "0"],
    "java -Xshare:auto -version": ["java", "-Xshare:auto", "-version"],
}


def main() -> None:
    """Print the median and the slowest of each."""
    for name, command in COMMANDS.items():
        if shutil.which(command[0]) is None:
            print(f"{name:<30} not on this machine")
            continue
        took = []
        for _ in range(RUNS):
            started = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            took.append((time.perf_counter() - started) * 1000)
        print(f"{name:<30} n={RUNS}  p50 {statistics.median(took):7.1f} ms"
              f"  max {max(took):7.1f} ms")  # fmt: skip
    print(pressure())


if __name__ == "__main__":
    main()
