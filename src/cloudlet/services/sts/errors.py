"""STS's errors, as it words them."""

from __future__ import annotations

from cloudlet.aws.errors import AWSError


class InvalidAuthorizationMessage(AWSError):
    """What is to be decoded is no encoded message."""

    code = "InvalidAuthorizationMessageException"
    status = 400


class MalformedPolicyDocument(AWSError):
    """A session policy that is no valid policy."""

    code = "MalformedPolicyDocument"
    status = 400


class PackedPolicyTooLarge(AWSError):
    """Session policies and tags that do not fit a session."""

    code = "PackedPolicyTooLarge"
    status = 400
