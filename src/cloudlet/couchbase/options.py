"""What a document server is started with."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

Acknowledge = Literal["persisted", "memory"]


class DocumentServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Ports of 0 are free ones. Binds loopback unless `host` says otherwise."""

    data: Path
    host: str = "127.0.0.1"
    kv_port: int = 11210
    management_port: int = 8091
    query_port: int = 8093
    username: str = "Administrator"
    password: str = "password"  # noqa: S105  the documented default of loopback
    #: Buckets that exist from the start and after a reset.
    buckets: tuple[str, ...] = ("default",)
    #: "persisted": a mutation is answered when it is on disk; "memory": at once, as Couchbase
    #: does without a durability level, and on disk some milliseconds later.
    acknowledge: Acknowledge = "persisted"
    cache_mb: int = 256
    #: For clients of 2016: authenticating as a bucket's name with an empty password opens it.
    bucket_names_authenticate: bool = False


class Ports(msgspec.Struct, frozen=True):
    """Where the server listens."""

    kv: int
    management: int
    query: int
