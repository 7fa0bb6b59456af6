"""From a request's headers to what is kept with an object, and back to an answer's."""

from __future__ import annotations

from typing import Any

from cloudlet.services.s3 import encryption
from cloudlet.services.s3.errors import (
    AccessControlListNotSupported,
    InvalidRequest,
    InvalidStorageClass,
    MetadataTooLarge,
)
from cloudlet.services.s3.model import BucketRecord
from cloudlet.services.s3.tags import from_header
from cloudlet.storage.objects import Attributes

MAX_METADATA_BYTES = 2048

#: Storage classes of a general purpose bucket; what they mean for cost is noted, not simulated.
STORAGE_CLASSES = frozenset(
    {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
     "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"}
)  # fmt: skip

#: Attribute of the structs -> what it is kept under.
HEADERS = {
    "cache_control": "Cache-Control",
    "content_disposition": "Content-Disposition",
    "content_encoding": "Content-Encoding",
    "content_language": "Content-Language",
    "content_type": "Content-Type",
    "expires": "Expires",
}

#: Canned ACLs that say no more than BucketOwnerEnforced does.
OWNER_ONLY = frozenset({"private", "bucket-owner-full-control"})

_LOCKS = ("object_lock_mode", "object_lock_retain_until_date", "object_lock_legal_hold_status")
_GRANTS = (
    "grant_full_control", "grant_read", "grant_read_acp", "grant_write", "grant_write_acp",
)  # fmt: skip


def check_acl(request: Any) -> None:
    """Raise `AccessControlListNotSupported` for an ACL: the owner owns everything in a bucket."""
    granted = any(getattr(request, name, None) is not None for name in _GRANTS)
    if granted or (request.acl is not None and request.acl not in OWNER_ONLY):
        raise AccessControlListNotSupported


def check_locks(request: Any) -> None:
    """Raise for Object Lock, which a bucket must have been created with."""
    if any(getattr(request, name, None) is not None for name in _LOCKS):
        raise InvalidRequest("Bucket is missing Object Lock Configuration")


def of(request: Any, bucket: BucketRecord) -> Attributes:
    """What a PutObject, CreateMultipartUpload or CopyObject says about its object in `bucket`."""
    check_acl(request)
    encryption.check(request)
    check_locks(request)
    storage_class = request.storage_class or "STANDARD"
    if storage_class not in STORAGE_CLASSES:
        raise InvalidStorageClass(StorageClassRequested=storage_class)
    return Attributes(
        headers=_headers(request),
        metadata=_metadata(request.metadata or {}),
        tags=from_header(request.tagging),
        storage_class=storage_class,
        redirect=_redirect(request.website_redirect_location),
        encryption=encryption.of(request, bucket),
    )


def _headers(request: Any) -> dict[str, str]:
    found = {}
    for attribute, name in HEADERS.items():
        value = getattr(request, attribute)
        if value is None:
            continue
        if attribute == "content_encoding":
            # aws-chunked is how the body travels, not what it is.
            kept = [one.strip() for one in value.split(",") if one.strip() != "aws-chunked"]
            value = ",".join(kept)
        if value:
            found[name] = value
    return found


def _metadata(given: dict[str, str]) -> dict[str, str]:
    metadata = {name.lower(): value for name, value in given.items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > MAX_METADATA_BYTES:
        raise MetadataTooLarge(Size=size, MaxSizeAllowed=MAX_METADATA_BYTES)
    return metadata


def _redirect(location: str | None) -> str:
    if location is None:
        return ""
    if not location.startswith(("/", "http://", "https://")):
        raise InvalidRequest(
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."
        )
    return location


def headers_of(attributes: Attributes) -> dict[str, Any]:
    """The members of an answer that tell an object's headers."""
    members: dict[str, Any] = {
        attribute: attributes.headers.get(name) for attribute, name in HEADERS.items()
    }
    members["content_type"] = members["content_type"] or "binary/octet-stream"
    return members
