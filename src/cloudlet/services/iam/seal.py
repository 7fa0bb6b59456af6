"""Temporary credentials whose session token holds the session, sealed with this server's key.

Nothing is stored when a role is assumed: the token says who it is for, a MAC proves that we said
so, and the secret is derived from the access key id. So they outlive a restart, and end by expiry
or with the user or role they are of.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import zlib
from pathlib import Path

import msgspec

_MAC = 32
#: The largest session that a token may hold, unpacked.
_LIMIT = 64 * 1024


class Session(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """Who temporary credentials are for."""

    access_key_id: str
    kind: str  # "root" | "user" | "assumed-role"
    account: str
    expires_s: int
    name: str = ""  # the user's or role's
    id: str = ""  # its unique id
    session: str = ""  # the role session's name
    policies: tuple[str, ...] = ()  # session policies: documents
    policy_arns: tuple[str, ...] = ()  # session policies: managed ones
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    source_identity: str = ""


class Seal:
    """The key under which this data directory's sessions are sealed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def kept(cls, path: Path) -> Seal:
        """The key in `path`, made there (readable by its owner only) if it is not."""
        try:
            return cls(path.read_bytes())
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            key = secrets.token_bytes(32)
            fresh = path.with_name(f".{path.name}.new")
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(key)
                file.flush()
                os.fsync(descriptor)
            fresh.rename(path)
            return cls(key)

    def secret(self, access_key_id: str) -> str:
        """The secret of a temporary access key: 40 characters."""
        mac = hmac.digest(self._key, b"secret:" + access_key_id.encode(), hashlib.sha256)
        return base64.b64encode(mac[:30]).decode()

    def close(self, session: Session) -> str:
        """The session token."""
        packed = zlib.compress(msgspec.json.encode(session), 6)
        return base64.b64encode(self._mac(packed) + packed).decode()

    def open(self, access_key_id: str, token: str) -> Session | None:
        """The session, or None where the token is not ours or not this key's."""
        try:
            sealed = base64.b64decode(token, validate=True)
        except ValueError:
            return None
        packed = sealed[_MAC:]
        if not hmac.compare_digest(sealed[:_MAC], self._mac(packed)):
            return None
        plain = zlib.decompressobj().decompress(packed, _LIMIT)
        session = msgspec.json.decode(plain, type=Session)
        return session if session.access_key_id == access_key_id else None

    def _mac(self, packed: bytes) -> bytes:
        return hmac.digest(self._key, b"token:" + packed, hashlib.sha256)
