"""Resource policies: who else may use a function."""

from __future__ import annotations

import json

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    AddPermissionRequest,
    AddPermissionResponse,
    GetPolicyRequest,
    GetPolicyResponse,
    RemovePermissionRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import (
    InvalidParameterValue,
    ResourceConflict,
    ResourceNotFound,
)
from cloudlet.services.lambda_.model import PolicyRecord
from cloudlet.services.lambda_.names import LATEST
from cloudlet.services.lambda_.permissions import check_size, document, policy_id, sid, statement
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import check_revision, revision

Lambda = Context[LambdaService]


@operation("AddPermission", resource=function_arn, policy=function_policy)
async def add_permission(ctx: Lambda, req: AddPermissionRequest) -> AddPermissionResponse:
    """Add a statement to the policy of the function, version or alias."""
    name = named(ctx, req)
    store = ctx.service.store
    if name.qualifier == LATEST:
        raise InvalidParameterValue("We currently do not support adding policies for $LATEST.")
    async with ctx.service.changing(name):
        configuration = store.configuration(name)
        id_ = policy_id(name)
        before = store.policies.get(name.account, name.region, id_)
        check_revision(req.revision_id, (before or configuration).revision_id)
        statements = before.statements if before else ()
        if any(sid(raw) == req.statement_id for raw in statements):
            raise ResourceConflict(
                f"The statement id ({req.statement_id}) provided already exists. Please provide a"
                " new statement id, or remove the existing statement."
            )
        text = json.dumps(statement(req, name.qualified_arn), separators=(",", ":"))
        policy = PolicyRecord(
            revision_id=revision(), statements=(*statements, msgspec.Raw(text.encode()))
        )
        check_size(policy)
        await store.policies.put(name.account, name.region, id_, policy)
        ctx.service.targets.forget(name)
    return AddPermissionResponse(statement=text)


@operation("RemovePermission", resource=function_arn, policy=function_policy)
async def remove_permission(ctx: Lambda, req: RemovePermissionRequest) -> None:
    """Remove a statement by its id."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        if store.functions.get(*name.key) is None:
            raise ResourceNotFound(f"No policy found for: {name.arn}")
        store.configuration(name)
        id_ = policy_id(name)
        before = store.policies.get(name.account, name.region, id_)
        if before is None:
            raise ResourceNotFound("No policy is associated with the given resource.")
        check_revision(req.revision_id, before.revision_id)
        rest = tuple(raw for raw in before.statements if sid(raw) != req.statement_id)
        if len(rest) == len(before.statements):
            raise ResourceNotFound(f"Statement {req.statement_id} is not found in resource policy.")
        if rest:
            policy = PolicyRecord(revision_id=revision(), statements=rest)
            await store.policies.put(name.account, name.region, id_, policy)
        else:
            await store.policies.delete(name.account, name.region, id_)
        ctx.service.targets.forget(name)


@operation("GetPolicy", resource=function_arn, policy=function_policy)
async def get_policy(ctx: Lambda, req: GetPolicyRequest) -> GetPolicyResponse:
    """The policy document of the function, version or alias."""
    name = named(ctx, req)
    store = ctx.service.store
    store.configuration(name)
    policy = store.policies.get(name.account, name.region, policy_id(name))
    if policy is None:
        raise ResourceNotFound("The resource you requested does not exist.")
    return GetPolicyResponse(policy=document(policy), revision_id=policy.revision_id)
