"""STS: who the caller is, and temporary credentials; they are sealed, not stored."""

from __future__ import annotations

from cloudlet.aws.service import Service, operations_of
from cloudlet.services.iam.identities import IdentityStore
from cloudlet.services.parts import Parts


def build(parts: Parts) -> Service[IdentityStore]:
    """The service, on the identities that the cloud was made with."""
    from cloudlet.services.sts import api, assume

    identities = parts.cloud.identities
    assert isinstance(identities, IdentityStore)
    return Service(name="sts", state=identities, operations=operations_of(api, assume))
