"""Contestants beside cloudlet: installed outside the checkout, skipped where they cannot be."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.application import BARE, HANDLER, deploy, get

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cloudlet" / "bench"
#: The last versions that run without an account at a service.
SERVERLESS = ("serverless@3.40.0", "serverless-offline@13.9.0")
MINISTACK = "ministack==1.5.33"
SERVERLESS_YML = """
service: bench
frameworkVersion: "3"
provider: {name: aws, runtime: python3.11, stage: prod}
plugins: [serverless-offline]
functions:
  bench: {handler: app.handler, events: [{http: {path: /, method: get}}]}
"""


class Unavailable(Exception):
    """It cannot be had on this machine; the text says why."""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def bare_uvicorn(folder: Path, event: bytes) -> Iterator[tuple[int, bytes]]:
    """The limit: uvicorn with an application that parses `event` and calls the handler."""
    (folder / "app.py").write_text(HANDLER)
    (folder / "bare.py").write_text(BARE)
    (folder / "event.json").write_bytes(event)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bare:app", "--port", str(port), "--no-access-log",
               "--log-level", "warning"]  # fmt: skip
    with _served(command, folder, port, {}):
        yield port, get("127.0.0.1", port, "/")


@contextlib.contextmanager
def serverless_offline(folder: Path) -> Iterator[tuple[int, bytes]]:
    """serverless-offline with the handler in its Python child; raises `Unavailable`."""
    modules = _serverless_modules()
    folder.mkdir()
    (folder / "app.py").write_text(HANDLER)
    (folder / "serverless.yml").write_text(SERVERLESS_YML)
    (folder / "node_modules").symlink_to(modules)
    port = free_port()
    command = ["node", "node_modules/serverless/bin/serverless.js", "offline", "start",
               "--host", "127.0.0.1", "--httpPort", str(port), "--lambdaPort", str(free_port()),
               "--noPrependStageInUrl"]  # fmt: skip
    quiet = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off",
             "SLS_INTERACTIVE_SETUP_ENABLE": "0"}  # fmt: skip
    with _served(command, folder, port, quiet):
        yield port, get("127.0.0.1", port, "/")


@contextlib.contextmanager
def ministack(folder: Path) -> Iterator[tuple[int, bytes]]:
    """ministack with its local executor; raises `Unavailable`."""
    program = _ministack_program()
    folder.mkdir()
    port = free_port()
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LAMBDA_EXECUTOR": "local",
                "STATE_DIR": str(folder / "state"), "TMPDIR": str(folder)}  # fmt: skip
    with _served([str(program)], folder, port, settings):
        api = deploy(lambda service: _client(service, port))
        yield port, get(f"{api}.execute-api.localhost", port, "/prod/")


def _client(service: str, port: int) -> Any:
    import boto3

    return boto3.client(
        service, endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip


def _serverless_modules() -> Path:
    if shutil.which("npm") is None:
        raise Unavailable("no npm here")
    home = CACHE / "serverless-offline"
    if not (home / "node_modules" / "serverless-offline").is_dir():
        home.mkdir(parents=True, exist_ok=True)
        _install(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error",
                  "--prefix", str(home), *SERVERLESS])  # fmt: skip
    return home / "node_modules"


def _ministack_program() -> Path:
    home = CACHE / "ministack"
    program = home / "bin" / "ministack"
    if not program.exists():
        _install([sys.executable, "-m", "venv", str(home)])
        _install([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", MINISTACK])
    return program


def _install(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unavailable(f"{command[0]} could not install it: {' '.join(last)}")


@contextlib.contextmanager
def _served(
    command: list[str], folder: Path, port: int, settings: dict[str, str]
) -> Iterator[None]:
    """Run a server in a process group of its own until the context ends."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **settings},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"{command[0]} did not start: {log.read_text()[-500:]}")
            time.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
