"""Every benchmark, one after the other, in one run: `make bench`.

    bench/run.py [--write] [PART...]

`--write` also keeps what was printed in bench/RESULTS.md.
"""

from __future__ import annotations

import contextlib
import io
import os
import platform
import runpy
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cloudlet import compiled

RESULTS = Path(__file__).with_name("RESULTS.md")
sys.path.insert(0, str(RESULTS.parent.parent))

PARTS = {
    "ready": "Start: `cloudlet up` until it serves, and its memory when idle",
    "plain_starts": "Plain interpreters",
    "cold_start": "Cold start of an execution environment",
    "heavy_imports": "A function with heavy imports, from its second environment on",
    "warm": "Warm invocations without HTTP",
    "save_to_answer": "`cloudlet dev`: from a saved handler to its answer",
    "rest_api": "Warm invocations over HTTP, and peers",
    "red_team": "A function beside hostile neighbours",
    "kv": "Documents by key, beside memcached",
    "sqlpp": "SQL++, beside sqlite3 and DuckDB over the same JSON",
    "beside_a_query": "Neighbours of a ten-second query: documents by key, API calls",
}
PREFACE = """# Results

Written by `make bench` (`bench/run.py --write`). One run on a shared machine: trust ratios within
it before absolute figures. "pressure" is the share of the last ten seconds in which some task
waited for a processor (/proc/pressure/cpu); contestants are measured in turns.
"""
#: From here on the page is written by hand, and kept.
READING = "## What the figures say"


class Tee(io.TextIOBase):
    """Writes to several streams."""

    def __init__(self, *streams: io.TextIOBase) -> None:
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
            stream.flush()
        return len(text)


@contextlib.contextmanager
def kept(*, write: bool) -> Iterator[None]:
    """Keep what is printed meanwhile, if wanted and if it comes to its end."""
    text = io.StringIO()
    with contextlib.redirect_stdout(Tee(sys.stdout, text)):  # type: ignore[arg-type]
        yield
    if write:
        _, reading, said = RESULTS.read_text().partition(READING)
        RESULTS.write_text(f"{PREFACE}\n{text.getvalue().rstrip()}\n\n{reading}{said}")


def main() -> None:
    """Run the parts that were asked for, or all."""
    arguments = sys.argv[1:]
    wanted = [name for name in arguments if name != "--write"] or list(PARTS)
    sys.argv[1:] = []  # the parts read their own
    failed: list[str] = []
    with kept(write="--write" in arguments):
        print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.release()},"
              f" {os.cpu_count()} processors, Python {platform.python_version()}, the way of a call"
              f" {'compiled' if compiled.is_installed() else 'interpreted'}")  # fmt: skip
        for name in wanted:
            print(f"\n## {PARTS[name]}\n\n```", flush=True)
            try:
                runpy.run_module(f"bench.{name}", run_name="__main__")
            except Exception as error:
                failed.append(name)
                print(f"failed: {type(error).__name__}: {error}")
            print("```", flush=True)
    if failed:
        sys.exit(f"these parts failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
