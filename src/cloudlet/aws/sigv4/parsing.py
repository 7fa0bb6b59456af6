"""What a request claims about its signer: the Authorization header or a presigned query string."""

from __future__ import annotations

import re
from calendar import timegm
from dataclasses import dataclass

from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request
from cloudlet.aws.sigv4 import refusals
from cloudlet.aws.sigv4.refusals import Family

ALGORITHM = "AWS4-HMAC-SHA256"
#: As the Authorization header has it; a presigned URL names no algorithm.
VERSION_2 = "AWS"
MAX_EXPIRES_S = 604_800
MAX_LENGTH = 8192

_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
#: Regions become parts of names and addresses, so their form is checked.
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """The credential scope."""

    access_key_id: str
    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class Claim:
    """A signature as claimed; nothing of it is verified yet.

    `scope` is None where the credential cannot be read.
    """

    algorithm: str
    scope: Scope | None
    signed_headers: tuple[str, ...]
    signature: str
    stamp: str
    token: str | None
    presigned: bool
    expires: str = ""


def claim_of(request: Request) -> Claim | None:
    """The request's claim; None where it makes none."""
    authorization = request.headers.get("authorization")
    if authorization:
        return _from_header(request, authorization)
    # Cheap test first: most requests have no query string that could be a signature.
    if "X-Amz-" in request.raw_query or "Signature=" in request.raw_query:
        return _from_query(dict(request.query))
    return None


def _from_header(request: Request, authorization: str) -> Claim | None:
    algorithm, _, rest = authorization[:MAX_LENGTH].partition(" ")
    if not algorithm.startswith("AWS"):
        return None  # Basic or Bearer: no signature
    fields = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        fields[name] = value
    return Claim(
        algorithm=algorithm,
        scope=scope_of(fields.get("Credential", "")),
        signed_headers=tuple(fields.get("SignedHeaders", "").lower().split(";")),
        signature=fields.get("Signature", ""),
        stamp=request.headers.get("x-amz-date") or _http_date(request.headers.get("date")),
        token=request.headers.get("x-amz-security-token") or None,
        presigned=False,
    )


def _from_query(query: dict[str, str]) -> Claim | None:
    if "X-Amz-Algorithm" not in query and "X-Amz-Signature" not in query:
        if {"Signature", "AWSAccessKeyId"} <= query.keys():
            token = query.get("x-amz-security-token") or None
            return Claim(VERSION_2, None, (), query["Signature"], "", token, presigned=True)
        return None
    return Claim(
        algorithm=query.get("X-Amz-Algorithm", ""),
        scope=scope_of(query.get("X-Amz-Credential", "")),
        signed_headers=tuple(query.get("X-Amz-SignedHeaders", "").lower().split(";")),
        signature=query.get("X-Amz-Signature", ""),
        stamp=query.get("X-Amz-Date", ""),
        token=query.get("X-Amz-Security-Token") or None,
        presigned=True,
        expires=query.get("X-Amz-Expires", ""),
    )


def scope_of(credential: str) -> Scope | None:
    """The scope that a credential is made of; None where it cannot be read."""
    parts = credential.rsplit("/", 4)  # an access key id has no slash, but a caller's may
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        return None
    return Scope(parts[0], parts[1], parts[2], parts[3])


def _http_date(text: str) -> str:
    """A Date header in the form of x-amz-date, or as it is."""
    if not text or _STAMP.fullmatch(text):
        return text
    from cloudlet.aws.codec import timestamps

    try:
        return refusals.compact(timestamps.parse(text))
    except ValueError:
        return text


def signed_at(stamp: str) -> float | None:
    """The epoch seconds of `20260102T030405Z`; None if it is no such thing."""
    found = _STAMP.fullmatch(stamp)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    return float(timegm((year, month, day, hour, minute, second)))


def check_form(claim: Claim, family: Family) -> tuple[Scope, float]:
    """The scope and the signing time of a claim that is complete; raises the family's error."""
    if claim.algorithm != ALGORITHM:
        raise refusals.unsupported(family, claim.algorithm)
    if claim.presigned and family is Family.S3:
        _check_presigned(claim)
    lacking = [
        f"Authorization header requires '{name}' parameter."
        for name, value in (
            ("Credential", claim.scope is not None),
            ("Signature", claim.signature),
            ("SignedHeaders", any(claim.signed_headers)),
        )
        if not value
    ]
    if lacking or claim.scope is None:
        raise refusals.incomplete(family, " ".join(lacking))
    if _REGION.fullmatch(claim.scope.region) is None:
        raise refusals.wrong_region(family, claim.scope.region)
    at = signed_at(claim.stamp)
    if at is None:
        if family is Family.S3:
            raise AWSError(
                "AWS authentication requires a valid Date or x-amz-date header",
                code="AccessDenied",
                status=403,
            )
        raise refusals.incomplete(
            family,
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        )
    if claim.scope.date != claim.stamp[:8]:
        raise refusals.incomplete(
            family,
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{claim.scope.date}' != '{claim.stamp[:8]}', from '{claim.stamp}'.",
        )
    return claim.scope, at


def _check_presigned(claim: Claim) -> None:
    """The errors that S3 has for the parameters of a presigned URL."""
    if not (claim.signature and claim.stamp and claim.expires and any(claim.signed_headers)):
        raise refusals.bad_parameters(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    if claim.scope is None:
        raise refusals.bad_parameters(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
            '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
    if signed_at(claim.stamp) is None:
        raise refusals.bad_parameters(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        )
    lifetime(claim)


def lifetime(claim: Claim) -> int:
    """A presigned URL's seconds; raises where they are not between 0 and a week."""
    text = claim.expires
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise refusals.bad_parameters("X-Amz-Expires should be a number")
    seconds = int(text)
    if seconds < 0:
        raise refusals.bad_parameters("X-Amz-Expires must be non-negative")
    if seconds > MAX_EXPIRES_S:
        raise refusals.bad_parameters(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given "
            "X-Amz-Expires must be less than 604800 seconds"
        )
    return seconds
