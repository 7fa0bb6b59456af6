"""AssumeRole: whom the role's trust policy names gets temporary credentials of the role.

After the AWS STS API Reference, "AssumeRole", and the IAM User Guide, "Pass session tags in AWS
STS" and "Role chaining".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from time import time

from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied, ValidationError
from cloudlet.aws.models import sts as shapes
from cloudlet.aws.policy import MalformedPolicy, Policy
from cloudlet.aws.service import operation
from cloudlet.services.iam import ids
from cloudlet.services.iam.identities import IdentityStore, SessionPrincipal
from cloudlet.services.iam.seal import Session
from cloudlet.services.sts.errors import MalformedPolicyDocument, PackedPolicyTooLarge

Sts = Context[IdentityStore]

_DEFAULT_S = 3600
_CHAINED_S = 3600
#: Characters of session policies that a session may hold, and of these and its tags together.
_POLICY_LIMIT = 2048
_PACKED_LIMIT = 4096


def _actions(ctx: Sts, req: shapes.AssumeRoleRequest) -> list[str]:
    """AssumeRole, and what passing tags or a source identity needs besides.

    AWS refuses the root; here it may, since it is the principal that local test suites have
    (docs/decisions/0002-root-may-assume-roles.md).
    """
    actions = ["sts:AssumeRole"]
    if _session_tags(ctx, req):
        actions.append("sts:TagSession")
    if req.source_identity:
        actions.append("sts:SetSourceIdentity")
    return actions


def _role_arn(ctx: Sts, req: shapes.AssumeRoleRequest) -> str:  # noqa: ARG001 - a ResourceOf
    return req.role_arn


def _trust(ctx: Sts, req: shapes.AssumeRoleRequest) -> Policy:
    """The role's trust policy; a role that is not there trusts nobody."""
    parts = req.role_arn.split(":", 5)
    if len(parts) != 6:
        raise ValidationError(f"{req.role_arn} is invalid")
    role = ctx.service.store.role_by_arn(req.role_arn)
    return _no_trust(parts[4]) if role is None else Policy.parse_trust(role.trust, parts[4])


@lru_cache(maxsize=256)
def _no_trust(owner: str) -> Policy:
    return Policy(statements=(), document={}, kind="trust", owner=owner)


