"""Who makes a request, and where credentials and policies are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from cloudlet.aws.policy import Policy

Kind = Literal["root", "user", "assumed-role", "service", "anonymous"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, as `sts get-caller-identity` words it.

    `arn` of an assumed role is `arn:aws:sts::<account>:assumed-role/<role>/<session>`; `role_arn`
    is then the role's own. A service principal's `arn` is its name, such as
    `apigateway.amazonaws.com`, and `account` the account it works for.
    """

    kind: Kind
    account: str
    arn: str
    user_id: str
    name: str = ""  # user or role name
    role_arn: str = ""
    session_policies: tuple[Policy, ...] = ()
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key; temporary ones have a `session_token` and `expires_at` (epoch seconds)."""

    access_key_id: str
    secret_key: str
    principal: Principal
    session_token: str | None = None
    expires_at: float | None = None
    active: bool = True


class Identities(Protocol):
    """What authentication and authorisation ask the identity service; answers come from memory."""

    def credential(self, access_key_id: str, session_token: str = "") -> Credential | None:
        """The access key of that id, or None.

        A temporary key's identity is sealed in the token that comes with it, so that none is
        stored: without the request's token, or with one that is not that key's, the answer is
        None. Whether it has expired is the caller's to check, by `expires_at`.
        """

    def used(self, access_key_id: str, service: str, region: str) -> None:
        """Note that a request to `service` was signed with the key: IAM tells of its last use."""

    def policies(self, principal: Principal) -> tuple[Policy, ...]:
        """The identity policies in force for `principal`: inline, attached and through groups."""

    def boundary(self, principal: Principal) -> Policy | None:
        """The permissions boundary of `principal`, if it has one."""


ANONYMOUS = Principal(kind="anonymous", account="", arn="anonymous", user_id="anonymous")


def root(account: str) -> Principal:
    """The root of `account`."""
    return Principal(
        kind="root", account=account, arn=f"arn:aws:iam::{account}:root", user_id=account
    )


def service(name: str, account: str) -> Principal:
    """The service principal `name` (`lambda.amazonaws.com`) at work for `account`."""
    return Principal(kind="service", account=account, arn=name, user_id=name, name=name)
