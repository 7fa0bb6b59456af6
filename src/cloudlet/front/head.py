"""The heads of messages: a request's, as it is handed on, and an answer's, as bytes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import parse_qsl

import httptools

from cloudlet.aws.body import Body
from cloudlet.aws.codec.timestamps import rfc822
from cloudlet.aws.http import Headers, Request

MAX_QUERY_FIELDS = 2000
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_names: dict[bytes, str] = {}


def name_of(raw: bytes) -> str:
    """A header's name in lower case; those that come often are made once."""
    found = _names.get(raw)
    if found is None:
        found = raw.decode("latin-1").lower()
        if len(_names) < 1000:  # clients choose the names: the table stays bounded
            _names[raw] = found
    return found


def request_of(
    method: str, url: bytes, headers: Headers, content: AsyncIterator[bytes], peer: str
) -> Request:
    """The request of a parsed head; `ValueError` for one that cannot be read."""
    if url.startswith(b"/") and url.find(b"#") < 0:
        path, _, query = url.partition(b"?")
    else:
        parsed = httptools.parse_url(url)
        path, query = parsed.path or b"/", parsed.query or b""
    raw_query = query.decode("latin-1")
    authority = headers.get("host") or "localhost"
    return Request(
        method=method,
        raw_path=path.decode("ascii"),
        raw_query=raw_query,
        headers=headers,
        body=Body(content, body_length(headers)),
        host=_host(authority),
        scheme="http",
        source_ip=peer,
        endpoint=f"http://{authority}",
        query=(
            parse_qsl(raw_query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
            if raw_query
            else []
        ),
    )


def body_length(headers: Headers) -> int | None:
    """The length of a request's body; None where it comes in chunks."""
    length = headers.get("content-length")
    if length:
        return int(length)
    return None if "transfer-encoding" in headers else 0


@lru_cache(maxsize=1024)
def _host(authority: str) -> str:
    """The host of an authority, without the port."""
    host = authority.lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def header_lines(headers: list[tuple[str, str]]) -> tuple[str, bool, bool]:
    """The lines of an answer's headers without Connection, and whether they give the length and
    whether they ask to close. None can end its line, or the head, early.
    """
    lines: list[str] = []
    has_length = closes = False
    for name, value in headers:
        lower = name.lower()
        if lower == "connection":
            closes = closes or value.lower() == "close"
            continue
        if lower == "content-length":
            has_length = True
        if not value.isprintable():
            value = "".join(c if c.isprintable() else " " for c in value)
        if not name.isprintable():
            continue
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines), has_length, closes


def answer_head(status: int, fields: str, length: int | None, *, closing: bool) -> bytes:
    """The head of an answer: status, date, `fields`, the body's length where it is given."""
    if length is not None:
        fields = f"{fields}content-length: {length}\r\n"
    if closing:
        fields = f"{fields}connection: close\r\n"
    text = f"{_status_line(status)}{_date_line(int(time.time()))}{fields}\r\n"
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


@lru_cache(maxsize=128)
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n"


@lru_cache(maxsize=2)
def _date_line(second: int) -> str:
    return f"date: {rfc822(second)}\r\n"
