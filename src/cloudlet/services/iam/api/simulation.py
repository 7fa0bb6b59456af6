"""The policy simulator: the same evaluation that every request meets.

Where policies are in the input, their order numbers are their ids (`PolicyInputList.1`), as AWS
has it; a principal's own are called after their kind and name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cloudlet.aws.models import iam as shapes
from cloudlet.aws.policy import Decision, MalformedPolicy, Policy, Question, evaluate
from cloudlet.aws.principal import Principal
from cloudlet.aws.service import operation
from cloudlet.services.iam.api.requests import Iam
from cloudlet.services.iam.errors import InvalidInput, NoSuchEntity
from cloudlet.services.iam.model import Entity, Group, Role, User
from cloudlet.services.iam.paging import Page, page
from cloudlet.services.iam.store import KINDS
from cloudlet.storage.records import GLOBAL

Simulate = shapes.SimulateCustomPolicyRequest | shapes.SimulatePrincipalPolicyRequest

#: A policy with the id and the type under which the answer names it.
Source = tuple[Policy, str, str]


def _parse(documents: Sequence[str] | None, list_name: str, type_: str) -> list[Source]:
    found: list[Source] = []
    for number, document in enumerate(documents or (), start=1):
        try:
            found.append((Policy.parse(document), f"{list_name}.{number}", type_))
        except MalformedPolicy as error:
            raise InvalidInput(f"{list_name}.{number}: {error}") from error
    return found


@operation("SimulateCustomPolicy")
async def simulate_custom_policy(
    ctx: Iam, req: shapes.SimulateCustomPolicyRequest
) -> shapes.SimulatePolicyResponse:
    """What policies in the input would allow."""
    sources = _parse(req.policy_input_list, "PolicyInputList", "IAM Policy")
    principal = _caller(ctx, req, None)
    found = _simulate(ctx, req, principal, sources, None)
    return shapes.SimulatePolicyResponse(
        evaluation_results=found.items, is_truncated=found.is_truncated, marker=found.marker
    )


@operation("SimulatePrincipalPolicy", resource=lambda _, req: req.policy_source_arn)
async def simulate_principal_policy(
    ctx: Iam, req: shapes.SimulatePrincipalPolicyRequest
) -> shapes.SimulatePolicyResponse:
    """What the policies of a user, group or role would allow, with those in the input."""
    entity = _entity(ctx, req.policy_source_arn)
    sources = list(_sources(ctx, entity))
    sources += _parse(req.policy_input_list, "PolicyInputList", "IAM Policy")
    boundary: Policy | None = None
    if isinstance(entity, User | Role) and entity.boundary:
        bounding = ctx.service.store.policy(entity.boundary)
        boundary = Policy.parse(bounding.document) if bounding is not None else None
    principal = _caller(ctx, req, entity)
    found = _simulate(ctx, req, principal, sources, boundary)
    return shapes.SimulatePolicyResponse(
        evaluation_results=found.items, is_truncated=found.is_truncated, marker=found.marker
    )


def _entity(ctx: Iam, arn: str) -> Entity:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "iam" or parts[4] != ctx.account:
        raise InvalidInput(
            f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    kind, _, path = parts[5].partition("/")
    name = path.rpartition("/")[2]
    store = ctx.service.store
    entity: Entity | None = None
    for type_ in (User, Group, Role):
        if KINDS[type_] == kind:
            entity = store.table(type_).get(ctx.account, GLOBAL, name)
    if entity is None or store.arn(ctx.account, entity) != arn:
        raise NoSuchEntity(f"The {kind} with name {name} cannot be found.")
    return entity


def _sources(ctx: Iam, entity: Entity) -> Iterable[Source]:
    store = ctx.service.store
    bearers: list[Entity] = [entity]
    if isinstance(entity, User):
        groups = (store.groups.get(ctx.account, GLOBAL, name) for name in entity.groups)
        bearers += [group for group in groups if group is not None]
    for bearer in bearers:
        kind = KINDS[type(bearer)]
        for name, document in bearer.inline.items():
            yield Policy.parse(document), f"{kind}_{bearer.name}_{name}", kind
        for arn in bearer.attached:
            policy = store.policy(arn)
            if policy is not None:
                yield Policy.parse(policy.document), policy.name, "IAM Policy"


def _caller(ctx: Iam, req: Simulate, entity: Entity | None) -> Principal:
    """The principal of the simulated request."""
    if isinstance(entity, User):
        arn = ctx.service.store.arn(ctx.account, entity)
        return Principal("user", ctx.account, arn, entity.id, entity.name, tags=entity.tags)
    if isinstance(entity, Role):
        arn = ctx.service.store.arn(ctx.account, entity)
        return Principal(
            "assumed-role", ctx.account, arn, entity.id, entity.name, role_arn=arn, tags=entity.tags
        )
    arn = req.caller_arn or f"arn:aws:iam::{ctx.account}:user/simulated"
    parts = arn.split(":", 5)
    if len(parts) != 6:
        raise InvalidInput(f"Invalid caller ARN: {arn}")
    return Principal("user", parts[4], arn, "", parts[5].rpartition("/")[2])


def _simulate(
    ctx: Iam,
    req: Simulate,
    principal: Principal,
    sources: Sequence[Source],
    boundary: Policy | None,
) -> Page[shapes.EvaluationResult]:
    boundaries = _parse(
        req.permissions_boundary_policy_input_list,
        "PermissionsBoundaryPolicyInputList",
        "IAM Permissions Boundary Policy",
    )
    if boundaries:
        boundary = boundaries[0][0]
    resource = None
    account = ctx.account
    if req.resource_policy:
        try:
            resource = Policy.parse(req.resource_policy, resource_based=True)
        except MalformedPolicy as error:
            raise InvalidInput(f"ResourcePolicy: {error}") from error
    if req.resource_owner:
        account = req.resource_owner.split(":")[4] if ":" in req.resource_owner else account
    conditions = {
        (entry.context_key_name or "").lower(): _values(entry)
        for entry in req.context_entries or ()
    }
    named = {id(policy): (name, type_) for policy, name, type_ in sources}
    if boundary is not None:
        named.setdefault(id(boundary), ("PermissionsBoundary", "IAM Permissions Boundary Policy"))
    if resource is not None:
        named[id(resource)] = ("ResourcePolicy", "Resource Policy")
    results = []
    for action in req.action_names:
        for arn in req.resource_arns or ["*"]:
            decision = evaluate(
                Question(principal, action, arn, account, conditions),
                identity=[policy for policy, _, _ in sources],
                resource=resource,
                boundary=boundary,
            )
            results.append(_result(action, arn, decision, named, boundary is not None))
    keyed = {id(result): f"{number:08}" for number, result in enumerate(results)}
    return page(results, req.marker, req.max_items, lambda result: keyed[id(result)])


def _values(entry: shapes.ContextEntry) -> str | list[str]:
    values = entry.context_key_values or []
    if (entry.context_key_type or "string").endswith("List"):
        return values
    return values[0] if values else ""


def _result(
    action: str,
    arn: str,
    decision: Decision,
    named: Mapping[int, tuple[str, str]],
    bounded: bool,
) -> shapes.EvaluationResult:
    word = (
        "allowed" if decision.allowed else "explicitDeny" if decision.explicit else "implicitDeny"
    )
    matched = [
        shapes.Statement(source_policy_id=named[id(p)][0], source_policy_type=named[id(p)][1])
        for p, _ in decision.statements
        if id(p) in named
    ]
    by_boundary = decision.policy == "permissions boundary"
    return shapes.EvaluationResult(
        eval_action_name=action,
        eval_resource_name=arn,
        eval_decision=word,
        matched_statements=matched,
        missing_context_values=[],
        permissions_boundary_decision_detail=shapes.PermissionsBoundaryDecisionDetail(
            allowed_by_permissions_boundary=not by_boundary
        )
        if bounded
        else None,
    )
