"""The body of a request or an answer that may be too large to hold."""

from __future__ import annotations

from collections.abc import AsyncIterator


class Body:
    """A stream of bytes that is read once.

    `length` is the number of bytes, where it is known beforehand. Reading verifies what the
    sender declared (length, digest, chunk signatures, trailing checksum) and raises `AWSError`
    at the end where it does not hold, so a reader must not commit before the end.
    `trailers` are the trailing headers of an aws-chunked body, complete after the last chunk.
    """

    def __init__(self, chunks: AsyncIterator[bytes], length: int | None = None) -> None:
        self._chunks = chunks
        self.length = length
        self.trailers: dict[str, str] = {}

    @classmethod
    def of(cls, content: bytes) -> Body:
        """A body of bytes at hand."""

        async def once() -> AsyncIterator[bytes]:
            if content:
                yield content

        return cls(once(), len(content))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def read(self, limit: int | None = None) -> bytes:
        """All of it; more than `limit` bytes is a `BodyTooLarge`."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self._chunks:
            size += len(chunk)
            if limit is not None and size > limit:
                raise BodyTooLarge(limit)
            parts.append(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class BodyTooLarge(Exception):
    """The sender sent more than the `limit` bytes that the reader allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"body is larger than {limit} bytes")
        self.limit = limit
