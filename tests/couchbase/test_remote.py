from __future__ import annotations

import pytest

from cloudlet.couchbase.remote import CLIENT_PORTS, loopback_ports


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
