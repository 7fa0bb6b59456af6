"""`cloudlet dev`: from a saved handler to the first answer of the new code."""

from __future__ import annotations

import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.load import pressure
from tests.clients.live import Live, clean_environment

from cloudlet.cli.demo import SAMPLE

RUNS = 15
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Small:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: app.handler, Runtime: python3.11}
"""
ANSWER = "\ndef handler(event, context):\n    return {0}\n"


def measure(live: Live, folder: Path, logical: str, source: Path, *options: str) -> list[float]:
    """Milliseconds from each save of `source` to its answer; folder/template.yml is deployed."""
    command = [sys.executable, "-m", "cloudlet", "dev", "template.yml", *options]
    environment = {**clean_environment(), "CLOUDLET_DATA": str(live.data)}
    dev = subprocess.Popen(command, cwd=folder, env=environment, text=True,
                           stdout=subprocess.PIPE)  # fmt: skip
    assert dev.stdout is not None
    lines = iter(dev.stdout.readline, "")
    if not any("Watching" in line for line in lines):
        raise AssertionError("cloudlet dev did not come up")
    threading.Thread(target=lambda: list(lines), daemon=True).start()
    try:
        functions = live.client("lambda")
        name = next(
            found["FunctionName"]
            for found in functions.list_functions()["Functions"]
            if f"-{logical}-" in found["FunctionName"]
        )
        original = source.read_text()
        took = []
        for number in range(RUNS + 1):
            source.write_text(original + ANSWER.format(number))
            started = time.perf_counter()
            while json.loads(functions.invoke(FunctionName=name)["Payload"].read()) != number:
                time.sleep(0.005)
            took.append((time.perf_counter() - started) * 1000)
            time.sleep(0.4)
        return took[1:]  # the first starts the runtime's zygote
    finally:
        dev.send_signal(signal.SIGINT)
        dev.wait()
        dev.stdout.close()


def main() -> None:
    """Print the medians: a function without dependencies, and the sample's with Couchbase's."""
    with tempfile.TemporaryDirectory(prefix="cloudlet-bench-") as name:
        folder = Path(name)
        live = Live(folder / "data").start()
        try:
            (folder / "small" / "src").mkdir(parents=True)
            (folder / "small" / "template.yml").write_text(TEMPLATE)
            (folder / "small" / "src" / "app.py").write_text(
                "def handler(event, context): return None\n"
            )
            small = measure(live, folder / "small", "Small", folder / "small" / "src" / "app.py")
            shutil.copytree(SAMPLE, folder / "books")
            couchbase = f"CouchbaseConnectionString={live.couchbase['connection_string']}"
            source = folder / "books" / "src" / "list_books.py"
            books = measure(live, folder / "books", "ListBooks", source, "-p", couchbase)
        finally:
            live.stop()
    for title, took in (("one small function", small), ("the sample: 5 functions, SDK", books)):
        print(f"{title:<30} n={RUNS}  p50 {statistics.median(took):7.1f} ms"
              f"  max {max(took):7.1f} ms")  # fmt: skip
    print(pressure())


if __name__ == "__main__":
    main()
