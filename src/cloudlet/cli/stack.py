"""Making a stack what a template says, with progress a resource a line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloudlet.cli import screen
from cloudlet.cli.problem import Problem

#: The largest template that goes into a request; larger ones go through the bucket.
TEMPLATE_LIMIT = 51_200
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Deployment:
    """A finished deployment: whether anything changed, and the stack's outputs."""

    changed: bool
    outputs: dict[str, str]
    descriptions: dict[str, str]


class Stack:
    """One stack of a running cloudlet, by its name."""

    def __init__(self, client: Any, name: str, report: Callable[[str], None]) -> None:
        self.client = client
        self.name = name
        self.report = report

    def deploy(
        self, template: dict[str, Any], parameters: dict[str, str], upload: Callable[[bytes], str]
    ) -> Deployment:
        """Create or update the stack by a change set, following its events to the end.

        Parameters not given keep their value in an existing stack. Raises `Problem` with the
        reason of the first resource that failed.
        """
        existing = self.describe()
        if existing and existing["StackStatus"] in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
            self.report(f"Deleting what is left of the failed stack {self.name}")
            self.delete()
            existing = None
        body = json.dumps(template).encode()
        source = (
            {"TemplateBody": body.decode()}
            if len(body) <= TEMPLATE_LIMIT
            else {"TemplateURL": upload(body)}
        )
        change_set = f"cloudlet-{time.time_ns()}"
        fresh = existing is None or existing["StackStatus"] == "REVIEW_IN_PROGRESS"
        self._call(
            "create_change_set",
            StackName=self.name,
            ChangeSetName=change_set,
            ChangeSetType="CREATE" if fresh else "UPDATE",
            Parameters=self._parameters(template, parameters, existing),
            Capabilities=CAPABILITIES,
            **source,
        )
        changed = self._await_change_set(change_set)
        if changed:
            started = self._latest_event()
            self._call("execute_change_set", StackName=self.name, ChangeSetName=change_set)
            self._follow(started)
        stack = self.describe() or {}
        outputs = stack.get("Outputs", [])
        return Deployment(
            changed=changed,
            outputs={o["OutputKey"]: o["OutputValue"] for o in outputs},
            descriptions={o["OutputKey"]: o.get("Description", "") for o in outputs},
        )

    def delete(self) -> None:
        """Delete the stack and wait for the end; `Problem` if something would not go."""
        started = self._latest_event()
        identity = (self.describe() or {}).get("StackId", self.name)
        self._call("delete_stack", StackName=self.name)
        while True:
            found = self.client.describe_stacks(StackName=identity)["Stacks"][0]
            if found["StackStatus"] == "DELETE_COMPLETE":
                return
            if found["StackStatus"] == "DELETE_FAILED":
                raise self._failure(started, found["StackStatus"])
            time.sleep(POLL_S)

    def describe(self) -> dict[str, Any] | None:
        """The stack as DescribeStacks gives it, or None."""
        from botocore.exceptions import ClientError

        try:
            found: dict[str, Any] = self.client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise Problem(str(error)) from error
        return found

    def _call(self, operation: str, **arguments: Any) -> Any:
        from botocore.exceptions import ClientError

        try:
            return getattr(self.client, operation)(**arguments)
        except ClientError as error:
            message = error.response.get("Error", {}).get("Message", str(error))
            raise Problem(f"The stack {self.name} was refused: {message}") from error

    @staticmethod
    def _parameters(
        template: dict[str, Any], given: dict[str, str], existing: dict[str, Any] | None
    ) -> list[dict[str, Any]]:
        declared = template.get("Parameters", {})
        unknown = sorted(set(given) - set(declared))
        if unknown:
            raise Problem(
                f"The template has no parameter {', '.join(unknown)}.",
                f"It has: {', '.join(sorted(declared)) or 'none'}.",
            )
        kept = {p["ParameterKey"] for p in (existing or {}).get("Parameters", [])}
        parameters: list[dict[str, Any]] = []
        for name in declared:
            if name in given:
                parameters.append({"ParameterKey": name, "ParameterValue": given[name]})
            elif name in kept:
                parameters.append({"ParameterKey": name, "UsePreviousValue": True})
        return parameters

    def _await_change_set(self, change_set: str) -> bool:
        """Wait until it is ready; False when there is nothing to change."""
        while True:
            found = self._call("describe_change_set", StackName=self.name, ChangeSetName=change_set)
            status, reason = found["Status"], found.get("StatusReason", "")
            if status == "CREATE_COMPLETE":
                return True
            if status == "FAILED":
                if "didn't contain changes" in reason or "No updates" in reason:
                    self._call("delete_change_set", StackName=self.name, ChangeSetName=change_set)
                    return False
                raise Problem(f"The template cannot be deployed: {reason}")
            time.sleep(POLL_S / 2)

    def _events(self) -> list[dict[str, Any]]:
        """The stack's events, newest first."""
        from botocore.exceptions import ClientError

        try:
            pages = self.client.get_paginator("describe_stack_events").paginate(StackName=self.name)
            return [event for page in pages for event in page["StackEvents"]]
        except ClientError:
            return []

    def _latest_event(self) -> str:
        events = self._events()
        return str(events[0]["EventId"]) if events else ""

    def _since(self, event_id: str) -> list[dict[str, Any]]:
        """The events after `event_id`, oldest first."""
        fresh: list[dict[str, Any]] = []
        for event in self._events():
            if event["EventId"] == event_id:
                break
            fresh.append(event)
        return fresh[::-1]

    def _follow(self, started: str) -> None:
        last = started
        while True:
            stack = self.describe() or {}
            for event in self._since(last):
                last = event["EventId"]
                if "Initiated" not in event.get("ResourceStatusReason", ""):
                    self.report(_line(event))
            status = stack.get("StackStatus", "DELETE_COMPLETE")
            if not status.endswith("_IN_PROGRESS"):
                break
            time.sleep(POLL_S)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise self._failure(started, status)

    def _failure(self, started: str, status: str) -> Problem:
        for event in self._since(started):
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                return Problem(
                    f"{event['LogicalResourceId']} ({event['ResourceType']}) failed: {reason}",
                    f"The stack {self.name} is now {status}.",
                )
        return Problem(f"The stack {self.name} is now {status}.")


def _line(event: dict[str, Any]) -> str:
    status = event["ResourceStatus"]
    colour = "red" if "FAILED" in status or "ROLLBACK" in status else "green"
    styles = (colour,) if not status.endswith("IN_PROGRESS") else ("dim",)
    reason = event.get("ResourceStatusReason", "")
    return (
        f"  {screen.styled(status.ljust(28), *styles)} {event['LogicalResourceId']}"
        f" {screen.styled(event['ResourceType'], 'dim')}"
        + (f"  {reason}" if reason and "FAILED" in status else "")
    )
