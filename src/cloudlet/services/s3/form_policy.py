"""The policy document of an upload form: until when it holds, and what the form may say.

"Creating a POST Policy" in the S3 API Reference.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from cloudlet.aws.codec import timestamps
from cloudlet.aws.errors import AccessDenied
from cloudlet.aws.sigv4 import SIGNATURE_FIELDS
from cloudlet.services.s3.errors import InvalidPolicyDocument

#: What needs no condition.
_FREE = SIGNATURE_FIELDS | {"bucket", "file"}


def check(encoded: str, fields: Mapping[str, str], now: float) -> tuple[int, int] | None:
    """Raise AccessDenied unless the form keeps to its policy; the sizes that the file may have.

    `fields` have lower-case names; `bucket` is among them.
    """
    document = _document(encoded)
    expiration, conditions = document.get("expiration"), document.get("conditions")
    if not isinstance(expiration, str):
        raise InvalidPolicyDocument("Invalid Policy: Policy missing expiration.")
    if not isinstance(conditions, list):
        raise InvalidPolicyDocument("Invalid Policy: Policy missing conditions.")
    try:
        ends = timestamps.parse(expiration)
    except (ValueError, OverflowError) as error:
        raise InvalidPolicyDocument(
            f"Invalid Policy: Invalid 'expiration' value: '{expiration[:64]}'"
        ) from error
    if ends <= now:
        raise AccessDenied("Invalid according to Policy: Policy expired.")
    sizes: tuple[int, int] | None = None
    spoken = set(_FREE)
    for condition in conditions:
        operator, name, value = _read(condition)
        if operator == "content-length-range":
            sizes = _sizes(condition)
            continue
        spoken.add(name)
        found = fields.get(name, "")
        if not (found == value if operator == "eq" else found.startswith(value)):
            shown = json.dumps([operator, f"${name}", value])
            raise AccessDenied(f"Invalid according to Policy: Policy Condition failed: {shown}")
    extra = [name for name in fields if name not in spoken and not name.startswith("x-ignore-")]
    if extra:
        raise AccessDenied(
            f"Invalid according to Policy: Extra input fields: {', '.join(extra)[:256]}"
        )
    return sizes


def _document(encoded: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.") from error
    if not isinstance(found, dict):
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.")
    return found


def _read(condition: Any) -> tuple[str, str, str]:
    """A condition as (operator, field in lower case, value)."""
    if isinstance(condition, dict) and len(condition) == 1:
        ((name, value),) = condition.items()
        if isinstance(value, str):
            return "eq", name.lower(), value
    elif isinstance(condition, list) and len(condition) == 3 and isinstance(condition[0], str):
        operator, name, value = condition
        operator = operator.lower()
        if operator == "content-length-range":
            return operator, "", ""
        named = isinstance(name, str) and name.startswith("$") and isinstance(value, str)
        if operator in ("eq", "starts-with") and named:
            return operator, name[1:].lower(), value
    raise InvalidPolicyDocument(
        f"Invalid Policy: Invalid Simple-Condition: {json.dumps(condition)[:256]}"
    )


def _sizes(condition: list[Any]) -> tuple[int, int]:
    try:
        return int(condition[1]), int(condition[2])
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidPolicyDocument(
            "Invalid Policy: Invalid content-length-range condition."
        ) from error
