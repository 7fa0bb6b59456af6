"""Records as IAM's answers show them. Lists leave out tags and boundaries, as AWS's do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudlet.aws.models import iam as shapes
from cloudlet.services.iam.documents import encoded
from cloudlet.services.iam.model import AccessKey, Group, ManagedPolicy, PolicyVersion, Role, User
from cloudlet.services.iam.store import IamStore, policy_arn


def tags(given: Mapping[str, str]) -> list[shapes.Tag]:
    """Tags as a list."""
    return [shapes.Tag(key=key, value=value) for key, value in given.items()]


def boundary(arn: str) -> shapes.AttachedPermissionsBoundary | None:
    """A permissions boundary, if there is one."""
    if not arn:
        return None
    return shapes.AttachedPermissionsBoundary(
        permissions_boundary_type="Policy", permissions_boundary_arn=arn
    )


def user(store: IamStore, account: str, record: User, *, brief: bool = False) -> shapes.User:
    """A user."""
    return shapes.User(
        path=record.path,
        user_name=record.name,
        user_id=record.id,
        arn=store.arn(account, record),
        create_date=record.created_s,
        permissions_boundary=None if brief else boundary(record.boundary),
        tags=None if brief or not record.tags else tags(record.tags),
    )


def group(store: IamStore, account: str, record: Group) -> shapes.Group:
    """A group."""
    return shapes.Group(
        path=record.path,
        group_name=record.name,
        group_id=record.id,
        arn=store.arn(account, record),
        create_date=record.created_s,
    )


def role(store: IamStore, account: str, record: Role, *, brief: bool = False) -> shapes.Role:
    """A role."""
    return shapes.Role(
        path=record.path,
        role_name=record.name,
        role_id=record.id,
        arn=store.arn(account, record),
        create_date=record.created_s,
        assume_role_policy_document=encoded(record.trust),
        description=record.description or None,
        max_session_duration=record.max_session_s,
        permissions_boundary=None if brief else boundary(record.boundary),
        tags=None if brief or not record.tags else tags(record.tags),
    )


def access_key(record: AccessKey) -> shapes.AccessKeyMetadata:
    """An access key without its secret."""
    return shapes.AccessKeyMetadata(
        user_name=record.user,
        access_key_id=record.id,
        status=record.status,
        create_date=record.created_s,
    )


def policy(
    account: str, record: ManagedPolicy, uses: tuple[int, int], *, brief: bool = False
) -> shapes.Policy:
    """A managed policy; `uses` are its attachments and its uses as a boundary."""
    return shapes.Policy(
        policy_name=record.name,
        policy_id=record.id,
        arn=policy_arn(account, record),
        path=record.path,
        default_version_id=record.default,
        attachment_count=uses[0],
        permissions_boundary_usage_count=uses[1],
        is_attachable=True,
        description=None if brief or not record.description else record.description,
        create_date=record.created_s,
        update_date=record.updated_s,
        tags=None if brief else tags(record.tags),
    )


def version(
    record: ManagedPolicy, one: PolicyVersion, *, document: bool = True
) -> shapes.PolicyVersion:
    """A version of a managed policy."""
    return shapes.PolicyVersion(
        document=encoded(one.document) if document else None,
        version_id=one.id,
        is_default_version=one.id == record.default,
        create_date=one.created_s,
    )


def attached(arns: Sequence[str]) -> list[shapes.AttachedPolicy]:
    """Attached managed policies."""
    return [
        shapes.AttachedPolicy(policy_name=arn.rpartition("/")[2], policy_arn=arn) for arn in arns
    ]


def inline(policies: Mapping[str, str]) -> list[shapes.PolicyDetail]:
    """Inline policies with their documents."""
    return [
        shapes.PolicyDetail(policy_name=name, policy_document=encoded(document))
        for name, document in sorted(policies.items())
    ]
