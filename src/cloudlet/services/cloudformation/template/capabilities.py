"""The capabilities that a template needs its deployer to acknowledge.

Source: CloudFormation API Reference, CreateStack, "Capabilities".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cloudlet.services.cloudformation.errors import InsufficientCapabilities

IAM_TYPES = {
    "AWS::IAM::AccessKey", "AWS::IAM::Group", "AWS::IAM::GroupPolicy", "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::RolePolicy",
    "AWS::IAM::User", "AWS::IAM::UserPolicy", "AWS::IAM::UserToGroupAddition",
}  # fmt: skip
NAMES = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
#: SAM's resources for which the transform makes a role where none is given.
_ROLE_MAKERS = {"AWS::Serverless::Function", "AWS::Serverless::StateMachine"}


def needed(resources: Mapping[str, Mapping[str, Any]], transforms: Iterable[str]) -> list[str]:
    """The capabilities, most particular first, for creating a stack directly."""
    types = {resource["Type"] for resource in resources.values()}
    found = []
    if types & IAM_TYPES or _makes_role(resources):
        found.append("CAPABILITY_NAMED_IAM" if _is_named(resources) else "CAPABILITY_IAM")
    if list(transforms):
        found.append("CAPABILITY_AUTO_EXPAND")
    return found


def reason(resources: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Why capabilities are needed, as ValidateTemplate words it."""
    types = sorted({resource["Type"] for resource in resources.values()} & IAM_TYPES)
    if not types:
        return None
    return f"The following resource(s) require capabilities: [{', '.join(types)}]"


def check(
    resources: Mapping[str, Mapping[str, Any]],
    transforms: Iterable[str],
    given: Iterable[str],
    *,
    reviewed: bool,
) -> None:
    """Raise `InsufficientCapabilities` for those that were not given.

    A change set is reviewed before it is executed, so macros need no capability there.
    """
    have = set(given)
    if "CAPABILITY_NAMED_IAM" in have:
        have.add("CAPABILITY_IAM")
    missing = [
        capability
        for capability in needed(resources, [] if reviewed else transforms)
        if capability not in have
    ]
    if missing:
        raise InsufficientCapabilities(f"Requires capabilities : [{', '.join(missing)}]")


def _is_named(resources: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(
        NAMES.get(resource["Type"], "") in resource.get("Properties", {})
        for resource in resources.values()
    )


def _makes_role(resources: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(
        resource["Type"] in _ROLE_MAKERS and "Role" not in resource.get("Properties", {})
        for resource in resources.values()
    )
