"""Every benchmark, one after the other; `make bench`."""

from __future__ import annotations

import os
import platform
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

PARTS = {
    "Start": "bench.ready",
    "Cold start of an execution environment": "bench.cold_start",
    "REST API to function": "bench.rest_api",
}


def main() -> None:
    """Run each part in this process, so that all figures are of one run."""
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    for title, module in PARTS.items():
        print(f"\n## {title}\n", flush=True)
        runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main()
