"""`cloudlet invoke`: run a function with an event."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cloudlet.cli import connection, screen
from cloudlet.cli.environment import Data
from cloudlet.cli.problem import Problem


def read_event(event: str | None) -> bytes:
    """The event's bytes: a file's, standard input's for `-`, inline JSON, or `{}` for None."""
    if event is None:
        return b"{}"
    if event == "-":
        content = sys.stdin.buffer.read()
    elif event.lstrip()[:1] in ("{", "[", '"'):
        content = event.encode()
    else:
        try:
            content = Path(event).read_bytes()
        except OSError as error:
            raise Problem(f"Cannot read the event {event}: {error.strerror}.") from error
    try:
        json.loads(content)
    except ValueError as error:
        raise Problem(f"The event is not JSON: {error}.") from error
    return content


def invoke(
    function: Annotated[str, typer.Argument(help="Name or ARN.")],
    event: Annotated[
        str | None,
        typer.Argument(help="A file, - for standard input, or inline JSON.", show_default="{}"),
    ] = None,
    tail: Annotated[bool, typer.Option("--tail", help="Show the end of its log.")] = False,
    asynchronous: Annotated[bool, typer.Option("--async", help="Queue the event.")] = False,
    data: Data = None,
) -> None:
    """Run a function and print what it answers; exit status 1 if it fails."""
    client = connection.find(data).client("lambda")
    arguments: dict[str, Any] = {"FunctionName": function, "Payload": read_event(event)}
    if asynchronous:
        arguments["InvocationType"] = "Event"
    elif tail:
        arguments["LogType"] = "Tail"
    try:
        answer = client.invoke(**arguments)
    except client.exceptions.ClientError as error:
        raise Problem(str(error), "`cloudlet logs` shows what functions wrote.") from error
    if asynchronous:
        sys.stderr.write(f"queued as {answer['ResponseMetadata']['RequestId']}" + "\n")
        return
    if tail:
        sys.stderr.write(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
    screen.say(answer["Payload"].read().decode(errors="replace"))
    if "FunctionError" in answer:
        raise typer.Exit(1)
