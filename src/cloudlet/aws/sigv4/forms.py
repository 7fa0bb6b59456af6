"""The signature of a browser's upload form, which covers its policy document.

"Browser-Based Uploads Using POST" in the S3 API Reference.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Mapping

from cloudlet.aws.principal import Identities, Principal
from cloudlet.aws.sigv4 import refusals
from cloudlet.aws.sigv4.parsing import VERSION_2, Claim, Scope, check_form, scope_of
from cloudlet.aws.sigv4.refusals import Family
from cloudlet.aws.sigv4.verifying import credential_of, signing_key

#: Fields that the signature itself is made of, which no policy can speak of.
SIGNATURE_FIELDS = frozenset({"x-amz-signature", "signature", "awsaccesskeyid", "policy"})


def verify_form(
    fields: Mapping[str, str], identities: Identities, region: str, *, now: float | None = None
) -> tuple[Principal, str]:
    """The signer of a form's policy, and the region; raises S3's errors.

    `fields` have lower-case names. The policy is signed as it is sent, in base64.
    """
    now = time.time() if now is None else now
    policy = fields["policy"].encode("utf-8", "replace")
    token = fields.get("x-amz-security-token") or None
    if "awsaccesskeyid" in fields:
        signature = fields.get("signature", "")
        claim = Claim(VERSION_2, None, (), signature, "", token, presigned=True)
        scope = Scope(fields["awsaccesskeyid"], "", region, "s3")
        credential = credential_of(claim, scope, Family.S3, identities, now)
        digest = hmac.digest(credential.secret_key.encode(), policy, "sha1")
        expected = base64.b64encode(digest).decode()
    else:
        signature = fields.get("x-amz-signature", "")
        claim = Claim(
            fields.get("x-amz-algorithm", ""),
            scope_of(fields.get("x-amz-credential", "")),
            ("policy",),  # a form signs no headers
            signature,
            fields.get("x-amz-date", ""),
            token,
            presigned=False,
        )
        scope, _ = check_form(claim, Family.S3)
        credential = credential_of(claim, scope, Family.S3, identities, now)
        expected = hmac.digest(signing_key(credential.secret_key, scope), policy, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise refusals.mismatch(
            Family.S3, scope.access_key_id, signature, policy.decode("utf-8", "replace"), ""
        )
    return credential.principal, scope.region
