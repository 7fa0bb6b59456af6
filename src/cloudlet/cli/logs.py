"""`cloudlet logs`: what a function wrote."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Annotated, Any

import typer

from cloudlet.cli import connection, screen
from cloudlet.cli.environment import Data
from cloudlet.cli.problem import Problem


def logs(
    function: Annotated[str, typer.Argument(help="Function name, or a log group's full name.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    pattern: Annotated[str, typer.Option("--filter", help="A CloudWatch filter pattern.")] = "",
    minutes: Annotated[int, typer.Option("--minutes", help="How far back to begin.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    data: Data = None,
) -> None:
    """Print a function's log lines, oldest first."""
    found = connection.find(data)
    client = found.client("logs")
    group = function if function.startswith("/") else group_of(found.client("lambda"), function)
    follower = Follower(client, group, int(time.time() * 1000) - minutes * 60_000, pattern)
    if not follow and not follower.exists():
        raise Problem(
            f"There is no log group {group}.",
            "A function's group appears when it first runs and its role may write logs.",
        )
    while True:
        for event in follower.fresh():
            if as_json:
                screen.say(json.dumps(event))
            else:
                show(event)
        if not follow:
            return
        time.sleep(Follower.POLL_S)


def group_of(client: Any, function: str) -> str:
    """The log group that the function writes to; Lambda's own for one that is not there (yet)."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = client.get_function_configuration(FunctionName=function)
    except ClientError:
        return f"/aws/lambda/{function}"
    except BotoCoreError as error:
        raise Problem(str(error), "Is that cloudlet still running?") from error
    group: str = found["LoggingConfig"]["LogGroup"]
    return group


class Follower:
    """The events of a log group as they come, each once; none while there is no such group."""

    #: How often to ask, in seconds.
    POLL_S = 0.4
    #: How far to look back for events that arrive late, in milliseconds.
    OVERLAP_MS = 2_000

    def __init__(self, client: Any, group: str, start_ms: int, pattern: str = "") -> None:
        self.client = client
        self.group = group
        self.start_ms = start_ms
        self.pattern = pattern
        self._seen: dict[str, int] = {}

    def exists(self) -> bool:
        """Whether there is such a log group."""
        found = self.client.describe_log_groups(logGroupNamePrefix=self.group)["logGroups"]
        return any(group["logGroupName"] == self.group for group in found)

    def fresh(self) -> list[dict[str, Any]]:
        """The events since the last call, oldest first."""
        from botocore.exceptions import BotoCoreError, ClientError

        given: dict[str, Any] = {"logGroupName": self.group, "startTime": self.start_ms}
        if self.pattern:
            given["filterPattern"] = self.pattern
        try:
            pages = self.client.get_paginator("filter_log_events").paginate(**given)
            events = [event for page in pages for event in page["events"]]
        except self.client.exceptions.ResourceNotFoundException:
            return []
        except (ClientError, BotoCoreError) as error:
            raise Problem(f"The log group {self.group} cannot be read: {error}") from error
        new = [event for event in events if event["eventId"] not in self._seen]
        for event in new:
            self._seen[event["eventId"]] = event["timestamp"]
            self.start_ms = max(self.start_ms, event["timestamp"] - self.OVERLAP_MS)
        self._seen = {id_: when for id_, when in self._seen.items() if when >= self.start_ms}
        return new


def show(event: dict[str, Any], source: str = "") -> None:
    """Print an event as one line: its local time, whose it is, and its message."""
    when = datetime.fromtimestamp(event["timestamp"] / 1000).astimezone()
    stamp = f"{when:%H:%M:%S}.{event['timestamp'] % 1000:03d}"
    whose = f"{screen.styled(source, 'cyan')} " if source else ""
    screen.say(f"{screen.styled(stamp, 'dim')} {whose}{event['message'].rstrip()}")
