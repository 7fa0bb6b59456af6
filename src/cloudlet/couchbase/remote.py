"""A cluster of the user's own in place of the embedded server: where it is."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

import msgspec

from cloudlet.couchbase.kv.protocol import Opcode

#: "Couchbase Server Ports", client-to-node: management, views, queries, search, analytics,
#: eventing, backup and data, each without and with TLS.
CLIENT_PORTS: Final = frozenset({*range(8091, 8098), *range(18091, 18098), 11207, 11210})
#: How long a cluster on loopback may take to name its ports, in seconds.
ANSWER_S: Final = 1.0

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


class _Node(msgspec.Struct):
    services: dict[str, int] = {}


class _Configuration(msgspec.Struct):
    nodes: list[_Node] = msgspec.field(name="nodesExt", default=[])


async def advertised_ports(connection_string: str, username: str, password: str) -> frozenset[int]:
    """The ports that a cluster on this host's loopback says it serves clients on.

    None for a cluster elsewhere, and where it does not answer within a second.
    """
    from cloudlet.couchbase.client import Address, ClientError, Node

    if not loopback_ports(connection_string):
        return frozenset()
    try:
        async with asyncio.timeout(ANSWER_S):
            node = await Node.connect(Address.parse(connection_string), username, password, None)
            try:
                reply = await node.ask(Opcode.GET_CLUSTER_CONFIG)
            finally:
                await node.close()
        found = msgspec.json.decode(reply.value, type=_Configuration)
    except (ClientError, OSError, TimeoutError, msgspec.DecodeError):
        return frozenset()
    return frozenset(port for one in found.nodes for port in one.services.values())
