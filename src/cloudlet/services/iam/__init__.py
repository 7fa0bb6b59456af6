"""IAM: users, groups, roles, policies and the access keys of users; global, per account."""

from __future__ import annotations

from cloudlet.aws.principal import Identities
from cloudlet.aws.service import Service, operations_of
from cloudlet.services.iam.identities import IdentityStore
from cloudlet.services.parts import Parts


def build(parts: Parts) -> Service[IdentityStore]:
    """The service, on the identities that the cloud was made with."""
    from cloudlet.services.iam.api import (
        access_keys,
        account,
        attachments,
        groups,
        inline,
        policies,
        roles,
        simulation,
        tags,
        users,
    )

    identities = parts.cloud.identities
    assert isinstance(identities, IdentityStore)
    parts.offer(Identities, identities)  # type: ignore[type-abstract]

    async def reset() -> None:
        identities.forget()
        identities.uses.clear()

    operations = operations_of(
        access_keys,
        account,
        attachments,
        groups,
        inline,
        policies,
        roles,
        simulation,
        tags,
        users,
    )
    return Service(name="iam", state=identities, operations=operations, reset=reset)
