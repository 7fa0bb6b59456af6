"""`cloudlet env`: exports for a shell."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from cloudlet.cli import connection, screen

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data directory of the cloudlet to speak to.", show_default=False),
]


def env(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the exports that make a shell's AWS and Couchbase clients speak to cloudlet.

    Use it as:  eval "$(cloudlet env)"
    """
    exports = connection.find(data).exports()
    if as_json:
        screen.say(json.dumps(exports, indent=2))
        return
    for name, value in exports.items():
        screen.say(f"export {name}={shlex.quote(value)}")
