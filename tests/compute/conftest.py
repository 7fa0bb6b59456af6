from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cloudlet.compute.environment import EnvironmentSpec, Invocation, Outcome
from cloudlet.compute.pool import Compute


class Log:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        self.events += [(group, stream, text) for _, text in lines]

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text in self.events]


async def credentials() -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }


class Bench:
    """A `Compute` with a code store, and the shortest way to call a function in it."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root = root
        self.code_root = root / "code"
        self.code_root.mkdir()
        self.log = Log()
        self.compute = Compute(
            data=root / "data", logs=self.log, code_root=self.code_root, **options
        )
        self.requests = 0

    def function(self, source: str, name: str = "fn", **changes: Any) -> EnvironmentSpec:
        folder = self.code_root / name
        folder.mkdir(exist_ok=True)
        node = changes.get("runtime", "python3.11").startswith("nodejs")
        file = changes.pop("file", "app.js" if node else "app.py")
        (folder / file).write_text(source)
        values: dict[str, Any] = {
            "key": f"{name}:1", "runtime": "python3.11", "handler": "app.handler", "code": folder,
            "layers": (), "memory_mb": 128, "timeout_s": 5.0, "tmp_mb": 512,
            "variables": {"AWS_REGION": "eu-west-1", "COLOUR": "blue"},
            "credentials": credentials, "log_group": f"/aws/lambda/{name}",
            "function_name": name, "version": "$LATEST",
        }  # fmt: skip
        return EnvironmentSpec(**(values | changes))

    async def invoke(self, spec: EnvironmentSpec, event: Any = None, **changes: Any) -> Outcome:
        self.requests += 1
        values: dict[str, Any] = {
            "request_id": f"request-{self.requests}",
            "function_arn": f"arn:aws:lambda:eu-west-1:000000000000:function:{spec.function_name}",
            "payload": json.dumps(event).encode(),
            "client_context": None,
            "trace_id": "Root=1-0-0",
        }
        return await self.compute.invoke(spec, Invocation(**(values | changes)))

    async def call(self, spec: EnvironmentSpec, event: Any = None) -> Any:
        outcome = await self.invoke(spec, event)
        return json.loads(outcome.payload)


MakeBench = Callable[..., Any]


@pytest.fixture
async def make_bench(tmp_path: Path) -> AsyncIterator[MakeBench]:
    made: list[Bench] = []

    async def make(**options: Any) -> Bench:
        root = tmp_path / str(len(made))
        root.mkdir()
        bench = Bench(root, **options)
        made.append(bench)
        await bench.compute.start()
        return bench

    yield make
    for bench in made:
        await bench.compute.stop()


@pytest.fixture
async def bench(make_bench: MakeBench) -> Any:
    return await make_bench(reserve=1)
