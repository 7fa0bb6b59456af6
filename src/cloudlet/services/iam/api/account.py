"""The account as a whole: its alias, its summary, everything in it."""

from __future__ import annotations

import re
from collections import Counter

from cloudlet.aws.errors import ValidationError
from cloudlet.aws.models import iam as shapes
from cloudlet.aws.service import operation
from cloudlet.services.iam import aws_managed, rendering
from cloudlet.services.iam.api.requests import Iam
from cloudlet.services.iam.documents import encoded
from cloudlet.services.iam.errors import EntityAlreadyExists, NoSuchEntity
from cloudlet.services.iam.model import Account, Group, ManagedPolicy, Role, User
from cloudlet.services.iam.paging import page
from cloudlet.services.iam.store import policy_arn
from cloudlet.storage.records import GLOBAL

_ALIAS = re.compile(r"[a-z0-9](?!.*--)[a-z0-9-]*[a-z0-9]")

#: After the IAM User Guide, "IAM and AWS STS quotas", as GetAccountSummary names them.
_QUOTAS = {
    "AccessKeysPerUserQuota": 2,
    "AssumeRolePolicySizeQuota": 2048,
    "AttachedPoliciesPerGroupQuota": 10,
    "AttachedPoliciesPerRoleQuota": 10,
    "AttachedPoliciesPerUserQuota": 10,
    "GlobalEndpointTokenVersion": 1,
    "GroupPolicySizeQuota": 5120,
    "GroupsPerUserQuota": 10,
    "GroupsQuota": 300,
    "PoliciesQuota": 1500,
    "PolicySizeQuota": 6144,
    "PolicyVersionsInUseQuota": 10000,
    "RolePolicySizeQuota": 10240,
    "RolesQuota": 1000,
    "UserPolicySizeQuota": 2048,
    "UsersQuota": 5000,
    "VersionsPerPolicyQuota": 5,
}


@operation("CreateAccountAlias")
async def create_account_alias(ctx: Iam, req: shapes.CreateAccountAliasRequest) -> None:
    """Give the account an alias, which no other account may have."""
    store = ctx.service.store
    if not _ALIAS.fullmatch(req.account_alias):
        raise ValidationError(
            f"1 validation error detected: Value '{req.account_alias}' at 'accountAlias' failed "
            "to satisfy constraint: Member must satisfy regular expression pattern: "
            "^[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?$"
        )
    for account, _, _, record in store.accounts.everywhere():
        if record.alias == req.account_alias and account != ctx.account:
            raise EntityAlreadyExists(f"The account alias {req.account_alias} already exists.")
    await store.put(ctx.account, Account(alias=req.account_alias))


@operation("DeleteAccountAlias")
async def delete_account_alias(ctx: Iam, req: shapes.DeleteAccountAliasRequest) -> None:
    """Take the account's alias away."""
    record = ctx.service.store.accounts.get(ctx.account, GLOBAL, "account")
    if record is None or record.alias != req.account_alias:
        raise NoSuchEntity(f"The account alias {req.account_alias} cannot be found.")
    await ctx.service.store.delete(ctx.account, record)


@operation("ListAccountAliases")
async def list_account_aliases(
    ctx: Iam,
    req: shapes.ListAccountAliasesRequest,  # noqa: ARG001 - there is one alias, so one page
) -> shapes.ListAccountAliasesResponse:
    """The account's alias, if it has one."""
    record = ctx.service.store.accounts.get(ctx.account, GLOBAL, "account")
    aliases = [record.alias] if record is not None else []
    return shapes.ListAccountAliasesResponse(account_aliases=aliases, is_truncated=False)


@operation("GetAccountSummary")
async def get_account_summary(ctx: Iam, req: None) -> shapes.GetAccountSummaryResponse:  # noqa: ARG001
    """How many entities there are, and the quotas."""
    store = ctx.service.store
    policies = [policy for _, policy in store.policies.scan(ctx.account, GLOBAL)]
    counts = {
        "AccountAccessKeysPresent": 1,
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 0,
        "AccountSigningCertificatesPresent": 0,
        "Groups": len(store.all(Group, ctx.account)),
        "InstanceProfiles": 0,
        "MFADevices": 0,
        "MFADevicesInUse": 0,
        "Policies": len(policies),
        "PolicyVersionsInUse": sum(len(policy.versions) for policy in policies),
        "Providers": 0,
        "Roles": len(store.all(Role, ctx.account)),
        "ServerCertificates": 0,
        "Users": len(store.all(User, ctx.account)),
    }
    return shapes.GetAccountSummaryResponse(summary_map={**counts, **_QUOTAS})


