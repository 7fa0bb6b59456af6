"""Time to ready and idle memory of `cloudlet up`, over several starts."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench.load import pressure
from tests.clients.live import Live

RUNS = 7


def resident_mb(pid: int) -> float:
    """Proportional set size of a process and its descendants, in MB."""
    total = 0.0
    for process in [pid, *descendants(pid)]:
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(
            int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
        )
    return total / 1024


def descendants(pid: int) -> list[int]:
    """Every process below `pid`."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def main() -> None:
    """Print the medians."""
    ready, seen, memory = [], [], []
    with tempfile.TemporaryDirectory(prefix="cloudlet-bench-") as folder:
        for number in range(RUNS + 1):
            live = Live(Path(folder) / str(number))
            started = time.perf_counter()
            live.start()
            if number:  # the first warms the file cache
                seen.append((time.perf_counter() - started) * 1000)
                ready.append(live.describe["ready_ms"])
                time.sleep(1)
                memory.append(resident_mb(live.describe["pid"]))
            live.stop()
    print(f"time to ready      median {statistics.median(ready):6.0f} ms of the process's life,"
          f" {statistics.median(seen):.0f} ms seen from outside ({RUNS} starts)")  # fmt: skip
    print(f"idle memory (PSS)  median {statistics.median(memory):6.1f} MB ({RUNS} starts)")
    print(f"pressure           {pressure()}")


if __name__ == "__main__":
    main()
