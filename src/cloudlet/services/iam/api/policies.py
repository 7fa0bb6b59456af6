"""Managed policies and their versions; AWS's own can be read, never changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from time import time

from msgspec.structs import replace

from cloudlet.aws.errors import AccessDenied
from cloudlet.aws.models import iam as shapes
from cloudlet.aws.service import operation
from cloudlet.services.iam import aws_managed, ids, rendering
from cloudlet.services.iam.api.requests import Iam, listing, merged_tags, policy_arn, tag_keys
from cloudlet.services.iam.documents import check_managed
from cloudlet.services.iam.errors import (
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    NoSuchEntity,
)
from cloudlet.services.iam.model import (
    Entity,
    Group,
    ManagedPolicy,
    PolicyVersion,
    Role,
    User,
)
from cloudlet.services.iam.paging import page
from cloudlet.storage.records import GLOBAL

_VERSIONS = 5


def _new_arn(ctx: Iam, req: shapes.CreatePolicyRequest) -> str:
    return f"arn:aws:iam::{ctx.account}:policy{req.path or '/'}{req.policy_name}"


def _tags_of(ctx: Iam, req: shapes.CreatePolicyRequest) -> dict[str, str | list[str]]:  # noqa: ARG001
    return dict(tag_keys(req.tags))  # type: ignore[arg-type]


@operation("CreatePolicy", resource=_new_arn, conditions=_tags_of)
async def create_policy(ctx: Iam, req: shapes.CreatePolicyRequest) -> shapes.CreatePolicyResponse:
    """Create a managed policy with its version v1."""
    store = ctx.service.store
    lowered = req.policy_name.lower()
    if any(p.name.lower() == lowered for _, p in store.policies.scan(ctx.account, GLOBAL)):
        raise EntityAlreadyExists(
            f"A policy called {req.policy_name} already exists. Duplicate names are not allowed."
        )
    check_managed(req.policy_document)
    now = float(int(time()))
    policy = ManagedPolicy(
        name=req.policy_name,
        path=req.path or "/",
        id=ids.unique_id("ANPA"),
        created_s=now,
        updated_s=now,
        default="v1",
        next_version=2,
        versions=(PolicyVersion("v1", req.policy_document, now),),
        description=req.description or "",
        tags=merged_tags({}, req.tags, "policy"),
    )
    await store.put(ctx.account, policy)
    return shapes.CreatePolicyResponse(policy=rendering.policy(ctx.account, policy, (0, 0)))


@operation("GetPolicy", resource=policy_arn)
async def get_policy(ctx: Iam, req: shapes.GetPolicyRequest) -> shapes.GetPolicyResponse:
    """A managed policy, without its document."""
    policy = _found(ctx, req.policy_arn)
    uses = _uses(ctx, req.policy_arn)
    owner = req.policy_arn.split(":")[4]
    return shapes.GetPolicyResponse(policy=rendering.policy(owner, policy, uses))


@operation("DeletePolicy", resource=policy_arn)
async def delete_policy(ctx: Iam, req: shapes.DeletePolicyRequest) -> None:
    """Delete a policy that nobody has and of which only the default version is left."""
    policy = _own(ctx, req.policy_arn, "DeletePolicy")
    if any(_uses(ctx, req.policy_arn)):
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy."
        )
    await ctx.service.store.delete(ctx.account, policy)


@operation("ListPolicies", resource=listing("policy"))
async def list_policies(ctx: Iam, req: shapes.ListPoliciesRequest) -> shapes.ListPoliciesResponse:
    """Managed policies by name: the account's own, AWS's, or both."""
    found: list[tuple[str, str, ManagedPolicy]] = []
    if req.scope != "AWS":
        for _, policy in ctx.service.store.policies.scan(ctx.account, GLOBAL):
            arn = f"arn:aws:iam::{ctx.account}:policy{policy.path}{policy.name}"
            found.append((arn, ctx.account, policy))
    if req.scope != "Local":
        found += [(arn, "aws", policy) for arn, policy in aws_managed.policies().items()]
    shown = []
    all_uses = _all_uses(ctx)
    for arn, owner, policy in sorted(found, key=lambda item: item[0]):
        uses = all_uses.get(arn, (0, 0))
        counted = {"PermissionsPolicy": uses[0], "PermissionsBoundary": uses[1]}
        used = counted.get(req.policy_usage_filter or "", sum(uses))
        if (req.only_attached or req.policy_usage_filter) and not used:
            continue
        if policy.path.startswith(req.path_prefix or "/"):
            shown.append(rendering.policy(owner, policy, uses, brief=True))
    chosen = page(shown, req.marker, req.max_items, lambda policy: policy.arn or "")
    return shapes.ListPoliciesResponse(
        policies=chosen.items, is_truncated=chosen.is_truncated, marker=chosen.marker
    )


@operation("CreatePolicyVersion", resource=policy_arn)
async def create_policy_version(
    ctx: Iam, req: shapes.CreatePolicyVersionRequest
) -> shapes.CreatePolicyVersionResponse:
    """Add a version, and perhaps put it in force."""
    policy = _own(ctx, req.policy_arn, "CreatePolicyVersion")
    check_managed(req.policy_document)
    if len(policy.versions) >= _VERSIONS:
        raise LimitExceeded(
            f"A managed policy can have up to {_VERSIONS} versions. Before you create a new "
            "version, you must delete an existing version."
        )
    now = float(int(time()))
    version = PolicyVersion(f"v{policy.next_version}", req.policy_document, now)
    policy = replace(
        policy,
        versions=(*policy.versions, version),
        next_version=policy.next_version + 1,
        updated_s=now,
        default=version.id if req.set_as_default else policy.default,
    )
    await ctx.service.store.put(ctx.account, policy)
    return shapes.CreatePolicyVersionResponse(
        policy_version=rendering.version(policy, version, document=False)
    )


@operation("GetPolicyVersion", resource=policy_arn)
async def get_policy_version(
    ctx: Iam, req: shapes.GetPolicyVersionRequest
) -> shapes.GetPolicyVersionResponse:
    """A version with its document."""
    policy = _found(ctx, req.policy_arn)
    version = _version(policy, req.policy_arn, req.version_id)
    return shapes.GetPolicyVersionResponse(policy_version=rendering.version(policy, version))


@operation("ListPolicyVersions", resource=policy_arn)
async def list_policy_versions(
    ctx: Iam, req: shapes.ListPolicyVersionsRequest
) -> shapes.ListPolicyVersionsResponse:
    """The versions, newest first, without their documents."""
    policy = _found(ctx, req.policy_arn)
    newest_first = list(reversed(policy.versions))
    # A policy has five versions at the most: one page holds them unless a smaller one is asked.
    start = int(req.marker) if req.marker and req.marker.isdecimal() else 0
    end = start + (req.max_items or 100)
    return shapes.ListPolicyVersionsResponse(
        versions=[rendering.version(policy, v, document=False) for v in newest_first[start:end]],
        is_truncated=end < len(newest_first),
        marker=str(end) if end < len(newest_first) else None,
    )


@operation("SetDefaultPolicyVersion", resource=policy_arn)
async def set_default_policy_version(ctx: Iam, req: shapes.SetDefaultPolicyVersionRequest) -> None:
    """Put a version in force for everyone who has the policy."""
    policy = _own(ctx, req.policy_arn, "SetDefaultPolicyVersion")
    version = _version(policy, req.policy_arn, req.version_id)
    changed = replace(policy, default=version.id, updated_s=float(int(time())))
    await ctx.service.store.put(ctx.account, changed)


@operation("DeletePolicyVersion", resource=policy_arn)
async def delete_policy_version(ctx: Iam, req: shapes.DeletePolicyVersionRequest) -> None:
    """Delete a version that is not the default."""
    policy = _own(ctx, req.policy_arn, "DeletePolicyVersion")
    version = _version(policy, req.policy_arn, req.version_id)
    if version.id == policy.default:
        raise DeleteConflict("Cannot delete the default version of a policy.")
    left = tuple(other for other in policy.versions if other.id != version.id)
    await ctx.service.store.put(ctx.account, replace(policy, versions=left))


@operation("ListEntitiesForPolicy", resource=policy_arn)
async def list_entities_for_policy(
    ctx: Iam, req: shapes.ListEntitiesForPolicyRequest
) -> shapes.ListEntitiesForPolicyResponse:
    """Who has a managed policy, or has it as the boundary."""
    _found(ctx, req.policy_arn)
    kinds: dict[str, type[Entity]] = {"Group": Group, "User": User, "Role": Role}
    having: list[Entity] = []
    for name, kind in kinds.items():
        if req.entity_filter in (None, name):
            found = _having(ctx, kind, req.policy_arn, req.policy_usage_filter)
            having += [entity for entity in found if entity.path.startswith(req.path_prefix or "/")]
    having.sort(key=lambda entity: entity.id)
    chosen = page(having, req.marker, req.max_items, lambda entity: entity.id)
    return shapes.ListEntitiesForPolicyResponse(
        policy_groups=[
            shapes.PolicyGroup(group_name=e.name, group_id=e.id)
            for e in chosen.items
            if isinstance(e, Group)
        ],
        policy_users=[
            shapes.PolicyUser(user_name=e.name, user_id=e.id)
            for e in chosen.items
            if isinstance(e, User)
        ],
        policy_roles=[
            shapes.PolicyRole(role_name=e.name, role_id=e.id)
            for e in chosen.items
            if isinstance(e, Role)
        ],
        is_truncated=chosen.is_truncated,
        marker=chosen.marker,
    )


def _having(ctx: Iam, kind: type[Entity], arn: str, usage: str | None) -> Iterator[Entity]:
    for entity in ctx.service.store.all(kind, ctx.account):
        bound = isinstance(entity, User | Role) and entity.boundary == arn
        if (usage != "PermissionsBoundary" and arn in entity.attached) or (
            usage != "PermissionsPolicy" and bound
        ):
            yield entity


def _all_uses(ctx: Iam) -> dict[str, tuple[int, int]]:
    """How many have each policy, and how many have it as their boundary, by its ARN."""
    store = ctx.service.store
    users, roles = store.all(User, ctx.account), store.all(Role, ctx.account)
    attached: Counter[str] = Counter()
    for entity in (*users, *roles, *store.all(Group, ctx.account)):
        attached.update(entity.attached)
    bounding = Counter(user.boundary for user in users if user.boundary)
    bounding.update(role.boundary for role in roles if role.boundary)
    return {arn: (attached[arn], bounding[arn]) for arn in attached.keys() | bounding.keys()}


def _uses(ctx: Iam, arn: str) -> tuple[int, int]:
    return _all_uses(ctx).get(arn, (0, 0))


def _found(ctx: Iam, arn: str) -> ManagedPolicy:
    policy = ctx.service.store.policy(arn)
    if policy is None:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return policy


def _own(ctx: Iam, arn: str, operation_name: str) -> ManagedPolicy:
    """The policy, which is not one of AWS's."""
    policy = _found(ctx, arn)
    if arn.startswith("arn:aws:iam::aws:"):
        raise AccessDenied(
            f"User: {ctx.principal.arn} is not authorized to perform: iam:{operation_name} on "
            f"resource: policy {arn}"
        )
    return policy


def _version(policy: ManagedPolicy, arn: str, id_: str) -> PolicyVersion:
    version = policy.version(id_)
    if version is None:
        raise NoSuchEntity(f"Policy {arn} version {id_} does not exist or is not attachable.")
    return version