@operation("GetAccountAuthorizationDetails")
async def get_account_authorization_details(
    ctx: Iam, req: shapes.GetAccountAuthorizationDetailsRequest
) -> shapes.GetAccountAuthorizationDetailsResponse:
    """Users, groups, roles and the policies in use, with their documents, by unique id."""
    wanted = set(req.filter or ("User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy"))
    found: list[tuple[str, User | Group | Role | ManagedPolicy, str]] = []
    store = ctx.service.store
    attachments = _attachments(ctx)
    if "User" in wanted:
        found += [(user.id, user, "") for user in store.all(User, ctx.account)]
    if "Group" in wanted:
        found += [(group.id, group, "") for group in store.all(Group, ctx.account)]
    if "Role" in wanted:
        found += [(role.id, role, "") for role in store.all(Role, ctx.account)]
    if "LocalManagedPolicy" in wanted:
        local = (policy for _, policy in store.policies.scan(ctx.account, GLOBAL))
        found += [(policy.id, policy, ctx.account) for policy in local]
    if "AWSManagedPolicy" in wanted:
        found += [
            (policy.id, policy, "aws")
            for arn, policy in aws_managed.policies().items()
            if attachments[arn]
        ]
    chosen = page(
        sorted(found, key=lambda item: item[0]), req.marker, req.max_items, lambda item: item[0]
    )
    return shapes.GetAccountAuthorizationDetailsResponse(
        user_detail_list=[_user(ctx, r) for _, r, _ in chosen.items if isinstance(r, User)],
        group_detail_list=[_group(ctx, r) for _, r, _ in chosen.items if isinstance(r, Group)],
        role_detail_list=[_role(ctx, r) for _, r, _ in chosen.items if isinstance(r, Role)],
        policies=[
            _policy(r, owner, attachments)
            for _, r, owner in chosen.items
            if isinstance(r, ManagedPolicy)
        ],
        is_truncated=chosen.is_truncated,
        marker=chosen.marker,
    )


def _attachments(ctx: Iam) -> Counter[str]:
    """How many have each managed policy, by its ARN."""
    store = ctx.service.store
    counts: Counter[str] = Counter()
    for user in store.all(User, ctx.account):
        counts.update(user.attached)
    for group in store.all(Group, ctx.account):
        counts.update(group.attached)
    for role in store.all(Role, ctx.account):
        counts.update(role.attached)
    return counts


def _user(ctx: Iam, record: User) -> shapes.UserDetail:
    return shapes.UserDetail(
        path=record.path,
        user_name=record.name,
        user_id=record.id,
        arn=ctx.service.store.arn(ctx.account, record),
        create_date=record.created_s,
        user_policy_list=rendering.inline(record.inline),
        group_list=list(record.groups),
        attached_managed_policies=rendering.attached(record.attached),
        permissions_boundary=rendering.boundary(record.boundary),
        tags=rendering.tags(record.tags),
    )


def _group(ctx: Iam, record: Group) -> shapes.GroupDetail:
    return shapes.GroupDetail(
        path=record.path,
        group_name=record.name,
        group_id=record.id,
        arn=ctx.service.store.arn(ctx.account, record),
        create_date=record.created_s,
        group_policy_list=rendering.inline(record.inline),
        attached_managed_policies=rendering.attached(record.attached),
    )


def _role(ctx: Iam, record: Role) -> shapes.RoleDetail:
    return shapes.RoleDetail(
        path=record.path,
        role_name=record.name,
        role_id=record.id,
        arn=ctx.service.store.arn(ctx.account, record),
        create_date=record.created_s,
        assume_role_policy_document=encoded(record.trust),
        instance_profile_list=[],
        role_policy_list=rendering.inline(record.inline),
        attached_managed_policies=rendering.attached(record.attached),
        permissions_boundary=rendering.boundary(record.boundary),
        tags=rendering.tags(record.tags),
    )


def _policy(
    record: ManagedPolicy, owner: str, attachments: Counter[str]
) -> shapes.ManagedPolicyDetail:
    arn = policy_arn(owner, record)
    return shapes.ManagedPolicyDetail(
        policy_name=record.name,
        policy_id=record.id,
        arn=arn,
        path=record.path,
        default_version_id=record.default,
        attachment_count=attachments[arn],
        is_attachable=True,
        description=record.description or None,
        create_date=record.created_s,
        update_date=record.updated_s,
        policy_version_list=[rendering.version(record, version) for version in record.versions],
    )
