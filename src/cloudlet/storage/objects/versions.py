"""Version ids: 32 characters that tell nobody anything but the index, which finds a row by them.

That they hold their row's id makes a listing able to go on after a version that was deleted since
the last page, as scripts that empty a bucket do.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from cloudlet.storage.objects.model import NULL

_ID = re.compile(r"[A-Za-z0-9._]{32}", re.ASCII)
_ALTERNATIVES = b"._"


def name_of(id_: int) -> str:
    """A new version id for the row `id_`."""
    salt = secrets.token_bytes(16)
    hidden = id_ ^ _mask(salt)
    return base64.b64encode(salt + hidden.to_bytes(8, "big"), _ALTERNATIVES).decode()


def row_of(version: str) -> int:
    """The row that a well-formed version id, which is not "null", names; it may never have been."""
    raw = base64.b64decode(version, _ALTERNATIVES)
    # SQLite's integers are signed: an id that was made up may be larger than any.
    return (int.from_bytes(raw[16:], "big") ^ _mask(raw[:16])) & 0x7FFF_FFFF_FFFF_FFFF


def is_well_formed(version: str) -> bool:
    """Whether a version could be called so."""
    return version == NULL or _ID.fullmatch(version) is not None


def _mask(salt: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(salt, digest_size=8).digest(), "big")
