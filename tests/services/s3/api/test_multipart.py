from __future__ import annotations

import base64
import hashlib
import random
from typing import Any

import pytest
from tests.services.s3.conftest import Caller

FIVE = 5 * 1024**2
CONTENT = random.Random(3).randbytes(FIVE + 1000)


async def begin(owner: Caller, bucket: str, **members: Any) -> str:
    made = await owner("CreateMultipartUpload", Bucket=bucket, Key="k", **members)
    return str(made["UploadId"])


async def send(
    owner: Caller, bucket: str, upload: str, number: int, content: bytes, **more: Any
) -> dict[str, Any]:
    stored = await owner(
        "UploadPart", Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=content,
        **more,
    )  # fmt: skip
    sums = {name: value for name, value in stored.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": stored["ETag"], **sums}


def completion(bucket: str, upload: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Bucket": bucket, "Key": "k", "UploadId": upload, "MultipartUpload": {"Parts": parts},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        (None, "FULL_OBJECT"),
        ("CRC32", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT"),
        ("SHA256", "COMPOSITE"),
    ],
)
async def test_parts_become_an_object(
    owner: Caller, bucket: str, algorithm: str | None, kind: str
) -> None:
    chosen = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm else {}
    upload = await begin(owner, bucket, Metadata={"m": "1"}, **chosen)
    parts = [
        await send(owner, bucket, upload, 1, CONTENT[:FIVE]),
        await send(owner, bucket, upload, 7, CONTENT[FIVE:]),
    ]
    done = await owner("CompleteMultipartUpload", **completion(bucket, upload, parts))
    digests = b"".join(hashlib.md5(c).digest() for c in (CONTENT[:FIVE], CONTENT[FIVE:]))
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    assert await owner.read(Bucket=bucket, Key="k") == CONTENT
    found = await owner("HeadObject", Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (found["Metadata"], found["ChecksumType"]) == ({"m": "1"}, kind)
    value = found[f"Checksum{algorithm or 'CRC64NVME'}"]
    assert value.endswith("-2") == (kind == "COMPOSITE")
    if kind == "FULL_OBJECT":
        await owner("PutObject", Bucket=bucket, Key="same", Body=CONTENT,
                    **{f"Checksum{algorithm or 'CRC64NVME'}": value})  # fmt: skip
    second = await owner("GetObject", Bucket=bucket, Key="k", PartNumber=2)
    assert (second["PartsCount"], await second["Body"].read()) == (2, CONTENT[FIVE:])
    # A client that lost the answer asks again.
    assert await owner("CompleteMultipartUpload", **completion(bucket, upload, parts)) == done


async def test_what_cannot_be_completed(owner: Caller, bucket: str) -> None:
    upload = await begin(owner, bucket)
    one = await send(owner, bucket, upload, 1, b"small")
    two = await send(owner, bucket, upload, 2, b"last")
    for parts, code in (
        ([], "MalformedXML"),
        ([two, one], "InvalidPartOrder"),
        ([one, one], "InvalidPartOrder"),
        ([one, two], "EntityTooSmall"),
        ([{**one, "ETag": '"x"'}], "InvalidPart"),
        ([{**one, "PartNumber": 3}], "InvalidPart"),
    ):
        error = await owner.error("CompleteMultipartUpload", **completion(bucket, upload, parts))
        assert error.code == code
    await owner("CompleteMultipartUpload", **completion(bucket, upload, [two]))
    assert await owner.read(Bucket=bucket, Key="k") == b"last"


async def test_composite_checksums_must_be_told(owner: Caller, bucket: str) -> None:
    upload = await begin(owner, bucket, ChecksumAlgorithm="SHA1")
    part = await send(owner, bucket, upload, 1, b"x")
    bare = {"PartNumber": 1, "ETag": part["ETag"]}
    error = await owner.error("CompleteMultipartUpload", **completion(bucket, upload, [bare]))
    assert error.code == "InvalidRequest"
    wrong = {**bare, "ChecksumSHA1": base64.b64encode(b"0" * 20).decode()}
    error = await owner.error("CompleteMultipartUpload", **completion(bucket, upload, [wrong]))
    assert error.code == "InvalidPart"
    mismatch = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1, "Body": b""}
    error = await owner.error("UploadPart", **mismatch, ChecksumAlgorithm="CRC32")
    assert error.code == "InvalidRequest"


async def test_copied_parts(owner: Caller, bucket: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="from", Body=CONTENT)
    upload = await begin(owner, bucket)
    parts = []
    for number, span in ((1, f"bytes=0-{FIVE - 1}"), (2, f"bytes={FIVE}-{len(CONTENT) - 1}")):
        copied = await owner(
            "UploadPartCopy", Bucket=bucket, Key="k", UploadId=upload, PartNumber=number,
            CopySource=f"{bucket}/from", CopySourceRange=span,
        )  # fmt: skip
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    error = await owner.error(
        "UploadPartCopy", Bucket=bucket, Key="k", UploadId=upload, PartNumber=3,
        CopySource=f"{bucket}/from", CopySourceRange=f"bytes=0-{len(CONTENT)}",
    )  # fmt: skip
    assert error.code == "InvalidArgument"
    await owner("CompleteMultipartUpload", **completion(bucket, upload, parts))
    assert await owner.read(Bucket=bucket, Key="k") == CONTENT


async def test_abort(owner: Caller, bucket: str) -> None:
    upload = await begin(owner, bucket)
    await send(owner, bucket, upload, 1, b"x")
    await owner("AbortMultipartUpload", Bucket=bucket, Key="k", UploadId=upload)
    for operation, more in (
        ("AbortMultipartUpload", {}),
        ("ListParts", {}),
        ("UploadPart", {"PartNumber": 1, "Body": b""}),
        ("CompleteMultipartUpload", {"MultipartUpload": {"Parts": [{"PartNumber": 1}]}}),
    ):
        error = await owner.error(operation, Bucket=bucket, Key="k", UploadId=upload, **more)
        assert (error.code, error.status) == ("NoSuchUpload", 404)
    await owner("DeleteBucket", Bucket=bucket)


async def test_an_upload_is_of_its_key(owner: Caller, bucket: str) -> None:
    upload = await begin(owner, bucket)
    error = await owner.error("ListParts", Bucket=bucket, Key="other", UploadId=upload)
    assert error.code == "NoSuchUpload"


async def test_listing_parts_and_uploads(owner: Caller, bucket: str) -> None:
    upload = await begin(owner, bucket)
    for number in (1, 2, 3):
        await send(owner, bucket, upload, number, b"%d" % number)
    members = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    page = await owner("ListParts", **members, MaxParts=2)
    assert [part["PartNumber"] for part in page["Parts"]] == [1, 2]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 2)
    page = await owner("ListParts", **members, PartNumberMarker=2)
    assert [part["Size"] for part in page["Parts"]] == [1]
    listed = await owner("ListMultipartUploads", Bucket=bucket)
    assert [(one["Key"], one["UploadId"]) for one in listed["Uploads"]] == [("k", upload)]


@pytest.mark.parametrize("number", [0, 10_001])
async def test_part_numbers(owner: Caller, bucket: str, number: int) -> None:
    members = {"Bucket": bucket, "Key": "k", "UploadId": "u", "PartNumber": number, "Body": b""}
    assert (await owner.error("UploadPart", **members)).code == "InvalidArgument"
