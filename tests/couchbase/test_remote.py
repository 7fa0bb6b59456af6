from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.couchbase.kv.raw import serving

from cloudlet.couchbase.remote import CLIENT_PORTS, advertised_ports, loopback_ports


@pytest.mark.parametrize(
    ("connection_string", "ports"),
    [
        ("couchbase://localhost", CLIENT_PORTS),
        ("couchbases://127.0.0.1?network=default", CLIENT_PORTS),
        ("couchbase://10.0.0.5,[::1]:12000/books", CLIENT_PORTS | {12000}),
        ("127.0.0.1:12000", CLIENT_PORTS | {12000}),
        ("couchbase://db.example.com:11210", frozenset()),
        ("couchbase://10.0.0.5,10.0.0.6", frozenset()),
        ("couchbase://localhost:port", frozenset()),
        ("", frozenset()),
    ],
)
def test_the_ports_of_a_cluster_on_loopback(connection_string: str, ports: frozenset[int]) -> None:
    assert loopback_ports(connection_string) == ports


async def test_a_cluster_on_loopback_is_asked_for_its_ports(tmp_path: Path) -> None:
    async with serving(tmp_path) as running:
        ports = running.server.sockets.ports
        address = f"couchbase://127.0.0.1:{ports.kv}"
        found = await advertised_ports(address, "Administrator", "password")
        assert found == {ports.kv, ports.management, ports.query}
        assert await advertised_ports(address, "Administrator", "wrong") == frozenset()


async def test_a_cluster_that_is_not_there_or_elsewhere_has_none() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"couchbase://127.0.0.1:{bound.getsockname()[1]}"
        assert await advertised_ports(address, "a", "b") == frozenset()
    assert await advertised_ports("couchbase://db.example.com", "a", "b") == frozenset()
