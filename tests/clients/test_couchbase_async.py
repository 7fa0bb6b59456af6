"""The Python SDK's asynchronous half (acouchbase), unmodified, against the document server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import couchbase.subdocument as subdoc
import pytest
from acouchbase.cluster import AsyncCluster
from couchbase.auth import PasswordAuthenticator
from couchbase.durability import Durability, ServerDurability
from couchbase.kv_range_scan import PrefixScan, SamplingScan
from couchbase.options import ClusterOptions, ScanOptions, UpsertOptions
from tests.clients.documents import DocumentServer

from couchbase import exceptions

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("couchbase")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentServer]:
    running = DocumentServer(tmp_path_factory.mktemp("documents")).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
async def cluster(server: DocumentServer) -> AsyncIterator[AsyncCluster]:
    options = ClusterOptions(PasswordAuthenticator("Administrator", "password"))
    connected = await AsyncCluster.connect(server.address, options)
    await connected.wait_until_ready(timedelta(seconds=10))
    yield connected
    await connected.close()


async def test_key_value_and_sub_document(cluster: AsyncCluster) -> None:
    bucket = cluster.bucket("default")
    await bucket.on_connect()
    documents = bucket.default_collection()
    await asyncio.gather(*(documents.upsert(f"a-{n}", {"n": n}) for n in range(100)))
    found = await asyncio.gather(*(documents.get(f"a-{n}") for n in range(100)))
    assert [one.content_as[dict]["n"] for one in found] == list(range(100))
    await documents.mutate_in("a-1", [subdoc.increment("n", 41)])
    looked = await documents.lookup_in("a-1", [subdoc.get("n"), subdoc.exists("x")])
    assert looked.content_as[int](0) == 42
    durable = ServerDurability(Durability.PERSIST_TO_MAJORITY)
    await documents.upsert("a-d", 1, UpsertOptions(durability=durable))
    await documents.remove("a-d")
    with pytest.raises(exceptions.DocumentNotFoundException):
        await documents.get("a-d")


async def test_many_durable_writers_of_one_key_all_come_through(cluster: AsyncCluster) -> None:
    bucket = cluster.bucket("default")
    await bucket.on_connect()
    documents = bucket.default_collection()
    durable = ServerDurability(Durability.MAJORITY_AND_PERSIST_TO_ACTIVE)
    await asyncio.gather(
        *(documents.upsert("contended", n, UpsertOptions(durability=durable)) for n in range(8))
    )
    assert (await documents.get("contended")).content_as[int] in range(8)


async def test_scans(cluster: AsyncCluster) -> None:
    bucket = cluster.bucket("default")
    await bucket.on_connect()
    documents = bucket.default_collection()
    await asyncio.gather(*(documents.upsert(f"scan-{n}", n) for n in range(300)))
    ranged = documents.scan(PrefixScan("scan-"))
    found = {one.id: one.content_as[int] async for one in ranged.rows()}
    assert found == {f"scan-{n}": n for n in range(300)}
    sampled = documents.scan(SamplingScan(10), ScanOptions(ids_only=True))
    assert len([one.id async for one in sampled.rows()]) == 10


async def test_management_and_queries(cluster: AsyncCluster, tmp_path: Path) -> None:
    bucket = cluster.bucket("default")
    await bucket.on_connect()
    collections = bucket.collections()
    await collections.create_scope("async")
    await collections.create_collection("async", "things")
    await bucket.scope("async").collection("things").upsert("k", {"n": 7})
    rows = cluster.query("SELECT t.n FROM `default`.async.things t USE KEYS 'k'").rows()
    assert [row async for row in rows] == [{"n": 7}]
    await collections.drop_scope("async")
    report = await cluster.ping()
    assert report.endpoints
