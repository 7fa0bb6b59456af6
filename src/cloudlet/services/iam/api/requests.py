"""What IAM's operations ask of their requests: the resource they are about, its tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from cloudlet.aws.context import Context
from cloudlet.aws.errors import ValidationError
from cloudlet.services.iam.errors import InvalidInput, LimitExceeded, NoSuchEntity
from cloudlet.services.iam.identities import IdentityStore
from cloudlet.services.iam.model import Group, Role, User
from cloudlet.services.iam.store import IamStore
from cloudlet.storage.records import GLOBAL

Iam = Context[IdentityStore]
Conditions = dict[str, str | Sequence[str]]

_TAGS_LIMIT = 50


class TagLike(Protocol):
    """A tag of a request."""

    @property
    def key(self) -> str:
        """Its key."""

    @property
    def value(self) -> str:
        """Its value."""


def user_name(ctx: Iam, given: str | None) -> str:
    """The user's name, which users may leave out to mean themselves."""
    if given:
        return given
    if ctx.principal.kind == "user":
        return ctx.principal.name
    raise ValidationError("Must specify userName when calling with non-User credentials")


def user_arn(ctx: Iam, req: Any) -> str:
    """The ARN of the user that a request is about."""
    if not req.user_name and ctx.principal.kind != "user":
        return ctx.principal.arn if ctx.principal.kind == "root" else "*"
    name = user_name(ctx, req.user_name)
    return ctx.service.store.arn_of(User, ctx.account, name, getattr(req, "path", None))


def role_arn(ctx: Iam, req: Any) -> str:
    """The ARN of the role that a request is about."""
    path = getattr(req, "path", None)
    return ctx.service.store.arn_of(Role, ctx.account, req.role_name, path)


def group_arn(ctx: Iam, req: Any) -> str:
    """The ARN of the group that a request is about."""
    path = getattr(req, "path", None)
    return ctx.service.store.arn_of(Group, ctx.account, req.group_name, path)


def policy_arn(ctx: Iam, req: Any) -> str:  # noqa: ARG001 - a ResourceOf
    """The ARN of the managed policy that a request is about."""
    return str(req.policy_arn)


def listing(kind: str) -> Callable[[Iam, Any], str]:
    """Gives the resource of a List operation: all of a kind under the path prefix."""

    def resource(ctx: Iam, req: Any) -> str:
        prefix = getattr(req, "path_prefix", None) or "/"
        return f"arn:aws:iam::{ctx.account}:{kind}{prefix}"

    return resource


def tag_keys(given: Iterable[TagLike] | None) -> Conditions:
    """The condition keys of the tags in a request."""
    tags = {tag.key: tag.value for tag in given or ()}
    if not tags:
        return {}
    keys: Conditions = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    keys["aws:TagKeys"] = list(tags)
    return keys


def entity_keys(ctx: Iam, req: Any) -> Conditions:
    """The condition keys of the user or role that a request changes, and of what it adds."""
    store = ctx.service.store
    entity: User | Role | None
    if getattr(req, "role_name", None):
        entity = store.roles.get(ctx.account, GLOBAL, req.role_name)
    else:
        name = getattr(req, "user_name", None) or ctx.principal.name
        entity = store.users.get(ctx.account, GLOBAL, name)
    keys = tag_keys(getattr(req, "tags", None))
    if getattr(req, "tag_keys", None):
        keys["aws:TagKeys"] = req.tag_keys
    if getattr(req, "policy_arn", None):
        keys["iam:PolicyARN"] = req.policy_arn
    boundary = getattr(req, "permissions_boundary", None)
    if entity is not None:
        boundary = boundary or entity.boundary
        for key, value in entity.tags.items():
            keys[f"aws:ResourceTag/{key}"] = keys[f"iam:ResourceTag/{key}"] = value
    if boundary:
        keys["iam:PermissionsBoundary"] = boundary
    return keys


def attaching_keys(ctx: Iam, req: Any) -> Conditions:  # noqa: ARG001 - a ConditionsOf
    """The condition keys of attaching to a group."""
    return {"iam:PolicyARN": req.policy_arn}


def merged_tags(
    before: Mapping[str, str], given: Iterable[TagLike] | None, kind: str
) -> dict[str, str]:
    """`before` with the request's tags; keys differ by more than case, 50 at most."""
    tags = list(given or ())
    lowered = [tag.key.lower() for tag in tags]
    if len(set(lowered)) != len(lowered):
        raise InvalidInput(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(key.startswith("aws:") for key in lowered):
        raise InvalidInput("Tag keys starting with 'aws:' are reserved for system use.")
    kept = {key: value for key, value in before.items() if key.lower() not in lowered}
    kept |= {tag.key: tag.value for tag in tags}
    if len(kept) > _TAGS_LIMIT:
        raise LimitExceeded(f"The number of tags has reached the maximum limit for the {kind}.")
    return kept


def existing_policy(store: IamStore, arn: str) -> None:
    """Raise `NoSuchEntity` unless the managed policy exists."""
    if store.policy(arn) is None:
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
