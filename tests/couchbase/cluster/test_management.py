from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import pytest

from cloudlet.couchbase.options import DocumentServerOptions
from cloudlet.couchbase.server import Server
from cloudlet.couchbase.sockets import Sockets
from cloudlet.storage.documents import writes


class Reply(NamedTuple):
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Management:
    def __init__(self, server: Server) -> None:
        self.server = server

    async def ask(
        self, method: str, path: str, user: str = "Administrator:password", **form: str
    ) -> Reply:
        port = self.server.sockets.ports.management
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = urlencode(form)
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close"]
        lines.append(f"Content-Length: {len(body)}")
        if user:
            lines.append(f"Authorization: Basic {base64.b64encode(user.encode()).decode()}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await writer.wait_closed()
        head, _, content = answer.partition(b"\r\n\r\n")
        return Reply(int(head.split()[1]), content)


@pytest.fixture
async def management(tmp_path: Path) -> AsyncIterator[Management]:
    options = DocumentServerOptions(data=tmp_path, kv_port=0, management_port=0, query_port=0)
    server = Server(options, Sockets.bind(options))
    await server.start()
    yield Management(server)
    await server.stop()


@pytest.mark.parametrize(
    ("method", "path", "user", "status"),
    [
        ("GET", "/pools", "", 200),
        ("GET", "/pools/default", "", 401),
        ("GET", "/pools/default", "Administrator:wrong", 401),
        ("GET", "/pools/default", "Administrator:password", 200),
        ("GET", "/nothing/here", "Administrator:password", 404),
        ("GET", "/api/index", "Administrator:password", 404),
        ("PATCH", "/pools/default/buckets", "Administrator:password", 405),
        ("GET", "/pools/default/buckets/none", "Administrator:password", 404),
        ("GET", "/pools/default/buckets/default/ddocs", "Administrator:password", 503),
        ("GET", "/pools/default/b/default", "Administrator:password", 200),
    ],
)
async def test_statuses(
    management: Management, method: str, path: str, user: str, status: int
) -> None:
    assert (await management.ask(method, path, user)).status == status


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"name": "new"}, "ramQuota"),
        ({"name": "new", "ramQuotaMB": "some"}, "ramQuotaMB"),
        ({"name": "new", "ramQuotaMB": "100", "bucketType": "memcached"}, "bucketType"),
        ({"name": "new", "ramQuotaMB": "100", "replicaNumber": "9"}, "replicaNumber"),
        ({"name": "default", "ramQuotaMB": "100"}, "name"),
        ({"name": "no/slash", "ramQuotaMB": "100"}, "_"),
    ],
)
async def test_a_wrong_bucket_is_refused_by_parameter(
    management: Management, form: dict[str, str], named: str
) -> None:
    reply = await management.ask("POST", "/pools/default/buckets", **form)
    assert (reply.status, list(reply.json["errors"])) == (400, [named])


async def test_flush_needs_its_setting(management: Management) -> None:
    made = await management.ask("POST", "/pools/default/buckets", name="new", ramQuotaMB="100")
    assert made.status == 202
    path = "/pools/default/buckets/new"
    refused = await management.ask("POST", path + "/controller/doFlush")
    assert refused.status == 400
    assert b"Flush is disabled" in refused.body
    assert (await management.ask("POST", path, flushEnabled="1")).status == 200
    assert (await management.ask("POST", path + "/controller/doFlush")).status == 200


async def test_readers_may_look_but_not_change(management: Management) -> None:
    await management.ask(
        "PUT", "/settings/rbac/users/local/ann", password="secret1", roles="data_reader[*]"
    )
    assert (await management.ask("GET", "/pools/default", "ann:secret1")).status == 200
    for method, path in (
        ("POST", "/pools/default/buckets"),
        ("GET", "/settings/rbac/users"),
        ("POST", "/_cloudlet/reset"),
    ):
        assert (await management.ask(method, path, "ann:secret1")).status == 403


async def test_the_stream_tells_of_changes(management: Management) -> None:
    port = management.server.sockets.ports.management
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    token = base64.b64encode(b"Administrator:password").decode()
    writer.write(
        f"GET /pools/default/bs/default HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Basic {token}\r\n\r\n".encode()
    )
    first = await asyncio.wait_for(reader.readuntil(b"\n\n\n\n"), 5)
    bucket = management.server.store.catalog.bucket("default")
    await management.server.store.catalog.create_scope(bucket, "s")
    second = await asyncio.wait_for(reader.readuntil(b"\n\n\n\n"), 5)
    assert b'"collectionsManifestUid":"0"' in first
    assert b'"collectionsManifestUid":"1"' in second
    writer.close()
    await writer.wait_closed()


async def test_reset_empties_everything_but_the_configured_buckets(
    management: Management,
) -> None:
    catalog = management.server.store.catalog
    bucket = catalog.bucket("default")
    collection = bucket.default_collection
    assert collection is not None
    writes.upsert(collection, b"k", b"1")
    await catalog.create_scope(bucket, "s")
    await management.ask("POST", "/pools/default/buckets", name="new", ramQuotaMB="100")
    await management.ask("PUT", "/settings/rbac/users/local/ann", password="secret1")
    assert (await management.ask("POST", "/_cloudlet/reset")).status == 200
    assert list(catalog.buckets) == ["default"]
    assert catalog.bucket("default") is bucket
    assert (bucket.items, list(bucket.scopes)) == (0, ["_default"])
    assert (await management.ask("GET", "/settings/rbac/users")).json == []
