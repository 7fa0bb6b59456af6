"""The errors of CloudWatch Logs, by AWS's codes."""

from __future__ import annotations

from cloudlet.aws.errors import AWSError


class InvalidParameter(AWSError):
    """A parameter's value cannot be."""

    code = "InvalidParameterException"
    status = 400


class ResourceNotFound(AWSError):
    """There is no such log group or stream."""

    code = "ResourceNotFoundException"
    status = 400


class ResourceAlreadyExists(AWSError):
    """The log group or stream exists."""

    code = "ResourceAlreadyExistsException"
    status = 400


class TooManyTags(AWSError):
    """A log group may have 50 tags."""

    code = "TooManyTagsException"
    status = 400


class Validation(AWSError):
    """The request cannot be done as it is."""

    code = "ValidationException"
    status = 400


NO_GROUP = "The specified log group does not exist."
NO_STREAM = "The specified log stream does not exist."
