"""Signature Version 4, verified: who makes a request, and what its body must hash to.

After the IAM User Guide's "Create a signed AWS API request" and S3's "Authenticating Requests".
"""

from cloudlet.aws.sigv4.forms import SIGNATURE_FIELDS, verify_form
from cloudlet.aws.sigv4.parsing import VERSION_2, Claim, Scope, claim_of
from cloudlet.aws.sigv4.refusals import Family
from cloudlet.aws.sigv4.verifying import Verified, verify
from cloudlet.aws.sigv4.version2 import verify_url

__all__ = [
    "SIGNATURE_FIELDS",
    "VERSION_2",
    "Claim",
    "Family",
    "Scope",
    "Verified",
    "claim_of",
    "verify",
    "verify_form",
    "verify_url",
]
