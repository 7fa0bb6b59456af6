"""Bodies as they are read: decoded from aws-chunked, and held to what their sender declared.

After S3's "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
Chunks" and "Including Trailing Headers". Every failure is raised while the body is read, at the
latest at its end.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator

from cloudlet.aws.body import Body
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request
from cloudlet.aws.sigv4.verifying import EMPTY_SHA256, Verified

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING = frozenset({SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER})

#: A chunk that is signed is held until its signature is verified, so its size is bounded.
MAX_SIGNED_CHUNK = 16 * 1024 * 1024
MAX_LINE = 4096
MAX_TRAILERS = 32
_HEX_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def incomplete() -> AWSError:
    """The body ended early, or not where it said that it would."""
    return AWSError(
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
        code="IncompleteBody",
        status=400,
    )


def _malformed() -> AWSError:
    return AWSError(
        "The request body is not encoded as aws-chunked", code="InvalidRequest", status=400
    )


def _bad_signature() -> AWSError:
    return AWSError(
        "The request signature we calculated does not match the signature you provided. Check "
        "your key and signing method.",
        code="SignatureDoesNotMatch",
        status=403,
    )


def is_declared(payload: str) -> bool:
    """Whether `payload` is a value that x-amz-content-sha256 may have."""
    return payload == UNSIGNED or payload in STREAMING or _SHA256.fullmatch(payload) is not None


def content(request: Request, payload: str, verified: Verified | None) -> Body:
    """The body that the client meant, of the body on the wire.

    `payload` is the value of x-amz-content-sha256. Content-Length is held to, a hash is verified,
    aws-chunked is decoded with its signatures (which need `verified`) and trailers.
    """
    if payload in STREAMING:
        decoded = request.headers.get("x-amz-decoded-content-length")
        if not (decoded.isascii() and decoded.isdigit() and len(decoded) < 19):
            raise AWSError(
                "You must provide the Content-Length HTTP header.",
                code="MissingContentLength",
                status=411,
            )
        signer = None
        if payload != UNSIGNED_TRAILER:
            if verified is None:
                raise _bad_signature()
            signer = _Signer(verified)
        reader = _Chunks(request, int(decoded), signer)
        body = Body(reader.read(), int(decoded))
        body.trailers = reader.trailers
        return body
    if payload == UNSIGNED or not payload:
        return request.body
    return Body(_hashed(request.body, payload), request.body.length)


async def _hashed(body: Body, payload: str) -> AsyncIterator[bytes]:
    digest = hashlib.sha256()
    async for chunk in body:
        digest.update(chunk)
        yield chunk
    found = digest.hexdigest()
    if not hmac.compare_digest(found, payload):
        raise mismatch(payload, found)


def mismatch(declared: str, found: str) -> AWSError:
    """The body does not hash to what x-amz-content-sha256 says."""
    return AWSError(
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        code="XAmzContentSHA256Mismatch",
        status=400,
        ClientComputedContentSHA256=declared,
        S3ComputedContentSHA256=found,
    )


class _Signer:
    """Follows the chain of chunk signatures, which starts with the request's own."""

    def __init__(self, verified: Verified) -> None:
        self._key = verified.key
        self._context = f"{verified.stamp}\n{verified.scope}"
        self._previous = verified.signature

    def _sign(self, text: str) -> str:
        return hmac.digest(self._key, text.encode(), "sha256").hex()

    def check_chunk(self, digest: str, signature: str) -> None:
        """Verify a chunk's signature."""
        self._check(
            f"AWS4-HMAC-SHA256-PAYLOAD\n{self._context}\n{self._previous}\n{EMPTY_SHA256}\n{digest}",
            signature,
        )

    def check_trailers(self, trailers: str, signature: str) -> None:
        """Verify the signature of the trailing headers, given as `name:value` lines."""
        digest = hashlib.sha256(trailers.encode()).hexdigest()
        self._check(
            f"AWS4-HMAC-SHA256-TRAILER\n{self._context}\n{self._previous}\n{digest}", signature
        )

    def _check(self, text: str, signature: str) -> None:
        expected = self._sign(text)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise _bad_signature()
        self._previous = expected


class _Chunks:
    """Decodes one aws-chunked body."""

    def __init__(self, request: Request, length: int, signer: _Signer | None) -> None:
        self._source = aiter(request.body)
        self._length = length
        self._signer = signer
        self._buffer = bytearray()
        self._announced = {
            name.strip().lower() for name in request.headers.get("x-amz-trailer").split(",")
        } - {""}
        self.trailers: dict[str, str] = {}

    async def _more(self) -> None:
        """Read on; the end of the body is an error wherever more is expected."""
        async for data in self._source:
            self._buffer += data
            return
        raise incomplete()

    async def _line(self) -> bytes:
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start > MAX_LINE:
                raise _malformed()
            await self._more()
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    async def read(self) -> AsyncIterator[bytes]:
        """The decoded content; a signed chunk comes out when its signature has been verified."""
        total = 0
        while True:
            size, signature = self._header(await self._line())
            total += size
            if total > self._length:
                raise incomplete()
            if size == 0:
                if self._signer is not None:
                    self._signer.check_chunk(EMPTY_SHA256, signature)
                break
            if self._signer is None:
                async for data in self._plain(size):
                    yield data
            else:
                yield await self._signed(size, signature)
            if await self._line():
                raise _malformed()
        if total != self._length:
            raise incomplete()
        await self._read_trailers()

    def _header(self, line: bytes) -> tuple[int, str]:
        digits, _, extension = line.partition(b";")
        if _HEX_SIZE.fullmatch(digits.strip()) is None:
            raise _malformed()
        size = int(digits, 16)
        signature = ""
        if self._signer is not None:
            name, _, value = extension.strip().partition(b"=")
            if name != b"chunk-signature":
                raise _malformed()
            signature = value.decode("ascii", "replace")
            if size > MAX_SIGNED_CHUNK:
                raise AWSError(
                    "The chunk is larger than the maximum that is allowed",
                    code="InvalidRequest",
                    status=400,
                )
        return size, signature

    async def _plain(self, size: int) -> AsyncIterator[bytes]:
        while size:
            if not self._buffer:
                await self._more()
            data = bytes(self._buffer[:size])
            del self._buffer[:size]
            size -= len(data)
            yield data

    async def _signed(self, size: int, signature: str) -> bytes:
        assert self._signer is not None
        parts = []
        digest = hashlib.sha256()
        async for data in self._plain(size):
            digest.update(data)
            parts.append(data)
        self._signer.check_chunk(digest.hexdigest(), signature)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _read_trailers(self) -> None:
        """The trailing headers, up to the empty line or the body's end."""
        signature = ""
        canonical = ""
        for _ in range(MAX_TRAILERS):
            try:
                line = await self._line()
            except AWSError:
                if self._buffer:
                    raise
                break  # some clients leave out the last line
            if not line:
                break
            name, colon, value = line.decode("latin-1").partition(":")
            name, value = name.strip().lower(), value.strip()
            if not colon:
                raise _malformed()
            if name == "x-amz-trailer-signature":
                signature = value
                continue
            if name not in self._announced:
                raise AWSError(
                    "The request contains a trailing header that x-amz-trailer does not name",
                    code="MalformedTrailerError",
                    status=400,
                )
            self.trailers[name] = value
            canonical += f"{name}:{value}\n"
        if self._announced - self.trailers.keys():
            raise AWSError(
                "The request contained trailing data that was not well-formed or did not conform "
                "to our published schema.",
                code="MalformedTrailerError",
                status=400,
            )
        if self._signer is not None and self._announced:
            self._signer.check_trailers(canonical, signature)
