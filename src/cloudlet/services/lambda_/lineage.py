"""Recursive loops: how often a function has run in one chain of requests.

After "Use Lambda recursive loop detection to prevent infinite loops": the trace header that the
AWS SDKs hand on (`X-Amzn-Trace-Id`) carries a `Lineage` of the functions in the chain; after about
16 invocations of one function in a chain, the next is stopped.
"""

from __future__ import annotations

import hashlib
import re
import time
from functools import lru_cache
from urllib.parse import unquote

from cloudlet.aws.http import Request
from cloudlet.aws.request_ids import random_hex

#: Invocations of one function in one chain.
LIMIT = 16
#: Functions of a chain that are remembered, and characters of a header that are read.
_FUNCTIONS, _LENGTH = 32, 2048

_ROOT = re.compile(r"(?:^|;)\s*Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?:;|$)")
_COUNT = re.compile(r"([0-9a-f]{8}):(\d{1,4})")


def new_trace() -> str:
    """A tracing header for a request that came with none; not sampled."""
    root = f"1-{int(time.time()):08x}-{random_hex(24)}"
    return f"Root={root};Parent={random_hex(16)};Sampled=0"


def trace_of(request: Request) -> str:
    """The request's tracing header, or a new one."""
    return checked(request.headers.get("x-amzn-trace-id"))


def checked(header: str) -> str:
    """The header that a client sent, where it is one; else a new one."""
    header = unquote(header)
    if 0 < len(header) <= _LENGTH and header.isprintable() and _ROOT.search(header):
        return header
    return new_trace()


def follow(header: str, arn: str) -> tuple[str, int]:
    """The header that the function `arn` runs with, and its invocations in the chain so far."""
    if "Lineage" not in header:
        return f"{header};Lineage={_digest(arn)}:1", 1
    fields = [field for field in header.split(";") if field]
    counts: dict[str, int] = {}
    for field in fields:
        name, _, value = field.partition("=")
        if name.strip() == "Lineage":
            counts = {key: int(count) for key, count in _COUNT.findall(value)}
    key = _digest(arn)
    counts[key] = counts.get(key, 0) + 1
    lineage = "|".join(f"{key}:{count}" for key, count in list(counts.items())[-_FUNCTIONS:])
    kept = [field for field in fields if not field.strip().startswith("Lineage=")]
    return ";".join([*kept, f"Lineage={lineage}"]), counts[key]


@lru_cache(maxsize=4096)
def _digest(arn: str) -> str:
    return hashlib.sha256(arn.encode()).hexdigest()[:8]
