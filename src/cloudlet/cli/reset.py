"""`cloudlet reset`: wipe all state, for test suites."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudlet.cli import connection, screen
from cloudlet.cli.environment import Data
from cloudlet.cli.problem import Problem


def reset(
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete everything in a running cloudlet: stacks, buckets, functions, documents, logs."""
    found = connection.find(data)
    if not yes:
        typer.confirm(f"Delete all state of the cloudlet at {found.endpoint}?", abort=True)
    request_reset(found)
    screen.say("All state is deleted.")


def request_reset(found: connection.Connection) -> None:
    """Send the signed request; only the root of an account may."""
    status, answer = found.request("POST", "/_cloudlet/reset")
    if status != 200:
        raise Problem(
            f"The reset was refused ({status}): {answer.decode()[:300]}",
            "Only an account's root may reset; check AWS_ACCESS_KEY_ID.",
        )
