"""Multipart uploads: begin, upload parts, copy parts, complete, abort."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from cloudlet.aws.body import Body
from cloudlet.aws.context import Context
from cloudlet.aws.models.s3 import (
    AbortMultipartUploadOutput,
    AbortMultipartUploadRequest,
    CompletedPart,
    CompleteMultipartUploadOutput,
    CompleteMultipartUploadRequest,
    CopyPartResult,
    CreateMultipartUploadOutput,
    CreateMultipartUploadRequest,
    UploadPartCopyOutput,
    UploadPartCopyRequest,
    UploadPartOutput,
    UploadPartRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.s3 import access, attributes, checksums, encryption, versions
from cloudlet.services.s3.access import bucket_policy, object_arn
from cloudlet.services.s3.api.copying import open_source
from cloudlet.services.s3.conditions import WriteCondition
from cloudlet.services.s3.errors import (
    BadDigest,
    EntityTooSmall,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    MalformedXML,
    NoSuchBucket,
    NoSuchUpload,
)
from cloudlet.services.s3.names import check_key
from cloudlet.services.s3.receiving import receive
from cloudlet.services.s3.store import S3
from cloudlet.storage.objects import ALGORITHMS, Attributes, BucketMissing, Part, Summary, Upload
from cloudlet.storage.objects.digests import combine_composite, combine_full, multipart_etag

#: Every part but the last has at least this many bytes.
MIN_PART_BYTES = 5 * 1024**2
MAX_PARTS = 10_000


@operation(
    "CreateMultipartUpload",
    action="s3:PutObject",
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.write_conditions,
)
async def create_multipart_upload(
    ctx: Context[S3], req: CreateMultipartUploadRequest
) -> CreateMultipartUploadOutput:
    """Begin an upload in parts."""
    check_key(req.key)
    bucket = ctx.service.bucket(req.bucket)
    about = attributes.of(req, bucket)
    if about.tags:
        ctx.authorise("s3:PutObjectTagging", object_arn(ctx, req), policy=bucket_policy(ctx, req))
    algorithm, kind = _checksum_of(req)
    about = about.replace(algorithm=algorithm, checksum_type=kind)
    try:
        upload = await ctx.service.objects.create_upload(req.bucket, req.key, about)
    except BucketMissing as error:
        raise NoSuchBucket(BucketName=req.bucket) from error
    return CreateMultipartUploadOutput(
        bucket=req.bucket,
        key=req.key,
        upload_id=upload.id,
        **encryption.members(bucket, about),
        checksum_algorithm=algorithm or None,
        checksum_type=kind if algorithm else None,
    )


def _checksum_of(req: CreateMultipartUploadRequest) -> tuple[str, Any]:
    """The upload's algorithm ("" for the default) and the type of its whole object's checksum."""
    algorithm, kind = req.checksum_algorithm, req.checksum_type
    if algorithm is None:
        if kind is not None:
            raise InvalidRequest(
                "The x-amz-checksum-type header can only be used with the"
                " x-amz-checksum-algorithm header."
            )
        return "", "FULL_OBJECT"
    if algorithm not in ALGORITHMS:
        raise InvalidRequest("Checksum algorithm provided is unsupported.")
    if kind is None:
        kind = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
    fits = algorithm in checksums.FULL_OBJECT if kind == "FULL_OBJECT" else (
        kind == "COMPOSITE" and algorithm != "CRC64NVME"
    )  # fmt: skip
    if not fits:
        raise InvalidRequest(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum"
            " algorithm."
        )
    return algorithm, kind


def upload_of(ctx: Context[S3], req: Any) -> Upload:
    """The request's upload, which must be of its bucket and key; else `NoSuchUpload`."""
    found = ctx.service.objects.find_upload(req.upload_id)
    if found is None or (found.bucket, found.key) != (req.bucket, req.key):
        raise NoSuchUpload(UploadId=req.upload_id)
    return found


def _unfinished(ctx: Context[S3], req: Any) -> Upload:
    upload = upload_of(ctx, req)
    if upload.completed is not None:
        raise NoSuchUpload(UploadId=req.upload_id)
    return upload


