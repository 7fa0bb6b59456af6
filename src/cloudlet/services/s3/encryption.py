"""Server-side encryption as S3 tells of it: with S3's keys, or with KMS's AWS managed key.

Nothing is encrypted on this disk. What is kept is which of the two was asked for, since clients
and templates (SAM's and CDK's own buckets) ask by name. Keys of one's own would need KMS.
"""

from __future__ import annotations

import uuid
from typing import Any

from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied
from cloudlet.services.s3.errors import InvalidArgument, NotImplementedFeature
from cloudlet.services.s3.model import BucketRecord
from cloudlet.services.s3.store import S3
from cloudlet.storage.objects import Attributes

S3_KEYS = "AES256"
KMS = "aws:kms"

_MANAGED_ALIAS = "alias/aws/s3"
_NAMESPACE = uuid.UUID("6f0f4e6c-0d5e-5bb0-9f0e-2f7f6a3f1d5b")
_CUSTOMER_KEYS = (
    "sse_customer_algorithm", "sse_customer_key", "copy_source_sse_customer_algorithm",
)  # fmt: skip


def check(request: Any) -> None:
    """Raise unless the request asks for an encryption that there is, or for none."""
    if any(getattr(request, name, None) is not None for name in _CUSTOMER_KEYS):
        raise NotImplementedFeature(
            "Server-side encryption with customer-provided keys is not implemented in cloudlet.",
            Header="x-amz-server-side-encryption-customer-algorithm",
        )
    wanted = getattr(request, "server_side_encryption", None)
    check_algorithm(wanted, getattr(request, "ssekms_key_id", None))


def check_algorithm(algorithm: str | None, key: str | None) -> None:
    """Raise unless it is AES256, or aws:kms with the AWS managed key."""
    if algorithm == "aws:kms:dsse" or not (key is None or _is_managed(key)):
        raise NotImplementedFeature(
            "Server-side encryption with KMS keys other than the AWS managed one is not"
            " implemented in cloudlet.",
            Header="x-amz-server-side-encryption",
        )
    if algorithm not in (None, S3_KEYS, KMS):
        raise InvalidArgument(
            "The encryption method specified is not supported",
            ArgumentName="x-amz-server-side-encryption",
            ArgumentValue=algorithm,
        )


def _is_managed(key: str) -> bool:
    return key == _MANAGED_ALIAS or key.endswith(f":{_MANAGED_ALIAS}")


def of(request: Any, bucket: BucketRecord) -> str:
    """The encryption of a new object, as it is kept: the request's, else the bucket's default."""
    wanted = request.server_side_encryption
    if wanted is None:
        return bucket.encryption
    return KMS if wanted == KMS else ""


def members(bucket: BucketRecord, about: Attributes) -> dict[str, Any]:
    """The members of an answer that tell an object's encryption."""
    if not about.encryption:
        return {"server_side_encryption": S3_KEYS}
    # An account has one AWS managed key for S3 in each region.
    key = uuid.uuid5(_NAMESPACE, f"{bucket.account}/{bucket.region}")
    arn = f"arn:aws:kms:{bucket.region}:{bucket.account}:key/{key}"
    return {"server_side_encryption": about.encryption, "ssekms_key_id": arn}


def check_reader(ctx: Context[S3], bucket: BucketRecord, about: Attributes) -> None:
    """Raise for those whom an AWS managed key never serves: anonymous callers, other accounts."""
    if not about.encryption:
        return
    if ctx.principal.kind == "anonymous":
        raise InvalidArgument(
            "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS"
            " Signature Version 4.",
            ArgumentName="Authorization",
            ArgumentValue="null",
        )
    if ctx.principal.account != bucket.account:
        raise AccessDenied(
            f"User: {ctx.principal.arn} is not authorized to perform: kms:Decrypt on the resource"
            " associated with this ciphertext because no resource-based policy allows the"
            " kms:Decrypt action"
        )
