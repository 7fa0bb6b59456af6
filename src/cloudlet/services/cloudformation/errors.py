"""The errors that CloudFormation answers with."""

from __future__ import annotations

from cloudlet.aws.errors import AWSError, ValidationError

__all__ = [
    "AlreadyExists",
    "ChangeSetNotFound",
    "InsufficientCapabilities",
    "InvalidChangeSetStatus",
    "LimitExceeded",
    "TokenAlreadyExists",
    "ValidationError",
    "template_error",
    "template_format_error",
]


class AlreadyExists(AWSError):
    """A stack or a change set of that name exists."""

    code = "AlreadyExistsException"
    status = 400


class ChangeSetNotFound(AWSError):
    """There is no such change set."""

    code = "ChangeSetNotFound"
    status = 404


class InvalidChangeSetStatus(AWSError):
    """The change set cannot be executed or deleted in its status."""

    code = "InvalidChangeSetStatus"
    status = 400


class InsufficientCapabilities(AWSError):
    """The template needs a capability that the caller has not acknowledged."""

    code = "InsufficientCapabilitiesException"
    status = 400


class TokenAlreadyExists(AWSError):
    """The client request token was used for another operation."""

    code = "TokenAlreadyExistsException"
    status = 400


class LimitExceeded(AWSError):
    """A quota of the service is reached."""

    code = "LimitExceededException"
    status = 400


def template_format_error(message: str) -> ValidationError:
    """The template's form is wrong."""
    return ValidationError(f"Template format error: {message}")


def template_error(message: str) -> ValidationError:
    """The template says something that cannot be."""
    return ValidationError(f"Template error: {message}")
