"""Resource policies as whole documents, beside AddPermission's statement by statement."""

from __future__ import annotations

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    DeleteResourcePolicyRequest,
    GetResourcePolicyRequest,
    GetResourcePolicyResponse,
    PutResourcePolicyRequest,
    PutResourcePolicyResponse,
)
from cloudlet.aws.policy import MalformedPolicy, Policy
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import (
    InvalidParameterValue,
    PublicPolicy,
    ResourceNotFound,
)
from cloudlet.services.lambda_.model import PolicyRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName, from_arn
from cloudlet.services.lambda_.permissions import check_size, document, is_public, policy, policy_id
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import check_revision, revision

Lambda = Context[LambdaService]
Request = PutResourcePolicyRequest | GetResourcePolicyRequest | DeleteResourcePolicyRequest


def _arn(_ctx: Lambda, req: Request) -> str:
    return req.resource_arn


def _policy(ctx: Lambda, req: Request) -> Policy | None:
    name = from_arn(req.resource_arn)
    return policy(ctx.service.store, name) if name is not None else None


@operation("PutResourcePolicy", resource=_arn, policy=_policy)
async def put_resource_policy(
    ctx: Lambda, req: PutResourcePolicyRequest
) -> PutResourcePolicyResponse:
    """Replace the whole policy of a function, version or alias, AddPermission's statements too."""
    name = _named(ctx, req)
    if name.qualifier == LATEST:
        raise InvalidParameterValue("We currently do not support adding policies for $LATEST.")
    try:
        parsed = Policy.parse(req.policy, resource_based=True, owner=name.account)
    except MalformedPolicy as error:
        raise InvalidParameterValue(
            f"The provided policy document is not valid: {error}"
        ) from error
    if is_public(parsed.document):
        raise PublicPolicy(
            "The resource-based policy you tried to add to the Lambda resource would grant public"
            " access to it, which isn't allowed."
        )
    statements = parsed.document["Statement"]
    if isinstance(statements, dict):
        statements = [statements]
    record = PolicyRecord(
        revision_id=revision(),
        statements=tuple(msgspec.Raw(msgspec.json.encode(one)) for one in statements),
        text=req.policy,
    )
    check_size(record)
    store = ctx.service.store
    async with ctx.service.changing(name):
        store.configuration(name)
        before = store.policies.get(name.account, name.region, policy_id(name))
        check_revision(req.revision_id, before.revision_id if before else "", "GetResourcePolicy")
        await store.policies.put(name.account, name.region, policy_id(name), record)
        ctx.service.targets.forget(name)
    return PutResourcePolicyResponse(policy=req.policy, revision_id=record.revision_id)


@operation("GetResourcePolicy", resource=_arn, policy=_policy)
async def get_resource_policy(
    ctx: Lambda, req: GetResourcePolicyRequest
) -> GetResourcePolicyResponse:
    """The policy document, also where AddPermission made it."""
    name = _named(ctx, req)
    ctx.service.store.configuration(name)
    found = _existing(ctx, name)
    return GetResourcePolicyResponse(policy=document(found), revision_id=found.revision_id)


@operation("DeleteResourcePolicy", resource=_arn, policy=_policy)
async def delete_resource_policy(ctx: Lambda, req: DeleteResourcePolicyRequest) -> None:
    """Remove every statement."""
    name = _named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        store.configuration(name)
        found = _existing(ctx, name)
        check_revision(req.revision_id, found.revision_id, "GetResourcePolicy")
        await store.policies.delete(name.account, name.region, policy_id(name))
        ctx.service.targets.forget(name)


def _named(ctx: Lambda, req: Request) -> FunctionName:
    """The function, version or alias of the ARN, in the request's region."""
    name = from_arn(req.resource_arn)
    if name is None:
        raise InvalidParameterValue(
            f"{req.resource_arn} is not the ARN of a function, a version or an alias; cloudlet has"
            " no policies of other Lambda resources."
        )
    if name.region != ctx.region:
        raise ResourceNotFound(
            f"Functions from '{name.region}' are not reachable in this region ('{ctx.region}')"
        )
    return name


def _existing(ctx: Lambda, name: FunctionName) -> PolicyRecord:
    found = ctx.service.store.policies.get(name.account, name.region, policy_id(name))
    if found is None:
        raise ResourceNotFound("The resource you requested does not exist.")
    return found
