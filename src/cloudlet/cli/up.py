"""`cloudlet up`: the whole cloud in the foreground."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloudlet import config
from cloudlet.cli import connection, screen
from cloudlet.cli.problem import Problem

if TYPE_CHECKING:
    from cloudlet.app import App


def up(
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the AWS services; 0: every port is free.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to bind.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Where state is kept.")] = None,
    configuration: Annotated[
        Path | None, typer.Option("--config", help="A TOML file; cloudlet.toml if it is there.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when ready.")
    ] = False,
) -> None:
    """Start cloudlet and serve until Ctrl-C."""
    settings = settings_from(port=port, host=host, data=data, configuration=configuration)

    async def serve(app: App) -> int:
        description = app.describe()
        if as_json:
            screen.say(json.dumps({**description, "ready_ms": since_process_start_ms()}))
        else:
            announce(app, description)
        return await until_signal()

    raise typer.Exit(run(settings, serve))


def settings_from(
    *,
    port: int | None = None,
    host: str | None = None,
    data: Path | None = None,
    configuration: Path | None = None,
    **flags: Any,
) -> config.Settings:
    """The settings for these flags; port 0 frees the document server's ports too."""
    if port == 0:
        for name in ("kv", "management", "query", "kv_tls", "management_tls", "query_tls"):
            flags.setdefault(f"couchbase__{name}_port", 0)
    return config.load(configuration, port=port, host=host, data=data, **flags)


def run(settings: config.Settings, work: Callable[[App], Awaitable[int]]) -> int:
    """Start an App on uvloop, do `work` with it and stop it, whatever happens."""
    import uvloop

    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    return uvloop.run(_run(settings, work))


async def _run(settings: config.Settings, work: Callable[[App], Awaitable[int]]) -> int:
    from cloudlet.app import App, DataInUse

    app = App(settings)
    run_file = settings.data / connection.RUN_FILE
    try:
        await app.start()
        app.on_stop(lambda: run_file.unlink(missing_ok=True))
        connection.write_run_file(run_file, app.describe())
        return await work(app)
    except DataInUse as error:
        raise Problem(
            f"Another cloudlet runs on {error}.",
            "Stop it, or choose another directory with --data.",
        ) from None
    except OSError as error:
        if error.errno is None or error.strerror is None or "address" not in error.strerror.lower():
            raise
        raise Problem(
            f"A port is taken: {error.strerror}.",
            "Stop what uses it, or start with `--port 0` to have free ports chosen.",
        ) from error
    finally:
        await app.stop()


async def until_signal() -> int:
    """Wait for Ctrl-C or a termination signal."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
    return 0


def since_process_start_ms() -> float:
    """Milliseconds since the kernel started this process (to its clock tick, 10 ms)."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return round(time.process_time() * 1000, 1)
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return round((time.clock_gettime(time.CLOCK_BOOTTIME) - started) * 1000, 1)


def announce(app: App, description: dict[str, Any]) -> None:
    """Print the table of endpoints, credentials and isolation; requests are answered already."""
    screen.say(screen.styled(f"cloudlet: ready in {since_process_start_ms():.0f} ms", "bold"))
    couchbase = description["couchbase"]
    keys = f"{description['access_key_id']} / {description['secret_access_key']}"
    root = f"root of {description['account']}, region {description['region']}"
    rows = [("AWS", description["endpoint"]), ("Credentials", f"{keys}  ({root})")]
    if couchbase:
        others = "a cluster of yours"
        if "management" in couchbase:
            others = f"management {couchbase['management']}, query {couchbase['query']}"
        rows.append(("Couchbase", f"{couchbase['connection_string']}  ({others})"))
        rows.append(("", f"{couchbase['username']} / {couchbase['password']}"))
    level = app.compute.level()
    rows.append(("Isolation", level.summary))
    if shared := level.lacks("own network"):
        rows.append(("Network", shared))
    rows.append(("Data", description["data"]))
    screen.table(rows)
    screen.say('\nIn another shell:  eval "$(cloudlet env)"      Stop with Ctrl-C.')
