"""Presigned URLs of Signature Version 2, for S3 alone: what boto3 makes in the older regions.

After S3's "Signing and authenticating REST requests (AWS signature version 2)".
"""

from __future__ import annotations

import base64
import hmac
import re
import time

from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request
from cloudlet.aws.principal import Identities
from cloudlet.aws.sigv4 import refusals
from cloudlet.aws.sigv4.parsing import Claim, Scope
from cloudlet.aws.sigv4.refusals import Family
from cloudlet.aws.sigv4.verifying import Verified, credential_of

#: The parameters that are part of the signed resource.
SUBRESOURCES = frozenset({
    "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory",
    "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "partNumber",
    "policy", "replication", "requestPayment", "response-cache-control",
    "response-content-disposition", "response-content-encoding", "response-content-language",
    "response-content-type", "response-expires", "restore", "select", "select-type",
    "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning",
    "versions", "website",
})  # fmt: skip


def verify_url(
    request: Request, claim: Claim, identities: Identities, region: str, *, now: float | None = None
) -> Verified:
    """The signer of a presigned URL; raises S3's errors. The body is not signed."""
    now = time.time() if now is None else now
    query = dict(request.query)
    key_id, expires = query.get("AWSAccessKeyId", ""), query.get("Expires", "")
    if not key_id or not expires:
        raise AWSError(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters",
            code="AccessDenied",
            status=403,
        )
    if not re.fullmatch(r"\d{1,12}", expires, re.ASCII):
        raise AWSError(f"Invalid date (should be seconds since epoch): {expires[:64]}",
                       code="AccessDenied", status=403)  # fmt: skip
    if int(expires) < now:
        raise AWSError(
            "Request has expired", code="AccessDenied", status=403,
            Expires=refusals.iso(int(expires)), ServerTime=refusals.iso(now),
        )  # fmt: skip
    scope = Scope(key_id, "", region, "s3")
    credential = credential_of(claim, scope, Family.S3, identities, now)
    text = string_to_sign(request, query, expires)
    digest = hmac.digest(credential.secret_key.encode(), text.encode(), "sha1")
    expected = base64.b64encode(digest)
    if not hmac.compare_digest(expected, claim.signature.encode("utf-8", "replace")):
        raise refusals.mismatch(Family.S3, key_id, claim.signature, text, "")
    return Verified(credential.principal, scope, "UNSIGNED-PAYLOAD", claim.signature, "", b"")


def string_to_sign(request: Request, query: dict[str, str], expires: str) -> str:
    """The text that such a URL signs; headers may stand in the query string instead."""
    headers: dict[str, str] = {
        name.lower(): value for name, value in request.query if name.lower().startswith("x-amz-")
    }
    sent: dict[str, list[str]] = {}
    for name, value in request.headers.items:
        if name.startswith("x-amz-"):
            sent.setdefault(name, []).append(value.strip())
    headers.update({name: ",".join(values) for name, values in sent.items()})
    lines = [
        request.method,
        request.headers.get("content-md5") or query.get("content-md5", ""),
        request.headers.get("content-type") or query.get("content-type", ""),
        expires,
        *[f"{name}:{headers[name]}" for name in sorted(headers)],
    ]
    parameters = sorted((n, v) for n, v in request.query if n in SUBRESOURCES)
    resource = request.raw_path
    if parameters:
        resource += "?" + "&".join(f"{n}={v}" if v else n for n, v in parameters)
    return "\n".join([*lines, resource])
