"""The root credentials in force: the documented defaults on loopback, own ones elsewhere."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

import msgspec

from cloudlet.config import (
    DEFAULT_ACCOUNT,
    DEFAULT_KEYS,
    AccountSettings,
    CouchbaseSettings,
    Settings,
)

FILE = "credentials.json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The settings with every credential filled in, and the root key to show to the owner."""

    settings: Settings
    account: str
    root_key: tuple[str, str]


def credentials_for(settings: Settings) -> Credentials:
    """What `settings` asks for; bound beyond loopback, generated keys replace the defaults.

    Generated ones are kept in the data directory (owner-readable), so that they stay the same
    from start to start.
    """
    for account in settings.accounts:
        for key in account.keys.items():
            return Credentials(_with_password(settings), account.id, key)
    if settings.is_loopback:
        return Credentials(settings, DEFAULT_ACCOUNT, next(iter(DEFAULT_KEYS.items())))
    kept = _generated(settings)
    key = (kept["access_key_id"], kept["secret_access_key"])
    account = AccountSettings(id=DEFAULT_ACCOUNT, keys=dict([key]))
    settings = msgspec.structs.replace(_with_password(settings), accounts=(account,))
    return Credentials(settings, DEFAULT_ACCOUNT, key)


def _with_password(settings: Settings) -> Settings:
    """Replace the document server's default password where others can reach it."""
    if settings.is_loopback or settings.couchbase.password != CouchbaseSettings().password:
        return settings
    password = _generated(settings)["couchbase_password"]
    couchbase = msgspec.structs.replace(settings.couchbase, password=password)
    return msgspec.structs.replace(settings, couchbase=couchbase)


def _generated(settings: Settings) -> dict[str, str]:
    path = settings.data / FILE
    if path.exists():
        kept: dict[str, str] = json.loads(path.read_text())
        return kept
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    made = {
        "access_key_id": "AKIA" + "".join(secrets.choice(alphabet) for _ in range(16)),
        "secret_access_key": secrets.token_urlsafe(30),
        "couchbase_password": secrets.token_urlsafe(18),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(made, indent=2))
    return made
