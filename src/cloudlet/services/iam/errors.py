"""IAM's errors, as it words them."""

from __future__ import annotations

from cloudlet.aws.errors import AWSError


class NoSuchEntity(AWSError):
    """There is no entity of that name."""

    code = "NoSuchEntity"
    status = 404


class EntityAlreadyExists(AWSError):
    """There is one of that name already."""

    code = "EntityAlreadyExists"
    status = 409


class DeleteConflict(AWSError):
    """Something that belongs to the entity must go first."""

    code = "DeleteConflict"
    status = 409


class LimitExceeded(AWSError):
    """One of IAM's quotas."""

    code = "LimitExceeded"
    status = 409


class MalformedPolicyDocument(AWSError):
    """The document is no valid policy."""

    code = "MalformedPolicyDocument"
    status = 400


class InvalidInput(AWSError):
    """A value that fits its shape but not its meaning."""

    code = "InvalidInput"
    status = 400


class UnmodifiableEntity(AWSError):
    """A service-linked role, which only its service changes."""

    code = "UnmodifiableEntity"
    status = 400


class PolicyNotAttachable(AWSError):
    """A policy that only service-linked roles have."""

    code = "PolicyNotAttachable"
    status = 400
