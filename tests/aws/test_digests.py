"""Declared digests of documents."""

from __future__ import annotations

import pytest
from tests.aws.codec.everything import complete

from cloudlet.aws.digests import check_digests
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Headers

BODY = b"hello"
GOOD = {
    "content-md5": "XUFAKrxLKna5cZ2REBfFkg==",
    "x-amz-checksum-crc32": "NhCmhg==",
    "x-amz-checksum-crc32c": "mnG7TA==",
    "x-amz-checksum-crc64nvme": "M3eFcAZSQlc=",
    "x-amz-checksum-sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00=",
    "x-amz-checksum-sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
}
OPERATION = complete("s3").operations["DeleteObjects"]


@pytest.mark.parametrize("name", GOOD)
def test_a_right_digest_is_accepted(name: str) -> None:
    check_digests(Headers([(name, GOOD[name])]), BODY, OPERATION)


@pytest.mark.parametrize("name", GOOD)
def test_a_wrong_digest_is_refused(name: str) -> None:
    with pytest.raises(AWSError) as caught:
        check_digests(Headers([(name, GOOD[name])]), b"other", OPERATION)
    assert caught.value.code == "BadDigest"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([("content-md5", "x")], "InvalidDigest"),
        ([("x-amz-checksum-crc32", "AAAA")], "InvalidRequest"),
        ([], "InvalidRequest"),
    ],
)
def test_a_missing_or_malformed_digest_is_refused(
    headers: list[tuple[str, str]], code: str
) -> None:
    with pytest.raises(AWSError) as caught:
        check_digests(Headers(headers), BODY, OPERATION)
    assert caught.value.code == code
