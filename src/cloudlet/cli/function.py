"""`cloudlet function`: how a function is served here, and what it used."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from cloudlet.cli import connection, screen
from cloudlet.cli.environment import Data
from cloudlet.cli.problem import Problem


def function(
    name: Annotated[str, typer.Argument(help="Name or ARN.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    data: Data = None,
) -> None:
    """Show a function's runtime, isolation, environments, templates, SnapStart and usage.

    The same page is at /_cloudlet/functions/<name> of the server, for signed requests.
    """
    found = connection.find(data)
    accept = "application/json" if as_json else "text/plain"
    path = f"/_cloudlet/functions/{quote(name, safe='')}"
    status, answer = found.request("GET", path, accept=accept)
    if status == 404:
        raise Problem(f"There is no function {name}.", "`cloudlet deploy` makes functions.")
    if status != 200:
        raise Problem(f"The function's page was refused ({status}): {answer.decode()[:300]}")
    screen.say(answer.decode().rstrip("\n"))
