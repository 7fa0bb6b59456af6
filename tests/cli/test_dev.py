from __future__ import annotations

from pathlib import Path

import pytest

from cloudlet.cli.connection import Connection
from cloudlet.cli.dev import affected, needs_deployment, watched
from cloudlet.cli.live_code import LiveStack
from cloudlet.cli.package import local_code

FOUND = Connection("http://127.0.0.1:4566", "us-east-1", "k", "s", {})
SAM = {"Type": "AWS::Serverless::Function"}
TEMPLATE = {
    "Resources": {
        "One": {**SAM, "Properties": {"CodeUri": "a", "Runtime": "python3.11"}},
        "Two": {**SAM, "Properties": {"CodeUri": "a/inner", "Runtime": "nodejs20.x"}},
        "Api": {"Type": "AWS::Serverless::Api", "Properties": {"DefinitionUri": "api.yml"}},
    }
}


@pytest.fixture
def stack(tmp_path: Path) -> LiveStack:
    (tmp_path / "a" / "inner").mkdir(parents=True)
    for name in ("template.yml", "api.yml", "a/requirements.txt", "a/inner/package.json"):
        (tmp_path / name).write_text("")
    live = LiveStack(FOUND, tmp_path / "template.yml", "s", {}, lambda _: None)
    live.code = list(local_code(TEMPLATE, tmp_path))
    return live


@pytest.mark.parametrize(
    ("changed", "whole", "functions"),
    [
        ("template.yml", True, []),
        ("api.yml", True, []),
        ("a/requirements.txt", True, ["One"]),
        ("a/inner/package.json", True, ["One", "Two"]),
        ("a/app.py", False, ["One"]),
        ("a/inner/index.js", False, ["One", "Two"]),
    ],
)
def test_what_a_change_takes(
    stack: LiveStack, tmp_path: Path, changed: str, whole: bool, functions: list[str]
) -> None:
    paths = {tmp_path / changed}
    assert needs_deployment(stack, paths) is whole
    assert [one.name for one in affected(stack, paths)] == functions


def test_nothing_is_watched_twice(stack: LiveStack, tmp_path: Path) -> None:
    assert watched(stack) == [tmp_path / "template.yml", tmp_path / "a", tmp_path / "api.yml"]
