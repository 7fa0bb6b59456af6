"""Objects: bytes under (bucket, key), durable when an operation returns.

`ObjectStore` is the embedded implementation: an ordered index in SQLite, small contents inside it,
larger ones in files of their own. Nothing of HTTP or of S3's XML is known here.
"""

from __future__ import annotations

from cloudlet.storage.objects.digests import ALGORITHMS, Digests
from cloudlet.storage.objects.intake import Received
from cloudlet.storage.objects.listing import Page, Uploads
from cloudlet.storage.objects.model import (
    NULL,
    Attributes,
    BucketMissing,
    BucketTaken,
    Opened,
    Part,
    Segment,
    Summary,
    Upload,
    Versioning,
)
from cloudlet.storage.objects.store import ObjectStore
from cloudlet.storage.objects.versions import is_well_formed

__all__ = [
    "ALGORITHMS",
    "NULL",
    "Attributes",
    "BucketMissing",
    "BucketTaken",
    "Digests",
    "ObjectStore",
    "Opened",
    "Page",
    "Part",
    "Received",
    "Segment",
    "Summary",
    "Upload",
    "Uploads",
    "Versioning",
    "is_well_formed",
]