def _conditions(ctx: Sts, req: shapes.AssumeRoleRequest) -> dict[str, str | Sequence[str]]:
    keys: dict[str, str | Sequence[str]] = {"sts:RoleSessionName": req.role_session_name}
    if req.external_id:
        keys["sts:ExternalId"] = req.external_id
    if req.source_identity:
        keys["sts:SourceIdentity"] = req.source_identity
    tags = _session_tags(ctx, req)
    if tags:
        keys |= {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        keys["aws:TagKeys"] = list(tags)
    if req.transitive_tag_keys:
        keys["sts:TransitiveTagKeys"] = req.transitive_tag_keys
    if ctx.principal.kind == "service":
        keys["aws:SourceAccount"] = ctx.principal.account
    return keys


@operation("AssumeRole", action=_actions, resource=_role_arn, policy=_trust, conditions=_conditions)
async def assume_role(ctx: Sts, req: shapes.AssumeRoleRequest) -> shapes.AssumeRoleResponse:
    """Credentials of the role, limited by the session policies; 1 hour unless asked otherwise.

    At most the role's longest session; 1 hour where a role assumes a role; 12 hours for services.
    """
    store = ctx.service.store
    principal = ctx.principal
    role = store.role_by_arn(req.role_arn)
    assert role is not None, "a role that is not there trusts nobody"
    account = req.role_arn.split(":")[4]
    if principal.kind == "service" and principal.account != account:
        raise AccessDenied("Cross-account pass role is not allowed.")
    before = principal.session if isinstance(principal, SessionPrincipal) else None
    _check_source_identity(before, req)
    tags = _session_tags(ctx, req)
    policies, arns = _session_policies(ctx, req)
    packed = _packed(policies, arns, tags)
    session = Session(
        access_key_id=ids.access_key_id("ASIA", account),
        kind="assumed-role",
        account=account,
        expires_s=int(time()) + _duration(ctx, req, role.max_session_s),
        name=role.name,
        id=role.id,
        session=req.role_session_name,
        policies=policies,
        policy_arns=arns,
        tags=tags,
        transitive=_transitive(before, req, tags),
        source_identity=req.source_identity or (before.source_identity if before else ""),
    )
    issued = ctx.service.issue(session)
    assert issued.session_token is not None
    return shapes.AssumeRoleResponse(
        credentials=shapes.Credentials(
            access_key_id=issued.access_key_id,
            secret_access_key=issued.secret_key,
            session_token=issued.session_token,
            expiration=float(session.expires_s),
        ),
        assumed_role_user=shapes.AssumedRoleUser(
            assumed_role_id=issued.principal.user_id, arn=issued.principal.arn
        ),
        packed_policy_size=packed or None,
        source_identity=session.source_identity or None,
    )


def _duration(ctx: Sts, req: shapes.AssumeRoleRequest, longest: int) -> int:
    wanted = req.duration_seconds or _DEFAULT_S
    if ctx.principal.kind == "service":
        return wanted
    if ctx.principal.kind == "assumed-role" and wanted > _CHAINED_S:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
            "by role chaining."
        )
    if wanted > longest:
        raise ValidationError(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    return wanted


def _session_tags(ctx: Sts, req: shapes.AssumeRoleRequest) -> dict[str, str]:
    """The tags passed in the request, and those of the caller's session that go along."""
    principal = ctx.principal
    tags: dict[str, str] = {}
    if isinstance(principal, SessionPrincipal) and principal.session is not None:
        before = principal.session
        tags = {key: before.tags[key] for key in before.transitive if key in before.tags}
    for tag in req.tags or ():
        if any(tag.key.lower() == key.lower() for key in tags):
            raise ValidationError(
                "One of the specified transitive tag keys can't be set because it conflicts with "
                "a transitive tag key from the calling session."
            )
        tags[tag.key] = tag.value
    return tags


def _transitive(
    before: Session | None, req: shapes.AssumeRoleRequest, tags: dict[str, str]
) -> tuple[str, ...]:
    inherited = [key for key in before.transitive if key in tags] if before else []
    asked = list(req.transitive_tag_keys or ())
    unknown = [key for key in asked if key not in tags]
    if unknown:
        raise ValidationError(
            "The specified transitive tag key must be included in the requested tags."
        )
    return tuple(dict.fromkeys([*inherited, *asked]))


def _check_source_identity(before: Session | None, req: shapes.AssumeRoleRequest) -> None:
    kept = before.source_identity if before else ""
    if kept and req.source_identity and req.source_identity != kept:
        raise AccessDenied("The source identity of a session cannot be changed.")


def _packed(policies: Sequence[str], arns: Sequence[str], tags: dict[str, str]) -> int:
    """How much of what a session may hold these take, in per cent."""
    size = sum(map(len, policies)) + sum(map(len, arns))
    size += sum(len(key) + len(value) for key, value in tags.items())
    share = -(-size * 100 // _PACKED_LIMIT)
    if share > 100:
        raise PackedPolicyTooLarge(
            f"Packed policy consumes {share}% of allotted space, please use smaller policy."
        )
    return share


def _session_policies(
    ctx: Sts, req: shapes.AssumeRoleRequest
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The session policy documents and ARNs, checked."""
    arns = tuple(one.arn for one in req.policy_arns or () if one.arn)
    for arn in arns:
        if ctx.service.store.policy(arn) is None:
            raise MalformedPolicyDocument(f"The specified policy {arn} does not exist.")
    documents = (req.policy,) if req.policy else ()
    for document in documents:
        try:
            Policy.parse(document)
        except MalformedPolicy as error:
            raise MalformedPolicyDocument(str(error)) from error
    used = sum(map(len, documents)) + sum(map(len, arns))
    if used > _POLICY_LIMIT:
        raise PackedPolicyTooLarge(
            f"Packed policy consumes {used * 100 // _POLICY_LIMIT}% of allotted space, please use "
            "smaller policy."
        )
    return documents, arns
