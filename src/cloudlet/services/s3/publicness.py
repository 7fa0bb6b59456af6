"""Whether a bucket policy is public ("The meaning of 'public'" in the S3 User Guide)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

#: Condition keys whose fixed values make a statement for everybody non-public.
_FIXED = frozenset(
    {
        "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner",
        "aws:sourceaccount", "aws:principalorgid", "aws:principalaccount", "aws:principalarn",
        "aws:userid", "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:dataaccesspointarn", "s3:dataaccesspointaccount",
    }
)  # fmt: skip


@lru_cache(maxsize=256)
def is_public(document: str) -> bool:
    """Whether the policy allows anything to everybody without a fixed condition."""
    statements = msgspec.json.decode(document).get("Statement", [])
    if isinstance(statements, dict):
        statements = [statements]
    return any(_is_public(statement) for statement in statements)


def _is_public(statement: dict[str, Any]) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    if "NotPrincipal" not in statement and not _is_everybody(statement.get("Principal")):
        return False
    return not any(
        _narrows(operator, key.lower(), values)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _is_everybody(principal: Any) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, dict):
        return False
    named = principal.get("AWS", [])
    return "*" in (named if isinstance(named, list) else [named])


def _narrows(operator: str, key: str, values: Any) -> bool:
    name = operator.rsplit(":", maxsplit=1)[-1]
    given = values if isinstance(values, list) else [values]
    if name.endswith("IfExists"):
        return False
    if key == "aws:sourceip":
        # Blocks wider than /8 are public; a negated one is not a limit.
        return name == "IpAddress" and all(_bits(str(value)) >= 8 for value in given)
    if key not in _FIXED or name not in ("StringEquals", "StringLike", "ArnEquals", "ArnLike"):
        return False
    return all(not set("*?$") & set(str(value).removesuffix(":*")) for value in given)


def _bits(block: str) -> int:
    _, slash, bits = block.partition("/")
    return int(bits) if slash and bits.isdigit() else 32
