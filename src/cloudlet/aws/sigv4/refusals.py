"""The errors of authentication; query, json and S3 services word them differently."""

from __future__ import annotations

import time
from enum import Enum
from typing import Any

from cloudlet.aws.errors import AWSError

MAX_SKEW_S = 15 * 60


class Family(Enum):
    """How a service words the refusals of authentication."""

    QUERY = "query"
    JSON = "json"
    REST_JSON = "rest-json"
    S3 = "rest-xml"


_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_UNKNOWN = "The security token included in the request is invalid."


def compact(epoch: float) -> str:
    """`20260102T030405Z`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(epoch))


def iso(epoch: float) -> str:
    """`2026-01-02T03:04:05Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def missing(family: Family) -> AWSError:
    """The request is not signed at all."""
    if family is Family.S3:
        return AWSError("Access Denied", code="AccessDenied", status=403)
    if family is Family.QUERY:
        return AWSError(
            "Request is missing Authentication Token", code="MissingAuthenticationToken", status=403
        )
    return AWSError(
        "Missing Authentication Token",
        code="MissingAuthenticationTokenException",
        status=403 if family is Family.REST_JSON else 400,
    )


def incomplete(family: Family, message: str) -> AWSError:
    """The Authorization header or the signed query string is not what it must be."""
    if family is Family.S3:
        return AWSError(
            f"The authorization header is malformed; {message}",
            code="AuthorizationHeaderMalformed",
            status=400,
        )
    code = "IncompleteSignature" if family is Family.QUERY else "IncompleteSignatureException"
    return AWSError(message, code=code, status=403 if family is Family.REST_JSON else 400)


def bad_parameters(message: str) -> AWSError:
    """S3's complaint of a presigned URL's parameters."""
    return AWSError(message, code="AuthorizationQueryParametersError", status=400)


def unsupported(family: Family, algorithm: str) -> AWSError:
    """Another version of the signature than 4."""
    if family is Family.S3:
        return AWSError(
            "The authorization mechanism you have provided is not supported. Please use "
            "AWS4-HMAC-SHA256.",
            code="InvalidRequest",
            status=400,
        )
    return incomplete(family, f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")


def unknown_key(family: Family, access_key_id: str) -> AWSError:
    """No active access key has this id."""
    if family is Family.S3:
        return AWSError(
            "The AWS Access Key Id you provided does not exist in our records.",
            code="InvalidAccessKeyId",
            status=403,
            AWSAccessKeyId=access_key_id,
        )
    return invalid_token(family)


def invalid_token(family: Family) -> AWSError:
    """The session token is missing, or is not this key's."""
    if family is Family.S3:
        return AWSError(
            "The provided token is malformed or otherwise invalid.", code="InvalidToken", status=400
        )
    if family is Family.QUERY:
        return AWSError(_UNKNOWN, code="InvalidClientTokenId", status=403)
    status = 403 if family is Family.REST_JSON else 400
    return AWSError(_UNKNOWN, code="UnrecognizedClientException", status=status)


def expired_token(family: Family) -> AWSError:
    """The temporary credentials are past their time."""
    if family is Family.S3:
        return AWSError("The provided token has expired.", code="ExpiredToken", status=400)
    message = "The security token included in the request is expired"
    if family is Family.QUERY:
        return AWSError(message, code="ExpiredToken", status=403)
    return AWSError(
        message, code="ExpiredTokenException", status=403 if family is Family.REST_JSON else 400
    )


def mismatch(
    family: Family, access_key_id: str, provided: str, string_to_sign: str, canonical: str
) -> AWSError:
    """The signature is wrong; S3 tells what it would have signed."""
    if family is Family.S3:
        return AWSError(
            "The request signature we calculated does not match the signature you provided. Check "
            "your key and signing method.",
            code="SignatureDoesNotMatch",
            status=403,
            AWSAccessKeyId=access_key_id,
            StringToSign=string_to_sign,
            SignatureProvided=provided,
            StringToSignBytes=string_to_sign.encode().hex(" "),
            CanonicalRequest=canonical,
            CanonicalRequestBytes=canonical.encode("latin-1", "replace").hex(" "),
        )
    return _wrong_signature(family, _MISMATCH)


def _wrong_signature(family: Family, message: str) -> AWSError:
    if family is Family.QUERY:
        return AWSError(message, code="SignatureDoesNotMatch", status=403)
    status = 403 if family is Family.REST_JSON else 400
    return AWSError(message, code="InvalidSignatureException", status=status)


def wrong_region(family: Family, region: str) -> AWSError:
    """The scope's region is none."""
    if family is Family.S3:
        return incomplete(family, f"the region '{region[:64]}' is wrong; expecting 'us-east-1'")
    return _wrong_signature(family, "Credential should be scoped to a valid region.")


def skewed(family: Family, signed_at: float, now: float) -> AWSError:
    """The clocks differ by more than MAX_SKEW_S."""
    if family is Family.S3:
        return AWSError(
            "The difference between the request time and the current time is too large.",
            code="RequestTimeTooSkewed",
            status=403,
            RequestTime=compact(signed_at),
            ServerTime=iso(now),
            MaxAllowedSkewMilliseconds=MAX_SKEW_S * 1000,
        )
    minutes = MAX_SKEW_S // 60
    if signed_at < now:
        message = (
            f"Signature expired: {compact(signed_at)} is now earlier than "
            f"{compact(now - MAX_SKEW_S)} ({compact(now)} - {minutes} min.)"
        )
    else:
        message = (
            f"Signature not yet current: {compact(signed_at)} is still later than "
            f"{compact(now + MAX_SKEW_S)} ({compact(now)} + {minutes} min.)"
        )
    return _wrong_signature(family, message)


def expired_url(family: Family, signed_at: float, lifetime_s: int, now: float) -> AWSError:
    """A presigned URL is past its time."""
    if family is not Family.S3:
        return skewed(family, signed_at, now)
    fields: dict[str, Any] = {
        "X-Amz-Expires": lifetime_s,
        "Expires": iso(signed_at + lifetime_s),
        "ServerTime": iso(now),
    }
    return AWSError("Request has expired", code="AccessDenied", status=403, **fields)
