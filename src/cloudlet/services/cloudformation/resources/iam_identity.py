"""What roles, users and groups have in common: inline and attached policies, tags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import Task, tags_as_map
from cloudlet.services.cloudformation.resources.schema import (
    JSON,
    STRING,
    listing,
    required,
    structure,
)

INLINE = listing(structure(PolicyName=required(STRING), PolicyDocument=required(JSON)))


def document_text(document: Any) -> str:
    """A policy document as the text that IAM takes."""
    return document if isinstance(document, str) else json.dumps(document)


def _inline(properties: Mapping[str, Any]) -> dict[str, str]:
    return {
        policy["PolicyName"]: document_text(policy["PolicyDocument"])
        for policy in properties.get("Policies", [])
    }


async def set_policies(
    task: Task, kind: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Bring the policies of `name`, a "Role", "User" or "Group", from `before` to `after`."""
    identity = {f"{kind}Name": name}
    old, new = _inline(before), _inline(after)
    for policy in sorted(set(old) - set(new)):
        await task.try_call("iam", f"Delete{kind}Policy", PolicyName=policy, **identity)
    for policy, text in new.items():
        if old.get(policy) != text:
            await task.call(
                "iam", f"Put{kind}Policy", PolicyName=policy, PolicyDocument=text, **identity
            )
    had = set(before.get("ManagedPolicyArns", []))
    wanted = set(after.get("ManagedPolicyArns", []))
    for arn in sorted(had - wanted):
        await task.try_call("iam", f"Detach{kind}Policy", PolicyArn=arn, **identity)
    for arn in sorted(wanted - had):
        await task.call("iam", f"Attach{kind}Policy", PolicyArn=arn, **identity)


async def set_boundary(
    task: Task, kind: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Bring the permissions boundary to what `after` says."""
    identity = {f"{kind}Name": name}
    wanted = after.get("PermissionsBoundary")
    if wanted == before.get("PermissionsBoundary"):
        return
    if wanted is None:
        await task.call("iam", f"Delete{kind}PermissionsBoundary", **identity)
    else:
        await task.call(
            "iam", f"Put{kind}PermissionsBoundary", PermissionsBoundary=wanted, **identity
        )


async def set_tags(
    task: Task, kind: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Bring the tags to what `after` says."""
    identity = {f"{kind}Name": name}
    old, new = tags_as_map(before.get("Tags")), tags_as_map(after.get("Tags"))
    gone = sorted(set(old) - set(new))
    if gone:
        await task.call("iam", f"Untag{kind}", TagKeys=gone, **identity)
    if new and new != old:
        await task.call("iam", f"Tag{kind}", Tags=after["Tags"], **identity)


async def clear(task: Task, kind: str, made: Made) -> None:
    """Take away what the stack gave, so that the identity can be deleted."""
    await set_policies(task, kind, made.physical_id, made.properties, {})
