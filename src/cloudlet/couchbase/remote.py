"""A cluster of the user's own in place of the embedded server: where it is."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

#: "Couchbase Server Ports", client-to-node: management, views, queries, search, analytics,
#: eventing, backup and data, each without and with TLS.
CLIENT_PORTS: Final = frozenset({*range(8091, 8098), *range(18091, 18098), 11207, 11210})
_LOOPBACK: Final = frozenset({"localhost", "::1"})


def loopback_ports(connection_string: str) -> frozenset[int]:
    """The ports of this host's loopback where clients of the cluster connect: none elsewhere."""
    ports: set[int] = set()
    scheme, separator, rest = connection_string.partition("://")
    hosts = (rest if separator else scheme).partition("/")[0].partition("?")[0]
    for host in hosts.split(","):
        try:
            parts = urlsplit(f"//{host.strip()}")
            name, port = parts.hostname or "", parts.port
        except ValueError:  # what clients refuse too
            continue
        if name in _LOOPBACK or name.startswith("127."):
            ports |= CLIENT_PORTS | ({port} if port else set())
    return frozenset(ports)
