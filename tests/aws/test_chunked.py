"""aws-chunked bodies and declared hashes: what was sent comes out, what is not so is refused."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest
from tests.aws.standin import USER, Keys, request_of

from cloudlet.aws import chunked
from cloudlet.aws.body import Body
from cloudlet.aws.errors import AWSError
from cloudlet.aws.sigv4 import Family, Scope, Verified, claim_of, verify

KEY = b"k" * 32
STAMP = "20260102T030405Z"
SCOPE = Scope("AKID", "20260102", "us-east-1", "s3")
EMPTY = hashlib.sha256(b"").hexdigest()
SEED = "5" * 64


def verified(payload: str) -> Verified:
    return Verified(USER, SCOPE, payload, SEED, STAMP, KEY)


def sign(text: str) -> str:
    return hmac.digest(KEY, text.encode(), "sha256").hex()


def chunks_of(*parts: bytes, trailers: str = "") -> bytes:
    """The parts as signed chunks, and the trailers (`name:value` lines) signed."""
    previous, wire = SEED, b""
    for part in (*parts, b""):
        digest = hashlib.sha256(part).hexdigest()
        previous = sign(
            f"AWS4-HMAC-SHA256-PAYLOAD\n{STAMP}\n{SCOPE}\n{previous}\n{EMPTY}\n{digest}"
        )
        wire += b"%x;chunk-signature=%s\r\n" % (len(part), previous.encode())
        wire += part + b"\r\n" if part else b""
    if trailers:
        digest = hashlib.sha256(trailers.encode()).hexdigest()
        last = sign(f"AWS4-HMAC-SHA256-TRAILER\n{STAMP}\n{SCOPE}\n{previous}\n{digest}")
        wire += trailers.replace("\n", "\r\n").encode()
        wire += f"x-amz-trailer-signature:{last}\r\n".encode()
    return wire + b"\r\n"


def body(wire: bytes, payload: str, length: int, *, piece: int = 7, trailer: str = "") -> Body:
    headers = {"x-amz-decoded-content-length": str(length), "x-amz-trailer": trailer}
    request = request_of("PUT", "http://localhost/b/k", headers)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(wire), piece):
            yield wire[at : at + piece]

    request.body = Body(pieces())
    return chunked.content(request, payload, verified(payload))


async def refusal(found: Body) -> str:
    with pytest.raises(AWSError) as caught:
        await found.read()
    return caught.value.code


@pytest.mark.parametrize("piece", [1, 7, 100, 10_000])
async def test_signed_chunks_come_out_whole(piece: int) -> None:
    wire = chunks_of(b"hello " * 50, b"world")
    found = body(wire, chunked.SIGNED, 305, piece=piece)
    assert await found.read() == b"hello " * 50 + b"world"


async def test_signed_trailers_are_given() -> None:
    wire = chunks_of(b"hello", trailers="x-amz-checksum-crc32:AAAAAA==\n")
    found = body(wire, chunked.SIGNED_TRAILER, 5, trailer="x-amz-checksum-crc32")
    assert await found.read() == b"hello"
    assert found.trailers == {"x-amz-checksum-crc32": "AAAAAA=="}


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\r\n", b"\n"])
async def test_unsigned_chunks_with_trailers(end: bytes) -> None:
    wire = b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==" + end
    found = body(wire, chunked.UNSIGNED_TRAILER, 11, trailer="x-amz-checksum-crc32")
    assert await found.read() == b"hello world"
    assert found.trailers == {"x-amz-checksum-crc32": "AAAAAA=="}


@pytest.mark.parametrize(
    "damage",
    [(b"hello", b"hellO"), (b"0;chunk-signature=", b"0;chunk-signature=0")],
    ids=["content", "signature"],
)
async def test_a_changed_chunk_is_refused(damage: tuple[bytes, bytes]) -> None:
    wire = chunks_of(b"hello").replace(*damage)
    assert await refusal(body(wire, chunked.SIGNED, 5)) == "SignatureDoesNotMatch"


async def test_a_changed_trailer_is_refused() -> None:
    wire = chunks_of(b"hello", trailers="x-amz-checksum-crc32:AAAAAA==\n").replace(b"AAAA", b"AAAB")
    found = body(wire, chunked.SIGNED_TRAILER, 5, trailer="x-amz-checksum-crc32")
    assert await refusal(found) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("wire", "length", "code"),
    [
        (b"5\r\nhel", 5, "IncompleteBody"),
        (b"5\r\nhello\r\n0\r\n\r\n", 6, "IncompleteBody"),
        (b"5\r\nhello\r\n0\r\n\r\n", 4, "IncompleteBody"),
        (b"hello", 5, "IncompleteBody"),
        (b"x\r\nhello\r\n", 5, "InvalidRequest"),
        (b"-5\r\nhello\r\n", 5, "InvalidRequest"),
        (b"5\r\nhelloworld\r\n", 5, "InvalidRequest"),
        (b"a" * 5000, 5, "InvalidRequest"),
        (b"0\r\nx-other:1\r\n\r\n", 0, "MalformedTrailerError"),
        (b"0\r\nnonsense\r\n\r\n", 0, "InvalidRequest"),
    ],
)
async def test_malformed_chunks_are_refused(wire: bytes, length: int, code: str) -> None:
    assert await refusal(body(wire, chunked.UNSIGNED_TRAILER, length, piece=4)) == code


async def test_an_announced_trailer_must_come() -> None:
    found = body(b"0\r\n\r\n", chunked.UNSIGNED_TRAILER, 0, trailer="x-amz-checksum-crc32")
    assert await refusal(found) == "MalformedTrailerError"


async def test_a_signed_chunk_is_bounded() -> None:
    wire = b"fffffff;chunk-signature=" + b"0" * 64 + b"\r\n"
    assert await refusal(body(wire, chunked.SIGNED, 0xFFFFFFF)) == "InvalidRequest"


def test_the_decoded_length_is_required() -> None:
    request = request_of("PUT", "http://localhost/b/k")
    with pytest.raises(AWSError) as caught:
        chunked.content(request, chunked.SIGNED, verified(chunked.SIGNED))
    assert (caught.value.code, caught.value.status) == ("MissingContentLength", 411)


async def test_a_declared_hash_is_verified() -> None:
    digest = hashlib.sha256(b"hello").hexdigest()
    good = request_of("PUT", "http://localhost/b/k", body=b"hello")
    assert await chunked.content(good, digest, None).read() == b"hello"
    bad = request_of("PUT", "http://localhost/b/k", body=b"hellO")
    assert await refusal(chunked.content(bad, digest, None)) == "XAmzContentSHA256Mismatch"


DOCUMENTED = {  # after S3's documentation: the request, its chunks' signatures, its trailer
    chunked.SIGNED: (
        (
            "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
            "x-amz-decoded-content-length;x-amz-storage-class"
        ),
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        (
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ),
        b"",
    ),
    chunked.SIGNED_TRAILER: (
        (
            "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
            "x-amz-storage-class;x-amz-trailer"
        ),
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        (
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ),
        (
            b"x-amz-checksum-crc32c:sOO8/Q==\nx-amz-trailer-signature:"
            b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
        ),
    ),
}


@pytest.mark.parametrize("payload", DOCUMENTED)
async def test_the_documented_examples_are_verified(payload: str) -> None:
    names, seed, signatures, trailer = DOCUMENTED[payload]
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
        f"aws4_request,SignedHeaders={names},Signature={seed}",
        "x-amz-content-sha256": payload,
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
    }
    if trailer:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32c"
    else:
        headers["content-length"] = "66824"
    wire = b"".join(
        b"%x;chunk-signature=%s\r\n%s"
        % (size, signature.encode(), b"a" * size + b"\r\n" * (size > 0))
        for size, signature in zip((65536, 1024, 0), signatures, strict=True)
    )
    request = request_of(
        "PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", headers, wire + trailer
    )
    keys = Keys()
    keys.add("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    claim = claim_of(request)
    assert claim is not None
    found = verify(request, claim, Family.S3, keys, payload, now=1369353600)
    content = chunked.content(request, payload, found)
    assert await content.read() == b"a" * 66560
