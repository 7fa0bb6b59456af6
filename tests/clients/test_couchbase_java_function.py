"""The first serverless microservices' way: a Java function of 2016 with Couchbase's Java client."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.clients.builds import built
from tests.clients.functions import Functions
from tests.clients.live import Live

pytestmark = [
    pytest.mark.clients,
    pytest.mark.xdist_group("couchbase"),
    # The first run on a machine builds the jar.
    pytest.mark.timeout(900),
]

SOURCE = Path(__file__).parent / "couchbase-java2-function"


def test_a_shaded_function_opens_the_bucket_without_credentials(own_server: Live) -> None:
    folder = built(SOURCE, ["mvn", "java"], ["mvn", "-q", "-B", "package"])
    jar = (folder / "target/function.jar").read_bytes()
    own_server.start(CLOUDLET_COUCHBASE_BUCKET_NAMES_AUTHENTICATE="true")
    address = urlsplit(own_server.couchbase["connection_string"])
    management = urlsplit(own_server.couchbase["management"])
    functions = Functions(own_server)
    name = functions.create(
        "", Runtime="java17", Handler="example.Books", Code={"ZipFile": jar}, Timeout=60,
        MemorySize=1024,
        Environment={"Variables": {
            "HOST": str(address.hostname), "KV_PORT": str(address.port),
            "HTTP_PORT": str(management.port),
        }},
    )  # fmt: skip
    kindred = {"isbn": "1", "title": "Kindred", "author": "Octavia Butler"}
    dawn = {"isbn": "2", "title": "Dawn", "author": "Octavia Butler"}
    assert functions.invoke(name, kindred) == ["Kindred"]
    assert functions.invoke(name, dawn) == ["Dawn", "Kindred"]
    assert own_server.stop() == 0
