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
    debug: Annotated[
        bool, typer.Option("--debug", help="Let a debugger attach first (Python, Node.js).")
    ] = False,
    debug_port: Annotated[
        int, typer.Option("--debug-port", help="Where it attaches; 0: 5678, 9229 or any free one.")
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: answer, error, log, version.")
    ] = False,
    data: Data = None,
) -> None:
    """Run a function and print what it answers; exit status 1 if it fails."""
    found = connection.find(data)
    arguments: dict[str, Any] = {"FunctionName": function, "Payload": read_event(event)}
    if asynchronous and (debug or tail):
        raise Problem("--async answers before the function runs.", "Leave --debug and --tail out.")
    if asynchronous:
        arguments["InvocationType"] = "Event"
    elif tail or as_json:
        arguments["LogType"] = "Tail"
    if debug:
        from cloudlet.cli.debug import under_debugger

        with under_debugger(found, function, debug_port) as copy, copy.announced():
            answer = _send(found, {**arguments, "FunctionName": copy.name})
    else:
        answer = _send(found, arguments)
    request_id = answer["ResponseMetadata"]["RequestId"]
    if asynchronous:
        if as_json:
            screen.say(json.dumps({"request_id": request_id}))
        else:
            screen.note(f"queued as {request_id}")
        return
    _show(answer, as_json=as_json)
    if "FunctionError" in answer:
        raise typer.Exit(1)


def _send(found: connection.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: dict[str, Any] = found.client("lambda").invoke(**arguments)
    except ClientError as error:
        raise Problem(str(error), "`cloudlet logs` shows what functions wrote.") from error
    except BotoCoreError as error:
        raise Problem(str(error), "Is that cloudlet still running?") from error
    return answer


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    payload = answer["Payload"].read().decode(errors="replace")
    log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
    if as_json:
        try:
            result = json.loads(payload)
        except ValueError:
            result = payload
        whole = {
            "answer": result,
            "error": answer.get("FunctionError"),
            "log": log.splitlines(),
            "request_id": answer["ResponseMetadata"]["RequestId"],
            "version": answer.get("ExecutedVersion"),
        }
        screen.say(json.dumps(whole))
        return
    if log:
        sys.stderr.write(log)
    screen.say(payload)
