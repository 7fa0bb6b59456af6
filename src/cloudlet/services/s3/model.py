"""What S3 keeps of a bucket."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudlet.aws.models.s3 import CORSRule, WebsiteConfiguration
from cloudlet.storage.objects import Versioning


class PublicAccess(msgspec.Struct, frozen=True):
    """A bucket's public access block; AWS turns all four on for a new bucket."""

    block_public_acls: bool = True
    ignore_public_acls: bool = True
    block_public_policy: bool = True
    restrict_public_buckets: bool = True


class BucketRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bucket with its configuration; None where a configuration was not made or was deleted.

    Names are global, so records are kept under account "" with the owner's account inside.
    """

    name: str
    account: str
    region: str
    created_s: float
    policy: str = ""
    public_access: PublicAccess | None = PublicAccess()
    ownership: str | None = "BucketOwnerEnforced"
    encryption: str = ""  # of new objects; "": with S3's keys
    bucket_key_enabled: bool = False
    tags: dict[str, str] | None = None
    cors: list[CORSRule] | None = None
    website: WebsiteConfiguration | None = None
    versioning: Versioning = ""

    @property
    def arn(self) -> str:
        """The bucket's ARN, which names neither region nor account."""
        return f"arn:aws:s3:::{self.name}"

    def replace(self, **changes: Any) -> BucketRecord:
        """A copy with `changes`."""
        return msgspec.structs.replace(self, **changes)
