"""A role, packages and functions for the tests that run functions on a live server."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.clients.live import Live

BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def package(files: Mapping[str, str]) -> bytes:
    """A zip file of these texts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def trust(service: str = "lambda.amazonaws.com") -> str:
    """A trust policy for a service."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass
class Functions:
    """Makes functions with names and roles of their own."""

    live: Live

    def __post_init__(self) -> None:
        self.client = self.live.client("lambda")
        self.logs = self.live.client("logs")

    def role(self, *, policy: str | None = BASIC_EXECUTION, service: str = "lambda.amazonaws.com"):
        """The ARN of a new role with the managed policy `policy`."""
        iam, name = self.live.client("iam"), unique("role")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(service))["Role"]["Arn"]
        if policy is not None:
            iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        return arn

    def create(self, source: str, **given: Any) -> str:
        """The name of a new function, which is active; `source` is its app.py."""
        wanted: dict[str, Any] = {
            "FunctionName": unique("function"),
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Code": {"ZipFile": package({"app.py": source})},
        }
        wanted.update(given)
        if "Role" not in wanted:
            wanted["Role"] = self.role()
        self.client.create_function(**wanted)
        name: str = wanted["FunctionName"]
        self.client.get_waiter("function_active_v2").wait(FunctionName=name)
        return name

    def invoke(self, name: str, event: Any = None, **given: Any) -> Any:
        """What the function returned."""
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **given)
        return json.loads(answer["Payload"].read())

    def lines(
        self, name: str, pattern: str = "", *, count: int = 1, within_s: float = 10
    ) -> list[str]:
        """The function's log lines that match, once there are `count` of them."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                found = self.logs.filter_log_events(
                    logGroupName=f"/aws/lambda/{name}", filterPattern=pattern
                )["events"]
            except self.logs.exceptions.ResourceNotFoundException:
                found = []
            if len(found) >= count:
                return [event["message"] for event in found]
            time.sleep(0.02)
        raise AssertionError(f"no {count} lines of {name} match {pattern!r}")


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"
