"""`cloudlet doctor`: what this machine allows and has."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cloudlet import compiled, config
from cloudlet.cli import connection, screen
from cloudlet.cli.environment import Data
from cloudlet.cli.problem import Problem

#: The runtimes that `doctor` looks for.
IDENTIFIERS = (
    *(f"python3.{minor}" for minor in range(8, 15)),
    *(f"nodejs{major}.x" for major in (18, 20, 22, 24)),
    *("java8.al2", "java11", "java17", "java21"),
)


_PROGRAMS = ("node", "npm", "java", "aws", "sam", "pasta")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    data: Data = None,
) -> None:
    """Report the isolation this machine allows, its runtimes, what is missing, and what runs."""
    report = examine()
    report["running"] = running(data)
    if as_json:
        screen.say(json.dumps(report, indent=2))
        return
    how = "compiled" if report["compiled"] else "interpreted (`make compiled`: a C compiler)"
    screen.say(screen.styled("cloudlet " + report["version"], "bold") + f" on {report['system']}")
    screen.say(f"the way of a call is {how}")
    screen.say(f"\n{screen.styled('Isolation', 'bold')}: {report['isolation']['summary']}")
    for item in report["isolation"]["items"]:
        mark = screen.styled("yes", "green") if item["active"] else screen.styled("no ", "yellow")
        screen.say(f"  {mark}  {item['name']:<24} {item['detail']}")
    screen.say(f"\n{screen.styled('Runtimes', 'bold')}")
    for runtime in report["runtimes"]:
        screen.say(f"  {runtime['name']:<14} {runtime['detail']}")
    screen.say(f"\n{screen.styled('Programs', 'bold')}")
    for program, where in report["programs"].items():
        screen.say(f"  {program:<14} {where or 'not found'}")
    screen.say(f"\n{screen.styled('Running', 'bold')}")
    if report["running"] is None:
        screen.say("  no cloudlet runs here; templates and environments are those of a running one")
        return
    for line in _running_text(report["running"]):
        screen.say(f"  {line}")


def running(data: Path | None) -> dict[str, Any] | None:
    """The environments and templates of the cloudlet that runs, None where none does."""
    try:
        found = connection.find(data)
        status, answer = found.request("GET", "/_cloudlet/compute")
    except Problem:
        return None
    if status != 200:
        return None
    report: dict[str, Any] = json.loads(answer)
    return {"endpoint": found.endpoint, **report}


def _running_text(report: dict[str, Any]) -> Iterator[str]:
    from cloudlet.aws.function_report import ComputeReport
    from cloudlet.front.functions import compute_text

    yield f"at {report['endpoint']}"
    yield from compute_text(msgspec.convert(report, ComputeReport))


def examine() -> dict[str, Any]:
    """What `doctor` prints, as data."""
    return {
        "version": metadata.version("cloudlet"),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "compiled": compiled.is_installed(),
        **asyncio.run(_compute()),
        "programs": {name: shutil.which(name) for name in _PROGRAMS},
    }


async def _compute() -> dict[str, Any]:
    """The isolation level that execution environments get here, and the runtimes found."""
    from cloudlet.compute.errors import RuntimeUnavailable
    from cloudlet.compute.pool import Compute

    with tempfile.TemporaryDirectory(prefix="cloudlet-doctor-") as folder:
        network = config.load().lambda_.network
        compute = Compute(
            data=Path(folder), code_root=Path(folder), logs=_Nowhere(), network=network
        )
        level = compute.level()
        runtimes = []
        for identifier in IDENTIFIERS:
            try:
                found = await compute.find_runtime(identifier)
            except RuntimeUnavailable as error:
                runtimes.append({"name": identifier, "detail": f"not here: {error}"})
                continue
            note = "" if found.exact else "  (the nearest; this machine lacks the exact version)"
            runtimes.append(
                {"name": identifier, "detail": f"{found.found} at {found.executable}{note}"}
            )
        await compute.stop()
    return {
        "isolation": {"summary": level.summary, "items": [asdict(i) for i in level.items]},
        "runtimes": runtimes,
    }


class _Nowhere:
    """Takes no logs: nothing runs."""

    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        """Drop the lines."""
