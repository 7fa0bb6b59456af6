"""What a document server is started with."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from cloudlet.config import Settings

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
    #: does without a durability level, and on disk up to some tenths of a second later.
    acknowledge: Acknowledge = "persisted"
    cache_mb: int = 256
    #: Serve TLS too, on ports of its own (11207, 18091 and 18093 unless they are 0).
    tls: bool = False
    kv_tls_port: int = 11207
    management_tls_port: int = 18091
    query_tls_port: int = 18093
    #: PEM files; without them a self-signed certificate is made in the data directory.
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    #: For clients of 2016: authenticating as a bucket's name with an empty password opens it.
    bucket_names_authenticate: bool = False


class Ports(msgspec.Struct, frozen=True):
    """Where the server listens; the ports for TLS are 0 where it is off."""

    kv: int
    management: int
    query: int
    kv_tls: int = 0
    management_tls: int = 0
    query_tls: int = 0


def options_for(settings: Settings) -> DocumentServerOptions:
    """The options that the settings ask for; its data is `couchbase/` in the data directory."""
    wanted = settings.couchbase
    return DocumentServerOptions(
        data=settings.data / "couchbase",
        host=settings.host,
        kv_port=wanted.kv_port,
        management_port=wanted.management_port,
        query_port=wanted.query_port,
        username=wanted.username,
        password=wanted.password,
        buckets=wanted.buckets,
        acknowledge=wanted.acknowledge,
        cache_mb=wanted.cache_mb,
        bucket_names_authenticate=wanted.bucket_names_authenticate,
        tls=wanted.tls,
        kv_tls_port=wanted.kv_tls_port,
        management_tls_port=wanted.management_tls_port,
        query_tls_port=wanted.query_tls_port,
        tls_certificate=wanted.tls_certificate,
        tls_key=wanted.tls_key,
    )
