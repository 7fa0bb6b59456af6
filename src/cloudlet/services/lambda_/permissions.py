"""Resource policies as AddPermission makes them, and as they are enforced."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cloudlet.aws.models.lambda_ import AddPermissionRequest
from cloudlet.aws.policy import Policy
from cloudlet.services.lambda_.errors import InvalidParameterValue, PolicyLengthExceeded
from cloudlet.services.lambda_.model import PolicyRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName, LayerName
from cloudlet.services.lambda_.store import Store

#: "Lambda quotas": function resource-based policy.
POLICY_BYTES = 20 * 1024

_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|amazon\.com)")
_ARN = re.compile(r"arn:aws[a-zA-Z-]*:(iam|sts)::\d{12}:.+")


def statement(request: AddPermissionRequest, resource: str) -> dict[str, Any]:
    """The statement that AWS forms from an AddPermission request."""
    if request.function_url_auth_type and request.action != "lambda:InvokeFunctionUrl":
        raise InvalidParameterValue(
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"
        )
    conditions: dict[str, dict[str, str]] = {}
    if request.source_account is not None:
        conditions.setdefault("StringEquals", {})["AWS:SourceAccount"] = request.source_account
    if request.principal_org_id is not None:
        conditions.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = request.principal_org_id
    if request.event_source_token is not None:
        conditions.setdefault("StringEquals", {})["lambda:EventSourceToken"] = (
            request.event_source_token
        )
    if request.function_url_auth_type is not None:
        conditions.setdefault("StringEquals", {})["lambda:FunctionUrlAuthType"] = (
            request.function_url_auth_type
        )
    if request.invoked_via_function_url is not None:
        conditions["Bool"] = {
            "lambda:InvokedViaFunctionUrl": str(request.invoked_via_function_url).lower()
        }
    if request.source_arn is not None:
        conditions["ArnLike"] = {"AWS:SourceArn": request.source_arn}
    made: dict[str, Any] = {
        "Sid": request.statement_id,
        "Effect": "Allow",
        "Principal": _principal(request.principal),
        "Action": request.action,
        "Resource": resource,
    }
    if conditions:
        made["Condition"] = conditions
    return made


def _principal(text: str) -> str | dict[str, str]:
    if text == "*":
        return text
    if re.fullmatch(r"\d{12}", text):
        return {"AWS": f"arn:aws:iam::{text}:root"}
    if _ARN.fullmatch(text):
        return {"AWS": text}
    if _SERVICE.fullmatch(text):
        return {"Service": text}
    raise InvalidParameterValue(
        "The provided principal was invalid. Please check the principal and try again."
    )


def document(record: PolicyRecord) -> str:
    """The policy document as GetPolicy gives it."""
    if record.text:
        return record.text
    statements = ",".join(bytes(raw).decode() for raw in record.statements)
    return f'{{"Version":"2012-10-17","Id":"default","Statement":[{statements}]}}'


def check_size(record: PolicyRecord) -> None:
    """Raise `PolicyLengthExceeded` where the document is over its 20 KB."""
    size = len(document(record).encode())
    if size > POLICY_BYTES:
        raise PolicyLengthExceeded(
            f"The final policy size ({size}) is bigger than the limit ({POLICY_BYTES})."
        )


def sid(raw: msgspec.Raw) -> str:
    """The id of a stored statement."""
    return str(json.loads(bytes(raw)).get("Sid", ""))


#: Keys of conditions that say who calls; a wildcard principal with one of them is not anybody. A
#: function URL's policy is public by intent and named so.
_CALLERS = frozenset(
    {
        "aws:sourceaccount", "aws:sourcearn", "aws:sourceowner", "aws:sourceorgid",
        "aws:sourceorgpaths", "aws:principalaccount", "aws:principalarn", "aws:principalorgid",
        "aws:principalorgpaths", "aws:userid", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceip",
        "lambda:eventsourcetoken", "lambda:functionurlauthtype",
    }
)  # fmt: skip


def is_public(policy: Mapping[str, Any]) -> bool:
    """Whether a statement allows every principal without a condition on who calls.

    After "A policy that grants public access" of AWS's Block Public Access; its exact rule for
    Lambda is not documented.
    """
    statements = policy["Statement"]
    for one in [statements] if isinstance(statements, dict) else statements:
        principal = one.get("Principal")
        named = principal.get("AWS", ()) if isinstance(principal, dict) else principal
        names = [named] if isinstance(named, str) else named or ()
        if one["Effect"] != "Allow" or ("*" not in names and "NotPrincipal" not in one):
            continue
        keys = {k.lower() for tests in one.get("Condition", {}).values() for k in tests}
        if not keys & _CALLERS:
            return True
    return False


def policy_id(name: FunctionName) -> str:
    """Where the policy of the function, version or alias is kept."""
    qualifier = name.qualifier if name.qualifier != LATEST else None
    return f"{name.name}:{qualifier or LATEST}"


def policy(store: Store, name: FunctionName) -> Policy | None:
    """The compiled resource policy of a function, version or alias, if it has one."""
    record = store.policies.get(name.account, name.region, policy_id(name))
    if record is None:
        return None
    return Policy.parse(document(record), resource_based=True, owner=name.account)


def layer_policy(store: Store, name: LayerName) -> Policy | None:
    """The compiled resource policy of a layer version, if it has one."""
    record = store.layer_policies.get(name.account, name.region, name.id)
    if record is None:
        return None
    return Policy.parse(document(record), resource_based=True, owner=name.account)
