"""`cloudlet logs`: what a function wrote."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

import typer

from cloudlet.cli import connection, screen
from cloudlet.cli.environment import Data
from cloudlet.cli.problem import Problem

#: How often `--follow` asks, in seconds.
POLL_S = 0.4
#: How far `--follow` looks back for events that arrive late, in milliseconds.
OVERLAP_MS = 2_000


def logs(
    function: Annotated[str, typer.Argument(help="Function name, or a log group's full name.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    pattern: Annotated[str, typer.Option("--filter", help="A CloudWatch filter pattern.")] = "",
    minutes: Annotated[int, typer.Option("--minutes", help="How far back to begin.")] = 60,
    data: Data = None,
) -> None:
    """Print a function's log lines, oldest first."""
    client = connection.find(data).client("logs")
    group = function if function.startswith("/") else f"/aws/lambda/{function}"
    start = int(time.time() * 1000) - minutes * 60_000
    seen: dict[str, int] = {}
    while True:
        for event in _events(client, group, start, pattern, tolerant=follow):
            if event["eventId"] not in seen:
                seen[event["eventId"]] = event["timestamp"]
                _print(event)
                start = max(start, event["timestamp"] - OVERLAP_MS)
        if not follow:
            return
        seen = {id_: when for id_, when in seen.items() if when >= start}
        time.sleep(POLL_S)


def _events(
    client: Any, group: str, start: int, pattern: str, *, tolerant: bool
) -> list[dict[str, Any]]:
    arguments: dict[str, Any] = {"logGroupName": group, "startTime": start}
    if pattern:
        arguments["filterPattern"] = pattern
    found: list[dict[str, Any]] = []
    try:
        for page in client.get_paginator("filter_log_events").paginate(**arguments):
            found.extend(page["events"])
    except client.exceptions.ResourceNotFoundException:
        if tolerant:
            return []
        raise Problem(
            f"There is no log group {group}.",
            "A function's group appears when it first runs and its role may write logs.",
        ) from None
    return found


def _print(event: dict[str, Any]) -> None:
    when = datetime.fromtimestamp(event["timestamp"] / 1000).astimezone()
    stamp = f"{when:%H:%M:%S}.{event['timestamp'] % 1000:03d}"
    screen.say(f"{screen.styled(stamp, 'dim')} {event['message'].rstrip()}")
