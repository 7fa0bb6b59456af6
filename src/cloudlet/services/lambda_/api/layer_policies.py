"""Resource policies of layer versions: which accounts may use them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    AddLayerVersionPermissionRequest,
    AddLayerVersionPermissionResponse,
    GetLayerVersionPolicyRequest,
    GetLayerVersionPolicyResponse,
    RemoveLayerVersionPermissionRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import (
    InvalidParameterValue,
    ResourceConflict,
    ResourceNotFound,
)
from cloudlet.services.lambda_.model import PolicyRecord
from cloudlet.services.lambda_.names import FunctionName, LayerName, layer_name
from cloudlet.services.lambda_.permissions import check_size, document, sid
from cloudlet.services.lambda_.resources import layer_arn
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import check_revision, revision

Lambda = Context[LambdaService]


@operation("AddLayerVersionPermission", resource=layer_arn)
async def add_layer_version_permission(
    ctx: Lambda, req: AddLayerVersionPermissionRequest
) -> AddLayerVersionPermissionResponse:
    """Let an account, an organisation or everybody get the layer version."""
    name = _existing(ctx, req)
    if req.organization_id and req.principal != "*":
        raise InvalidParameterValue(
            "OrganizationId can be specified only when the principal is '*'."
        )
    store = ctx.service.store
    async with ctx.service.changing(_lock(name)):
        before = store.layer_policies.get(name.account, name.region, name.id)
        check_revision(req.revision_id, before.revision_id if before else "", "GetLayerPolicy")
        statements = before.statements if before else ()
        if any(sid(raw) == req.statement_id for raw in statements):
            raise ResourceConflict(
                f"The statement id ({req.statement_id}) provided already exists. Please provide a"
                " new statement id, or remove the existing statement."
            )
        text = json.dumps(_statement(req, name), separators=(",", ":"))
        policy = PolicyRecord(
            revision_id=revision(), statements=(*statements, msgspec.Raw(text.encode()))
        )
        check_size(policy)
        await store.layer_policies.put(name.account, name.region, name.id, policy)
    return AddLayerVersionPermissionResponse(statement=text, revision_id=policy.revision_id)


@operation("RemoveLayerVersionPermission", resource=layer_arn)
async def remove_layer_version_permission(
    ctx: Lambda, req: RemoveLayerVersionPermissionRequest
) -> None:
    """Remove a statement by its id."""
    name = _existing(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(_lock(name)):
        before = _policy(ctx, name)
        check_revision(req.revision_id, before.revision_id, "GetLayerPolicy")
        rest = tuple(raw for raw in before.statements if sid(raw) != req.statement_id)
        if len(rest) == len(before.statements):
            raise ResourceNotFound(f"Statement {req.statement_id} is not found in resource policy.")
        if rest:
            policy = PolicyRecord(revision_id=revision(), statements=rest)
            await store.layer_policies.put(name.account, name.region, name.id, policy)
        else:
            await store.layer_policies.delete(name.account, name.region, name.id)


@operation("GetLayerVersionPolicy", resource=layer_arn)
async def get_layer_version_policy(
    ctx: Lambda, req: GetLayerVersionPolicyRequest
) -> GetLayerVersionPolicyResponse:
    """The policy document of the layer version."""
    found = _policy(ctx, _existing(ctx, req))
    return GetLayerVersionPolicyResponse(policy=document(found), revision_id=found.revision_id)


def _existing(ctx: Lambda, req: Any) -> LayerName:
    name = layer_name(ctx, req.layer_name, req.version_number)
    if ctx.service.store.layers.get(name.account, name.region, name.id) is None:
        raise ResourceNotFound(f"Layer version {name.arn}:{name.version} does not exist.")
    return name


def _policy(ctx: Lambda, name: LayerName) -> PolicyRecord:
    found = ctx.service.store.layer_policies.get(name.account, name.region, name.id)
    if found is None:
        raise ResourceNotFound("No policy is associated with the given resource.")
    return found


def _statement(req: AddLayerVersionPermissionRequest, name: LayerName) -> dict[str, Any]:
    principal: Any = req.principal
    if principal.isdigit():
        principal = f"arn:aws:iam::{principal}:root"
    made: dict[str, Any] = {
        "Sid": req.statement_id,
        "Effect": "Allow",
        "Principal": principal if principal == "*" else {"AWS": principal},
        "Action": req.action,
        "Resource": f"{name.arn}:{name.version}",
    }
    if req.organization_id:
        made["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": req.organization_id}}
    return made


def _lock(name: LayerName) -> FunctionName:
    return FunctionName(name.account, name.region, f"layer:{name.name}")
