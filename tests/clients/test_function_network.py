"""What functions of a live server reach of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.clients.functions import Functions
from tests.clients.live import Live

from cloudlet.compute.network import refusal

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(bool(refusal()), reason=f"no network of functions' own: {refusal()}"),
]

SOURCE = """
import socket, urllib.request, boto3

def handler(event, context):
    account = boto3.client("sts").get_caller_identity()["Account"]
    with urllib.request.urlopen(event["management"], timeout=5) as answer:
        pools = answer.status
    found = {"account": account, "pools": pools}
    for name, port in event["ports"].items():
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            found[name] = "reached"
        except OSError as error:
            found[name] = error.strerror
    return found
"""


@pytest.fixture
def neighbours() -> Iterator[list[socket.socket]]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    yield listeners
    for listener in listeners:
        listener.close()


def test_functions_reach_the_cloud_and_of_this_machine_what_is_opened_to_them(
    own_server: Live, neighbours: list[socket.socket]
) -> None:
    opened, closed = (listener.getsockname()[1] for listener in neighbours)
    live = own_server.start(
        CLOUDLET_LAMBDA_NETWORK="isolated", CLOUDLET_LAMBDA_LOOPBACK_PORTS=f"{opened},1"
    )
    functions = Functions(live)
    kv = urlsplit(live.couchbase["connection_string"]).port
    query = urlsplit(live.couchbase["query"]).port
    event = {
        "management": live.couchbase["management"] + "/pools",
        "ports": {"kv": kv, "query": query, "opened": opened, "closed": closed},
    }
    assert functions.invoke(functions.create(SOURCE, Timeout=20), event) == {
        "account": "000000000000", "pools": 200, "kv": "reached", "query": "reached",
        "opened": "reached", "closed": "Connection refused",
    }  # fmt: skip
