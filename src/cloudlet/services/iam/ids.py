"""Identifiers of the form that AWS gives them.

After the IAM User Guide, "IAM identifiers" (unique ids and their prefixes). An access key id has
its account encoded in it, as AWS's have: the first six bytes of its base32 hold it in 40 bits.
"""

from __future__ import annotations

import base64
import secrets

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ACCOUNT_BITS = 0x7FFFFFFFFF80


def unique_id(prefix: str) -> str:
    """A new unique id, such as `AIDA` and 17 characters."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(17))


def access_key_id(prefix: str, account: str) -> str:
    """A new access key id of `account`: `AKIA` or `ASIA` and 16 characters."""
    head = (1 << 47) | (int(account) << 7) | secrets.randbits(7)
    return prefix + base64.b32encode(head.to_bytes(6) + secrets.token_bytes(4)).decode()


def account_of(access_key_id: str) -> str:
    """The account that an access key id is of, or "" where it says none."""
    try:
        head = int.from_bytes(base64.b32decode(access_key_id[4:20])[:6])
    except ValueError:
        return ""
    account = (head & _ACCOUNT_BITS) >> 7
    return f"{account:012}" if account < 10**12 else ""


def secret_key() -> str:
    """A new secret: 40 characters."""
    return base64.b64encode(secrets.token_bytes(30)).decode()
