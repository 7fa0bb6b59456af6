"""HTTP requests and responses as the front door hands them on; only it knows the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from cloudlet.aws.body import Body


class Headers:
    """Headers of a request: case-insensitive, repeated ones kept in order."""

    __slots__ = ("_first", "items")

    def __init__(self, items: Sequence[tuple[str, str]]) -> None:
        #: Every header as (lower-case name, value), in the order received.
        self.items = items
        self._first = dict(reversed(items))  # of those with the same name the first wins

    def get(self, name: str, default: str = "") -> str:
        """The first value of `name` (lower case)."""
        return self._first.get(name, default)

    def all(self, name: str) -> list[str]:
        """Every value of `name` (lower case)."""
        return [value for key, value in self.items if key == name]

    def __contains__(self, name: str) -> bool:
        return name in self._first


class Request(msgspec.Struct, eq=False):
    """One HTTP request. `raw_path` and `raw_query` are as on the wire, still percent-encoded."""

    method: str
    raw_path: str
    raw_query: str
    headers: Headers
    body: Body
    host: str  # of the Host header, lower case, without the port
    scheme: str  # "http" | "https"
    source_ip: str
    endpoint: str  # the base URL under which the client reached us, such as http://localhost:4566
    query: list[tuple[str, str]] = []  # decoded, in order
    #: The path that the client signed, where the front door rewrote a virtual host to a path.
    signed_path: str = ""


class Response(msgspec.Struct, eq=False):
    """One HTTP response; a `body` that is a `Body` or an iterator is streamed."""

    status: int = 200
    headers: list[tuple[str, str]] = []
    body: bytes | Body | AsyncIterator[bytes] = b""
