"""The errors of API Gateway's control plane."""

from __future__ import annotations

from cloudlet.aws.errors import AWSError


class BadRequest(AWSError):
    """The request cannot be; the message says which part."""

    code = "BadRequestException"
    status = 400


class NotFound(AWSError):
    """There is no such API, resource, method, deployment or stage."""

    code = "NotFoundException"
    status = 404


class Conflict(AWSError):
    """It exists already, or something still uses it."""

    code = "ConflictException"
    status = 409
