"""Stack policies: which resources an update may touch.

Source: CloudFormation User Guide, "Prevent updates to stack resources": with a policy everything is
denied that no statement allows, and a Deny wins; principals are always everybody.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any


def denial(policy: str | None, action: str, logical_id: str, type_: str) -> str | None:
    """Why `action` ("Update:Modify", "Update:Replace", "Update:Delete") is denied, or None."""
    if policy is None:
        return None
    statements = json.loads(policy)["Statement"]
    allowed = False
    for number, statement in enumerate(_list(statements), 1):
        if not _applies(statement, action, logical_id, type_):
            continue
        if statement.get("Effect") == "Deny":
            return _denied(f"Statement [#{number}] does not allow", action, logical_id)
        allowed = True
    return None if allowed else _denied("No statement allows", action, logical_id)


def _denied(who: str, action: str, logical_id: str) -> str:
    return f"Action denied by stack policy: {who} [{action}] for resource [{logical_id}]"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(patterns: Any, value: str) -> bool:
    # Brackets are no wildcards in policies.
    return any(fnmatchcase(value, str(p).replace("[", "[[]")) for p in _list(patterns))


def _applies(statement: dict[str, Any], action: str, logical_id: str, type_: str) -> bool:
    resource = f"LogicalResourceId/{logical_id}"
    if "Action" in statement and not _matches(statement["Action"], action):
        return False
    if "NotAction" in statement and _matches(statement["NotAction"], action):
        return False
    if "Resource" in statement and not _matches(statement["Resource"], resource):
        return False
    if "NotResource" in statement and _matches(statement["NotResource"], resource):
        return False
    for operator, keys in statement.get("Condition", {}).items():
        wanted = keys.get("ResourceType", [])
        if operator == "StringEquals" and type_ not in _list(wanted):
            return False
        if operator == "StringLike" and not _matches(wanted, type_):
            return False
    return True