def _check_number(number: int) -> None:
    if not 1 <= number <= MAX_PARTS:
        raise InvalidArgument(
            "Part number must be an integer between 1 and 10000, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )


@operation("UploadPart", action="s3:PutObject", resource=object_arn, policy=bucket_policy)
async def upload_part(ctx: Context[S3], req: UploadPartRequest) -> UploadPartOutput:
    """Store a part, replacing the one of that number."""
    _check_number(req.part_number)
    encryption.check(req)
    upload = _unfinished(ctx, req)
    chosen = upload.attributes.algorithm
    expected = checksums.expectation(req, chosen)
    if chosen and expected.algorithm != chosen:
        raise InvalidRequest(
            f"Checksum Type mismatch occurred, expected checksum Type: {chosen.lower()}, actual"
            f" checksum Type: {expected.algorithm.lower()}"
        )
    body = req.body or Body.of(b"")
    # Where no algorithm was chosen, the whole object gets the default checksum in the end.
    also = frozenset() if chosen else frozenset({checksums.DEFAULT})
    received, algorithm, checksum = await receive(
        ctx.service.objects, body, expected, part=True, also=also
    )
    stored = await ctx.service.objects.put_part(upload.id, req.part_number, received)
    if stored is None:
        raise NoSuchUpload(UploadId=req.upload_id)
    members: dict[str, Any] = checksums.members({algorithm: checksum})
    members |= encryption.members(ctx.service.bucket(req.bucket), upload.attributes)
    return UploadPartOutput(etag=f'"{stored.etag}"', **members)


@operation("UploadPartCopy", action="s3:PutObject", resource=object_arn, policy=bucket_policy)
async def upload_part_copy(ctx: Context[S3], req: UploadPartCopyRequest) -> UploadPartCopyOutput:
    """Store a part with bytes of another object."""
    _check_number(req.part_number)
    encryption.check(req)
    upload = _unfinished(ctx, req)
    algorithm = upload.attributes.algorithm or checksums.DEFAULT
    opened = open_source(ctx, req)
    try:
        start, stop = _copy_range(req.copy_source_range, opened.about.size)
    except BaseException:
        ctx.service.objects.release(opened)
        raise
    reading = ctx.service.objects.read(opened, start, stop)
    received = await ctx.service.objects.receive_part(reading, [algorithm])
    stored = await ctx.service.objects.put_part(upload.id, req.part_number, received)
    if stored is None:
        raise NoSuchUpload(UploadId=req.upload_id)
    members: dict[str, Any] = checksums.members(received.checksums)
    return UploadPartCopyOutput(
        copy_source_version_id=versions.told(ctx.service.bucket(opened.about.bucket), opened.about),
        copy_part_result=CopyPartResult(
            etag=f'"{stored.etag}"', last_modified=float(stored.modified_ms // 1000), **members
        ),
        **encryption.members(ctx.service.bucket(req.bucket), upload.attributes),
    )


def _copy_range(value: str | None, size: int) -> tuple[int, int]:
    """The (start, stop) of an x-amz-copy-source-range, which must be `bytes=first-last`."""
    if value is None:
        return 0, size
    first, dash, last = value.removeprefix("bytes=").partition("-")
    if not (value.startswith("bytes=") and dash and first.isdigit() and last.isdigit()):
        raise InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first"
            " and last are the zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=value,
        )
    start, stop = int(first), int(last) + 1
    if start >= stop or stop > size:
        raise InvalidArgument(
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=value,
        )
    return start, stop


@operation(
    "CompleteMultipartUpload", action="s3:PutObject", resource=object_arn, policy=bucket_policy
)
async def complete_multipart_upload(
    ctx: Context[S3], req: CompleteMultipartUploadRequest
) -> CompleteMultipartUploadOutput:
    """Make the object of the parts; the bytes stay where they are."""
    upload = upload_of(ctx, req)
    if upload.completed is not None:
        return _repeated(ctx, req, upload)
    condition = None
    if req.if_match is not None or req.if_none_match is not None:
        condition = WriteCondition(req.if_match, req.if_none_match, req.key)
    parts = await ctx.service.objects.parts(upload.id)
    # Up to 10,000 parts: too much for the event loop.
    chosen, about, etag = await asyncio.to_thread(_assemble, req, parts, upload.attributes)
    versioning = ctx.service.versioning(req.bucket)
    stored = await ctx.service.objects.complete_upload(
        upload.id, chosen, etag, about, condition, versioning
    )
    if stored is None:
        raise NoSuchUpload(UploadId=req.upload_id)
    return _completed(ctx, req, stored)


def _assemble(
    req: CompleteMultipartUploadRequest, parts: list[Part], about: Attributes
) -> tuple[list[Part], Attributes, str]:
    """The chosen parts, the object's attributes and its ETag, as far as the request is right."""
    wanted = (req.multipart_upload.parts if req.multipart_upload else None) or []
    chosen = _choose(wanted, parts, about)
    size = sum(part.size for part in chosen)
    if req.mpu_object_size is not None and req.mpu_object_size != size:
        raise InvalidRequest(
            f"The provided 'x-amz-mp-object-size' header value {req.mpu_object_size} does not match"
            f" what was computed: {size}"
        )
    about = about.replace(checksums=_whole_checksum(about, chosen))
    for algorithm, value in checksums.given(req).items():
        if about.checksums.get(algorithm) != value:
            raise BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")
    return chosen, about, multipart_etag(part.etag for part in chosen)


def _repeated(
    ctx: Context[S3], req: CompleteMultipartUploadRequest, upload: Upload
) -> CompleteMultipartUploadOutput:
    """The answer to a completion that was answered before but whose answer was lost."""
    found = ctx.service.objects.find(req.bucket, req.key)
    if found is None or found.etag != upload.completed:
        raise NoSuchUpload(UploadId=req.upload_id)
    return _completed(ctx, req, found)


def _completed(
    ctx: Context[S3], req: CompleteMultipartUploadRequest, stored: Summary
) -> CompleteMultipartUploadOutput:
    bucket = ctx.service.bucket(req.bucket)
    members: dict[str, Any] = checksums.members(stored.attributes.checksums)
    return CompleteMultipartUploadOutput(
        location=f"{ctx.endpoint}/{req.bucket}/{req.key}",
        bucket=req.bucket,
        key=req.key,
        etag=f'"{stored.etag}"',
        version_id=versions.told(bucket, stored),
        **encryption.members(bucket, stored.attributes),
        checksum_type=stored.attributes.checksum_type,
        **members,
    )


def _choose(wanted: list[CompletedPart], stored: list[Part], about: Attributes) -> list[Part]:
    """The stored parts that a completion names, checked as AWS does."""
    if not wanted:
        raise MalformedXML
    numbers = [part.part_number or 0 for part in wanted]
    if any(one >= two for one, two in pairwise(numbers)):
        raise InvalidPartOrder
    by_number = {part.number: part for part in stored}
    chosen = []
    for one in wanted:
        part = by_number.get(one.part_number or 0)
        if part is None or part.etag != (one.etag or "").strip('"'):
            raise InvalidPart(PartNumber=one.part_number, ETag=(one.etag or "").strip('"'))
        for algorithm, value in checksums.given(one).items():
            if part.checksums.get(algorithm) != value:
                raise InvalidPart(PartNumber=one.part_number, ETag=part.etag)
        if about.checksum_type == "COMPOSITE" and not checksums.given(one):
            raise InvalidRequest(
                f"The upload was created using a {about.algorithm.lower()} checksum. The complete"
                " request must include the checksum for each part. It was missing for part"
                f" {part.number} in the request."
            )
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < MIN_PART_BYTES:
            raise EntityTooSmall(
                ProposedSize=part.size,
                MinSizeAllowed=MIN_PART_BYTES,
                PartNumber=part.number,
                ETag=part.etag,
            )
    return chosen


def _whole_checksum(about: Attributes, chosen: list[Part]) -> dict[str, str]:
    """The object's checksum, computed from the parts'."""
    algorithm = about.algorithm or checksums.DEFAULT
    if about.checksum_type == "FULL_OBJECT":
        return {
            algorithm: combine_full(algorithm, ((p.checksums[algorithm], p.size) for p in chosen))
        }
    combined = combine_composite(algorithm, (part.checksums[algorithm] for part in chosen))
    return {algorithm: f"{combined}-{len(chosen)}"}


@operation("AbortMultipartUpload", resource=object_arn, policy=bucket_policy)
async def abort_multipart_upload(
    ctx: Context[S3], req: AbortMultipartUploadRequest
) -> AbortMultipartUploadOutput:
    """Forget an upload and its parts."""
    upload = upload_of(ctx, req)
    if upload.completed is None and not await ctx.service.objects.abort_upload(upload.id):
        raise NoSuchUpload(UploadId=req.upload_id)
    return AbortMultipartUploadOutput()
