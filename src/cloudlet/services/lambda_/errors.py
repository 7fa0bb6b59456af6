"""Lambda's errors, by AWS's codes; each carries `Type`, as Lambda's error bodies do."""

from __future__ import annotations

from typing import Any

from cloudlet.aws.errors import AWSError


class LambdaError(AWSError):
    """The base: whose fault it is stands in the member `Type`."""

    def __init__(self, message: str, **fields: Any) -> None:
        kind = "User" if type(self).status < 500 else "Service"
        super().__init__(message, **({"Type": kind} | fields))


class InvalidParameterValue(LambdaError):
    """A parameter's value, or a combination of parameters, cannot be."""

    code = "InvalidParameterValueException"
    status = 400


class Validation(AWSError):
    """A value is outside what its shape allows, in the words of AWS's request validation."""

    code = "ValidationException"
    status = 400

    def __init__(self, member: str, value: object, constraint: str) -> None:
        super().__init__(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy"
            f" constraint: {constraint}"
        )


class ResourceNotFound(LambdaError):
    """There is no such function, version, alias, layer version or policy."""

    code = "ResourceNotFoundException"
    status = 404


class ResourceConflict(LambdaError):
    """It exists already, or something still needs it."""

    code = "ResourceConflictException"
    status = 409


class PreconditionFailed(LambdaError):
    """The `RevisionId` in the request is not the latest."""

    code = "PreconditionFailedException"
    status = 412


class PolicyLengthExceeded(LambdaError):
    """A resource policy may have 20 KB."""

    code = "PolicyLengthExceededException"
    status = 400


class PublicPolicy(LambdaError):
    """A resource policy would let anybody in."""

    code = "PublicPolicyException"
    status = 400


class RequestEntityTooLarge(LambdaError):
    """An invocation's payload, or a directly uploaded archive, is over its limit."""

    code = "RequestEntityTooLargeException"
    status = 413


class InvalidRequestContent(LambdaError):
    """The payload or the client context of an invocation is not JSON."""

    code = "InvalidRequestContentException"
    status = 400


class TooManyRequests(LambdaError):
    """The function or the account runs as many invocations as it may."""

    code = "TooManyRequestsException"
    status = 429

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.", Reason=reason)


class AccessDenied(LambdaError):
    """The caller, or the function's role, may not do this."""

    code = "AccessDeniedException"
    status = 403


class ProvisionedConcurrencyNotFound(LambdaError):
    """The function has no provisioned concurrency."""

    code = "ProvisionedConcurrencyConfigNotFoundException"
    status = 404


class CodeStorageExceeded(LambdaError):
    """The account's code would exceed its 75 GB."""

    code = "CodeStorageExceededException"
    status = 400


class InvalidRuntime(LambdaError):
    """The machine has no interpreter for the function's runtime."""

    code = "InvalidRuntimeException"
    status = 502


class ServiceFailure(LambdaError):
    """The execution environment could not be made; the server's log has the reason."""

    code = "ServiceException"
    status = 500


class RecursiveInvocation(LambdaError):
    """The function has run too often in one chain of requests."""

    code = "RecursiveInvocationException"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            "Lambda has detected your function being invoked in a recursive loop with other Amazon"
            " Web Services resources and stopped your function's invocation."
        )


class SnapStartNotReady(LambdaError):
    """The version's snapshot is being taken."""

    code = "SnapStartNotReadyException"
    status = 409


class SnapStartFailed(LambdaError):
    """A hook after the restore raised."""

    code = "SnapStartException"
    status = 400


class SnapStartTimeout(LambdaError):
    """The hooks after the restore took too long."""

    code = "SnapStartTimeoutException"
    status = 408


class CodeVerificationFailed(LambdaError):
    """The code is not signed as the function's code signing configuration asks."""

    code = "CodeVerificationFailedException"
    status = 400


class CodeSigningConfigNotFound(LambdaError):
    """There is no such code signing configuration."""

    code = "CodeSigningConfigNotFoundException"
    status = 404
