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
from couchbase.management.buckets import CreateBucketSettings
from couchbase.management.users import Role, User
from couchbase.options import (
    ClusterOptions,
    ClusterTimeoutOptions,
    DeltaValue,
    GetOptions,
    IncrementOptions,
    InsertOptions,
    ReplaceOptions,
    ScanOptions,
    SignedInt64,
    UpsertOptions,
)
from couchbase.transcoder import RawBinaryTranscoder
from tests.clients.documents import DocumentServer

from cloudlet.couchbase import tls
from couchbase import exceptions

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("couchbase")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentServer]:
    running = DocumentServer(tmp_path_factory.mktemp("documents"), "--tls").start()
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


async def test_the_other_verbs(cluster: AsyncCluster) -> None:
    bucket = cluster.bucket("default")
    await bucket.on_connect()
    documents = bucket.default_collection()
    first = await documents.insert("v", {"n": 1}, InsertOptions(expiry=timedelta(minutes=1)))
    with pytest.raises(exceptions.DocumentExistsException):
        await documents.insert("v", 2)
    await documents.replace("v", {"n": 2}, ReplaceOptions(cas=first.cas))
    with pytest.raises(exceptions.CasMismatchException):
        await documents.replace("v", {"n": 3}, ReplaceOptions(cas=first.cas))
    await documents.touch("v", timedelta(minutes=2))
    assert (await documents.get_and_touch("v", timedelta(0))).content_as[dict] == {"n": 2}
    held = await documents.get_and_lock("v", timedelta(seconds=10))
    await documents.unlock("v", held.cas)
    assert (await documents.get_any_replica("v")).content_as[dict] == {"n": 2}
    start = IncrementOptions(initial=SignedInt64(10), delta=DeltaValue(5))
    assert (await documents.binary().increment("counter", start)).content == 10
    raw = UpsertOptions(transcoder=RawBinaryTranscoder())
    await documents.upsert("b", b"mid", raw)
    await documents.binary().append("b", b"end")
    await documents.binary().prepend("b", b"start")
    found = await documents.get("b", GetOptions(transcoder=RawBinaryTranscoder()))
    assert found.value == b"startmidend"


async def test_buckets_users_and_diagnostics(cluster: AsyncCluster) -> None:
    buckets = cluster.buckets()
    await buckets.create_bucket(CreateBucketSettings(name="made", ram_quota_mb=100))
    assert (await buckets.get_bucket("made")).ram_quota_mb == 100
    await buckets.drop_bucket("made")
    users = cluster.users()
    role = Role("data_reader", bucket="default")
    await users.upsert_user(User(username="ann", password="secret1", roles=[role]))
    assert (await users.get_user("ann")).user.username == "ann"
    await users.drop_user("ann")
    with pytest.raises(exceptions.UserNotFoundException):
        await users.get_user("ann")
    assert (await cluster.diagnostics()).endpoints
    with pytest.raises(exceptions.ServiceUnavailableException):
        [row async for row in cluster.analytics_query("SELECT 1").rows()]


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
    # The SDK (4.6.3) begins a scan with the interpreter lock held and waits for its own thread,
    # which may still be in the callback of the last answer and want that lock: let it return.
    await asyncio.sleep(0.1)
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


async def test_over_tls(server: DocumentServer) -> None:
    authenticator = PasswordAuthenticator(
        "Administrator", "password", cert_path=str(server.certificate)
    )
    cluster = await AsyncCluster.connect(server.secure_address, ClusterOptions(authenticator))
    try:
        bucket = cluster.bucket("default")
        await bucket.on_connect()
        documents = bucket.default_collection()
        await asyncio.gather(*(documents.upsert(f"tls-{n}", {"n": n}) for n in range(50)))
        found = await asyncio.gather(*(documents.get(f"tls-{n}") for n in range(50)))
        assert [one.content_as[dict]["n"] for one in found] == list(range(50))
        durable = UpsertOptions(durability=ServerDurability(Durability.PERSIST_TO_MAJORITY))
        # Larger than a TLS record and than what is read at once.
        large = {"text": "x" * 2_000_000}
        await documents.upsert("tls-large", large, durable)
        assert (await documents.get("tls-large")).content_as[dict] == large
        await documents.mutate_in("tls-1", [subdoc.increment("n", 41)])
        looked = await documents.lookup_in("tls-1", [subdoc.get("n")])
        assert looked.content_as[int](0) == 42
        rows = cluster.query("SELECT RAW d.n FROM `default` d USE KEYS 'tls-1'").rows()
        assert [row async for row in rows] == [42]
        assert "default" in [one.name for one in await cluster.buckets().get_all_buckets()]
        ends = (await cluster.ping()).endpoints
        tls_ports = {server.ports.kv_tls, server.ports.query_tls, server.ports.management_tls}
        reached = {int(end.remote.rpartition(":")[2]) for every in ends.values() for end in every}
        assert reached
        assert reached <= tls_ports
    finally:
        await cluster.close()


async def test_a_certificate_of_somebody_else_is_not_trusted(
    server: DocumentServer, tmp_path: Path
) -> None:
    other, _ = tls.ensure_certificate(tmp_path, "127.0.0.1")
    authenticator = PasswordAuthenticator("Administrator", "password", cert_path=str(other))
    timeouts = ClusterTimeoutOptions(
        bootstrap_timeout=timedelta(seconds=1), connect_timeout=timedelta(seconds=1)
    )
    options = ClusterOptions(authenticator, timeout_options=timeouts)
    with pytest.raises(exceptions.CouchbaseException):
        await AsyncCluster.connect(server.secure_address, options)
