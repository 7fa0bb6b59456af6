"""Listing objects, versions, uploads and parts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from urllib.parse import quote_plus

from cloudlet.aws.context import Context
from cloudlet.aws.models.s3 import (
    CommonPrefix,
    DeleteMarkerEntry,
    Initiator,
    ListMultipartUploadsOutput,
    ListMultipartUploadsRequest,
    ListObjectsOutput,
    ListObjectsRequest,
    ListObjectsV2Output,
    ListObjectsV2Request,
    ListObjectVersionsOutput,
    ListObjectVersionsRequest,
    ListPartsOutput,
    ListPartsRequest,
    MultipartUpload,
    Object,
    ObjectVersion,
    Owner,
    Part,
)
from cloudlet.aws.policy import canonical_user
from cloudlet.aws.service import operation
from cloudlet.services.s3 import access, checksums
from cloudlet.services.s3.access import bucket_arn, bucket_policy, object_arn
from cloudlet.services.s3.api.multipart import upload_of
from cloudlet.services.s3.errors import InvalidArgument, NoSuchUpload
from cloudlet.services.s3.store import S3
from cloudlet.storage.objects import Page, Summary, is_well_formed

#: The most entries that a page holds, whatever the request asks for.
MAX_PAGE = 1000


_Encode = Callable[[str | None], str | None]


def _encoder(encoding: str | None) -> _Encode:
    """How keys are written: plainly or as in a URL (encoding-type=url)."""
    if encoding is None:
        return lambda text: text
    if encoding != "url":
        raise InvalidArgument(
            "Invalid Encoding Method specified in Request",
            ArgumentName="encoding-type",
            ArgumentValue=encoding,
        )
    return lambda text: None if text is None else quote_plus(text, safe="/*")


def _limit(given: int | None, name: str) -> int:
    if given is None:
        return MAX_PAGE
    if given < 0:
        raise InvalidArgument(
            f"Argument {name} must be an integer between 0 and 2147483647",
            ArgumentName=name,
            ArgumentValue=given,
        )
    return min(given, MAX_PAGE)


def _token(page: Page) -> str:
    mark = "p" if page.last_is_prefix else "k"
    return base64.urlsafe_b64encode((mark + page.last).encode()).decode()


def _from_token(token: str) -> tuple[str, bool]:
    """The (last, is prefix) of a continuation token."""
    try:
        text = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    if text[:1] not in ("p", "k"):
        raise InvalidArgument(
            "The continuation token provided is incorrect", ArgumentName="continuation-token"
        )
    return text[1:], text[0] == "p"


def _is_rolled(marker: str, prefix: str, delimiter: str) -> bool:
    """Whether a marker is a common prefix that an earlier page gave."""
    return bool(delimiter) and (
        marker.startswith(prefix)
        and marker.find(delimiter, len(prefix)) == len(marker) - len(delimiter)
    )


def _owner(account: str) -> Owner:
    return Owner(id=canonical_user(account))


def _object(about: Summary, encode: _Encode, owner: Owner | None) -> Object:
    kept = about.attributes
    return Object(
        key=encode(about.key),
        last_modified=float(about.modified_s),
        etag=f'"{about.etag}"',
        checksum_algorithm=list(kept.checksums) or None,
        checksum_type=kept.checksum_type if kept.checksums else None,
        size=about.size,
        storage_class=kept.storage_class,
        owner=owner,
    )


def _prefixes(prefixes: list[str], encode: _Encode) -> list[CommonPrefix] | None:
    return [CommonPrefix(prefix=encode(prefix)) for prefix in prefixes] or None


@operation(
    "ListObjectsV2",
    action="s3:ListBucket",
    resource=bucket_arn,
    policy=bucket_policy,
    conditions=access.list_conditions,
)
async def list_objects_v2(ctx: Context[S3], req: ListObjectsV2Request) -> ListObjectsV2Output:
    """List keys in the order of their UTF-8 bytes."""
    encode = _encoder(req.encoding_type)
    limit = _limit(req.max_keys, "max-keys")
    after, is_prefix = req.start_after or "", False
    if req.continuation_token is not None:
        after, is_prefix = _from_token(req.continuation_token)
    page = await ctx.service.objects.list_keys(
        req.bucket,
        prefix=req.prefix or "",
        delimiter=req.delimiter or "",
        after=after,
        after_is_prefix=is_prefix,
        limit=limit,
    )
    owner = _owner(ctx.service.bucket(req.bucket).account) if req.fetch_owner else None
    return ListObjectsV2Output(
        is_truncated=page.is_truncated,
        contents=[_object(about, encode, owner) for about in page.entries] or None,
        name=req.bucket,
        prefix=encode(req.prefix or ""),
        delimiter=encode(req.delimiter),
        max_keys=limit,
        common_prefixes=_prefixes(page.prefixes, encode),
        encoding_type=req.encoding_type,
        key_count=page.count,
        continuation_token=req.continuation_token,
        next_continuation_token=_token(page) if page.is_truncated else None,
        start_after=encode(req.start_after),
    )


@operation(
    "ListObjects",
    action="s3:ListBucket",
    resource=bucket_arn,
    policy=bucket_policy,
    conditions=access.list_conditions,
)
async def list_objects(ctx: Context[S3], req: ListObjectsRequest) -> ListObjectsOutput:
    """List keys as the first version of the listing did, with markers."""
    encode = _encoder(req.encoding_type)
    limit = _limit(req.max_keys, "max-keys")
    prefix, delimiter, marker = req.prefix or "", req.delimiter or "", req.marker or ""
    page = await ctx.service.objects.list_keys(
        req.bucket,
        prefix=prefix,
        delimiter=delimiter,
        after=marker,
        after_is_prefix=_is_rolled(marker, prefix, delimiter),
        limit=limit,
    )
    owner = _owner(ctx.service.bucket(req.bucket).account)
    return ListObjectsOutput(
        is_truncated=page.is_truncated,
        marker=encode(marker),
        # Without a delimiter the last key is the next marker and is not repeated.
        next_marker=encode(page.last) if page.is_truncated and delimiter else None,
        contents=[_object(about, encode, owner) for about in page.entries] or None,
        name=req.bucket,
        prefix=encode(prefix),
        delimiter=encode(req.delimiter),
        max_keys=limit,
        common_prefixes=_prefixes(page.prefixes, encode),
        encoding_type=req.encoding_type,
    )


@operation(
    "ListObjectVersions",
    action="s3:ListBucketVersions",
    resource=bucket_arn,
    policy=bucket_policy,
    conditions=access.list_conditions,
)
async def list_object_versions(
    ctx: Context[S3], req: ListObjectVersionsRequest
) -> ListObjectVersionsOutput:
    """List versions and delete markers, a key's latest first.

    In a bucket that never kept versions each object is one, with the id "null".
    """
    encode = _encoder(req.encoding_type)
    limit = _limit(req.max_keys, "max-keys")
    if req.version_id_marker and not req.key_marker:
        raise InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=req.version_id_marker,
        )
    after_version = req.version_id_marker or ""
    if after_version and not is_well_formed(after_version):
        raise InvalidArgument(
            "Invalid version id specified",
            ArgumentName="version-id-marker",
            ArgumentValue=after_version,
        )
    prefix, delimiter, marker = req.prefix or "", req.delimiter or "", req.key_marker or ""
    page = await ctx.service.objects.list_versions(
        req.bucket,
        prefix=prefix,
        delimiter=delimiter,
        after=marker,
        after_version=after_version,
        after_is_prefix=_is_rolled(marker, prefix, delimiter),
        limit=limit,
    )
    owner = _owner(ctx.service.bucket(req.bucket).account)
    return ListObjectVersionsOutput(
        is_truncated=page.is_truncated,
        key_marker=encode(marker),
        version_id_marker=after_version,
        next_key_marker=encode(page.last) if page.is_truncated else None,
        next_version_id_marker=page.last_version or None if page.is_truncated else None,
        versions=[
            _version(about, about.id in page.latest, encode, owner)
            for about in page.entries
            if not about.is_marker
        ]
        or None,
        delete_markers=[
            DeleteMarkerEntry(
                owner=owner,
                key=encode(about.key),
                version_id=about.version,
                is_latest=about.id in page.latest,
                last_modified=float(about.modified_s),
            )
            for about in page.entries
            if about.is_marker
        ]
        or None,
        name=req.bucket,
        prefix=encode(prefix),
        delimiter=encode(req.delimiter),
        max_keys=limit,
        common_prefixes=_prefixes(page.prefixes, encode),
        encoding_type=req.encoding_type,
    )


def _version(about: Summary, is_latest: bool, encode: _Encode, owner: Owner) -> ObjectVersion:
    kept = about.attributes
    return ObjectVersion(
        etag=f'"{about.etag}"',
        checksum_algorithm=list(kept.checksums) or None,
        checksum_type=kept.checksum_type if kept.checksums else None,
        size=about.size,
        storage_class=kept.storage_class,
        key=encode(about.key),
        version_id=about.version,
        is_latest=is_latest,
        last_modified=float(about.modified_s),
        owner=owner,
    )


@operation(
    "ListMultipartUploads",
    action="s3:ListBucketMultipartUploads",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def list_multipart_uploads(
    ctx: Context[S3], req: ListMultipartUploadsRequest
) -> ListMultipartUploadsOutput:
    """List the unfinished uploads by key and then by age."""
    encode = _encoder(req.encoding_type)
    limit = _limit(req.max_uploads, "max-uploads")
    marker = req.key_marker or ""
    page = await ctx.service.objects.list_uploads(
        req.bucket,
        prefix=req.prefix or "",
        delimiter=req.delimiter or "",
        after=marker,
        after_id=(req.upload_id_marker or "") if marker else "",
        limit=limit,
    )
    account = ctx.service.bucket(req.bucket).account
    owner, initiator = _owner(account), Initiator(id=canonical_user(account))
    return ListMultipartUploadsOutput(
        bucket=req.bucket,
        key_marker=encode(marker),
        upload_id_marker=req.upload_id_marker or "",
        next_key_marker=encode(page.last),
        next_upload_id_marker=page.last_id,
        prefix=encode(req.prefix or ""),
        delimiter=encode(req.delimiter),
        max_uploads=limit,
        is_truncated=page.is_truncated,
        uploads=[
            MultipartUpload(
                upload_id=upload.id,
                key=encode(upload.key),
                initiated=float(upload.created_ms // 1000),
                storage_class=upload.attributes.storage_class,
                owner=owner,
                initiator=initiator,
                checksum_algorithm=upload.attributes.algorithm or None,
                checksum_type=upload.attributes.checksum_type
                if upload.attributes.algorithm
                else None,
            )
            for upload in page.entries
        ]
        or None,
        common_prefixes=_prefixes(page.prefixes, encode),
        encoding_type=req.encoding_type,
    )


@operation(
    "ListParts", action="s3:ListMultipartUploadParts", resource=object_arn, policy=bucket_policy
)
async def list_parts(ctx: Context[S3], req: ListPartsRequest) -> ListPartsOutput:
    """List the parts of an unfinished upload."""
    upload = upload_of(ctx, req)
    if upload.completed is not None:
        raise NoSuchUpload(UploadId=req.upload_id)
    limit = _limit(req.max_parts, "max-parts")
    after = req.part_number_marker or 0
    found = await ctx.service.objects.parts(upload.id, after, limit + 1)
    page = found[:limit]
    account = ctx.service.bucket(req.bucket).account
    algorithm = upload.attributes.algorithm
    return ListPartsOutput(
        bucket=req.bucket,
        key=req.key,
        upload_id=upload.id,
        part_number_marker=after,
        next_part_number_marker=page[-1].number if page else 0,
        max_parts=limit,
        is_truncated=len(found) > len(page) and limit > 0,
        parts=[
            Part(
                part_number=part.number,
                last_modified=float(part.modified_ms // 1000),
                etag=f'"{part.etag}"',
                size=part.size,
                **(checksums.members(part.checksums) if algorithm else {}),
            )
            for part in page
        ]
        or None,
        initiator=Initiator(id=canonical_user(account)),
        owner=_owner(account),
        storage_class=upload.attributes.storage_class,
        checksum_algorithm=algorithm or None,
        checksum_type=upload.attributes.checksum_type if algorithm else None,
    )
