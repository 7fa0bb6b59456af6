"""The verification of a claimed signature."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request
from cloudlet.aws.principal import Credential, Identities, Principal
from cloudlet.aws.sigv4 import refusals
from cloudlet.aws.sigv4.parsing import Claim, Scope, check_form, lifetime
from cloudlet.aws.sigv4.refusals import Family

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

#: The only x-amz- header that S3 lets a client send unsigned.
UNSIGNED_HEADERS = frozenset({"x-amz-content-sha256"})

_KEYS_KEPT = 512


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified signature: whose it is, and what chunk signatures need to continue from it.

    `payload` is the hash that the signature covers: hexadecimal SHA-256, or one of S3's literals.
    """

    principal: Principal
    scope: Scope
    payload: str
    signature: str
    stamp: str
    key: bytes


class SigningKeys:
    """Signing keys by secret and scope; deriving one costs four HMACs, and a scope lasts a day."""

    def __init__(self, kept: int = _KEYS_KEPT) -> None:
        self._keys: OrderedDict[tuple[str, str, str, str], bytes] = OrderedDict()
        self._kept = kept

    def of(self, secret: str, scope: Scope) -> bytes:
        """The signing key."""
        name = (secret, scope.date, scope.region, scope.service)
        key = self._keys.get(name)
        if key is None:
            key = f"AWS4{secret}".encode()
            for part in (scope.date, scope.region, scope.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._keys[name] = key
            if len(self._keys) > self._kept:
                self._keys.popitem(last=False)
        return key


_signing_keys = SigningKeys()
signing_key = _signing_keys.of


def verify(
    request: Request,
    claim: Claim,
    family: Family,
    identities: Identities,
    payload: str,
    *,
    now: float | None = None,
) -> Verified:
    """Verify the signature of `request`; raises the error that the family's services give.

    `payload` is the hash of the body as the canonical request has it: for S3 the value of
    x-amz-content-sha256, which the caller must then hold the body to.
    """
    now = time.time() if now is None else now
    scope, at = check_form(claim, family)
    _check_time(claim, family, at, now)
    credential = credential_of(claim, scope, family, identities, now)
    canonical = canonical_request(request, claim, family, payload)
    # Headers are decoded as Latin-1, whatever the client meant by their bytes.
    digest = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
    string_to_sign = f"AWS4-HMAC-SHA256\n{claim.stamp}\n{scope}\n{digest}"
    key = _signing_keys.of(credential.secret_key, scope)
    expected = hmac.digest(key, string_to_sign.encode(), "sha256").hex()
    if not hmac.compare_digest(expected, claim.signature.encode("ascii", "replace").decode()):
        raise refusals.mismatch(
            family, scope.access_key_id, claim.signature, string_to_sign, canonical
        )
    return Verified(credential.principal, scope, payload, claim.signature, claim.stamp, key)


def _check_time(claim: Claim, family: Family, at: float, now: float) -> None:
    """A header's signature holds for minutes, a URL's for as long as it says, a week at most."""
    if not claim.presigned:
        if abs(now - at) > refusals.MAX_SKEW_S:
            raise refusals.skewed(family, at, now)
        return
    seconds = lifetime(claim) if family is Family.S3 or claim.expires else refusals.MAX_SKEW_S
    if at + seconds < now:
        raise refusals.expired_url(family, at, seconds, now)
    if at > now + refusals.MAX_SKEW_S:
        if family is Family.S3:
            raise AWSError("Request is not yet valid", code="AccessDenied", status=403)
        raise refusals.skewed(family, at, now)


def credential_of(
    claim: Claim, scope: Scope, family: Family, identities: Identities, now: float
) -> Credential:
    """The active access key that the claim names; raises the family's errors."""
    credential = identities.credential(scope.access_key_id, claim.token or "")
    if credential is None and claim.token is not None:
        raise refusals.invalid_token(family)
    if credential is None or not credential.active:
        raise refusals.unknown_key(family, scope.access_key_id)
    expected = credential.session_token
    if expected is not None:
        if claim.token is None or not hmac.compare_digest(expected.encode(), claim.token.encode()):
            raise refusals.invalid_token(family)
        if credential.expires_at is not None and credential.expires_at <= now:
            raise refusals.expired_token(family)
    elif claim.token is not None:
        raise refusals.invalid_token(family)
    return credential


def canonical_request(request: Request, claim: Claim, family: Family, payload: str) -> str:
    """The canonical request that the client must have signed."""
    headers = _canonical_headers(request, claim, family)
    return "\n".join(
        (
            request.method,
            canonical_path(request.signed_path or request.raw_path, family),
            canonical_query(request, claim),
            headers,
            "",
            ";".join(claim.signed_headers),
            payload,
        )
    )


def _canonical_headers(request: Request, claim: Claim, family: Family) -> str:
    signed = frozenset(claim.signed_headers)
    if "host" not in signed:
        raise refusals.incomplete(
            family, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    found: dict[str, list[str]] = {}
    unsigned = []
    for name, value in request.headers.items:
        if name in signed:
            found.setdefault(name, []).append(_trimmed(value))
        elif family is Family.S3 and name.startswith("x-amz-") and name not in UNSIGNED_HEADERS:
            unsigned.append(name)
    if unsigned:
        raise AWSError(
            "There were headers present in the request which were not signed",
            code="AccessDenied",
            status=403,
            HeadersNotSigned=", ".join(unsigned),
        )
    return "\n".join(f"{name}:{','.join(found.get(name, ('',)))}" for name in claim.signed_headers)


def _trimmed(value: str) -> str:
    """Without space at the ends, and runs of spaces folded to one."""
    value = value.strip()
    return " ".join(value.split()) if "  " in value else value


def canonical_path(raw_path: str, family: Family) -> str:
    """S3 signs the path encoded once and as it is; the others normalise and encode it twice."""
    if family is Family.S3:
        # Decoded and encoded again, so that %7E and ~ are the same.
        return quote(unquote_to_bytes(raw_path), safe="/~") if raw_path else "/"
    if raw_path in ("", "/"):
        return "/"
    kept: list[str] = []
    for segment in raw_path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if raw_path.endswith("/") and kept else ""
    return quote("/" + "/".join(kept) + end, safe="/~")


def canonical_query(request: Request, claim: Claim) -> str:
    """The query string with its parameters encoded and sorted, without the signature."""
    if not request.raw_query:
        return ""
    pairs = [
        (quote(name, safe="~"), quote(value, safe="~"))
        for name, value in request.query
        if not (claim.presigned and name == "X-Amz-Signature")
    ]
    pairs.sort()
    return "&".join(f"{name}={value}" for name, value in pairs)
