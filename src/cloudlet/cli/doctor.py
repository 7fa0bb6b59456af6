"""`cloudlet doctor`: what this machine allows and has."""

from __future__ import annotations

import json
import platform
import shutil
from importlib import metadata
from typing import Annotated, Any

import typer

from cloudlet.cli import screen


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Report the isolation this machine allows, its runtimes, and what is missing."""
    report = examine()
    if as_json:
        screen.say(json.dumps(report, indent=2))
        return
    screen.say(screen.styled("cloudlet " + report["version"], "bold") + f" on {report['system']}")
    screen.say(f"\n{screen.styled('Isolation', 'bold')}: {report['isolation']['summary']}")
    for item in report["isolation"]["items"]:
        mark = (
            screen.styled("yes", "green") if item["available"] else screen.styled("no ", "yellow")
        )
        screen.say(f"  {mark}  {item['name']:<24} {item['detail']}")
    screen.say(f"\n{screen.styled('Runtimes', 'bold')}")
    for runtime in report["runtimes"]:
        screen.say(f"  {runtime['name']:<14} {runtime['detail']}")
    screen.say(f"\n{screen.styled('Programs', 'bold')}")
    for program, where in report["programs"].items():
        screen.say(f"  {program:<14} {where or 'not found'}")


def examine() -> dict[str, Any]:
    """What `doctor` prints, as data."""
    from cloudlet.compute.report import isolation_report, runtime_report

    return {
        "version": metadata.version("cloudlet"),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "isolation": isolation_report(),
        "runtimes": runtime_report(),
        "programs": {name: shutil.which(name) for name in ("node", "npm", "java", "aws", "sam")},
    }
