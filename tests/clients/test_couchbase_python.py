"""The official Couchbase SDK for Python, unmodified, against the document server."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import couchbase.subdocument as subdoc
import pytest
from couchbase.collection import Collection
from couchbase.durability import Durability, ServerDurability
from couchbase.management.buckets import (
    BucketSettings,
    BucketType,
    CreateBucketSettings,
    StorageBackend,
)
from couchbase.management.collections import CreateCollectionSettings, UpdateCollectionSettings
from couchbase.management.users import Role, User
from couchbase.options import (
    DecrementOptions,
    DeltaValue,
    GetOptions,
    IncrementOptions,
    MutateInOptions,
    QueryOptions,
    ReplaceOptions,
    SignedInt64,
    UpsertOptions,
)
from couchbase.search import MatchAllQuery
from couchbase.transcoder import RawBinaryTranscoder
from tests.clients.documents import DocumentServer

from couchbase import exceptions
from couchbase.cluster import Cluster

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("couchbase")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentServer]:
    running = DocumentServer(tmp_path_factory.mktemp("documents")).start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def cluster(server: DocumentServer) -> Iterator[Cluster]:
    connected = server.connect()
    yield connected
    connected.close()


@pytest.fixture
def collection(cluster: Cluster) -> Collection:
    return cluster.bucket("default").default_collection()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def test_values_come_back_with_their_types(collection: Collection, key: str) -> None:
    value = {"text": "café ☕", "number": 1.5, "list": [1, None, True], "deep": {"er": {}}}
    stored = collection.upsert(key, value)
    found = collection.get(key)
    assert found.content_as[dict] == value
    assert found.cas == stored.cas
    assert collection.exists(key).exists
    assert not collection.exists(key + "no").exists


def test_insert_replace_remove_follow_cas(collection: Collection, key: str) -> None:
    first = collection.insert(key, 1)
    with pytest.raises(exceptions.DocumentExistsException):
        collection.insert(key, 2)
    second = collection.replace(key, 2, ReplaceOptions(cas=first.cas))
    with pytest.raises(exceptions.CasMismatchException):
        collection.replace(key, 3, ReplaceOptions(cas=first.cas))
    assert second.cas > first.cas
    collection.remove(key)
    for verb in (collection.get, collection.remove):
        with pytest.raises(exceptions.DocumentNotFoundException):
            verb(key)


def test_expiry_is_set_read_kept_and_kept_to(collection: Collection, key: str) -> None:
    collection.upsert(key, 1, UpsertOptions(expiry=timedelta(seconds=100)))
    until = collection.get(key, GetOptions(with_expiry=True)).expiry_time
    assert abs(until.timestamp() - time.time() - 100) < 5
    collection.upsert(key, 2, UpsertOptions(preserve_expiry=True))
    assert collection.get(key, GetOptions(with_expiry=True)).expiry_time == until
    collection.get_and_touch(key, timedelta(seconds=1))
    deadline = time.monotonic() + 3
    while collection.exists(key).exists:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_counters_append_and_prepend(collection: Collection, key: str) -> None:
    binary = collection.binary()
    start = IncrementOptions(initial=SignedInt64(10), delta=DeltaValue(5))
    assert binary.increment(key, start).content == 10
    assert binary.increment(key, start).content == 15
    assert binary.decrement(key, DecrementOptions(delta=DeltaValue(50))).content == 0
    raw = UpsertOptions(transcoder=RawBinaryTranscoder())
    collection.upsert(key + "b", b"\x00mid", raw)
    binary.append(key + "b", b"end")
    binary.prepend(key + "b", b"start")
    found = collection.get(key + "b", GetOptions(transcoder=RawBinaryTranscoder()))
    assert found.value == b"start\x00midend"


def test_a_lock_is_for_its_holder(collection: Collection, key: str) -> None:
    collection.upsert(key, 1)
    held = collection.get_and_lock(key, timedelta(seconds=10))
    with pytest.raises((exceptions.DocumentLockedException, exceptions.TimeoutException)):
        collection.upsert(key, 2, UpsertOptions(timeout=timedelta(seconds=0.3)))
    collection.unlock(key, held.cas)
    collection.upsert(key, 3)
    with pytest.raises(exceptions.DocumentNotLockedException):
        collection.unlock(key, held.cas)


def test_subdocument_lookups(collection: Collection, key: str) -> None:
    stored = collection.upsert(key, {"a": 1, "b": {"c": [1, 2, 3]}, "d.e": "dot"})
    result = collection.lookup_in(
        key,
        [
            subdoc.get("b.c[-1]"),
            subdoc.count("b.c"),
            subdoc.exists("b.x"),
            subdoc.get("`d.e`"),
            subdoc.get("$document.CAS", xattr=True),
            subdoc.get("nothing"),
        ],
    )
    assert [result.content_as[int](at) for at in (0, 1)] == [3, 3]
    assert result.content_as[str](3) == "dot"
    assert not result.exists(2)
    assert int(result.content_as[str](4), 16) == stored.cas
    with pytest.raises(exceptions.PathNotFoundException):
        result.content_as[int](5)


def test_subdocument_mutations_are_all_or_nothing(collection: Collection, key: str) -> None:
    collection.upsert(key, {"list": [1], "n": 5, "old": True})
    result = collection.mutate_in(
        key,
        [
            subdoc.array_append("list", 2, 3),
            subdoc.array_prepend("list", 0),
            subdoc.array_addunique("list", 9),
            subdoc.increment("n", 2),
            subdoc.remove("old"),
            subdoc.upsert("x.y", "z", create_parents=True),
        ],
    )
    assert result.content_as[int](3) == 7
    after = {"list": [0, 1, 2, 3, 9], "n": 7, "x": {"y": "z"}}
    assert collection.get(key).content_as[dict] == after
    with pytest.raises(exceptions.PathExistsException):
        collection.mutate_in(key, [subdoc.upsert("n", 1), subdoc.insert("x", 1)])
    assert collection.get(key).content_as[dict] == after


def test_store_semantics_and_attributes(collection: Collection, key: str) -> None:
    with pytest.raises(exceptions.DocumentNotFoundException):
        collection.mutate_in(key, [subdoc.upsert("a", 1)])
    made = collection.mutate_in(
        key,
        [
            subdoc.upsert("meta.cas", subdoc.MutationMacro.cas(), xattr=True, create_parents=True),
            subdoc.upsert("a.b", 1),
        ],
        MutateInOptions(store_semantics=subdoc.StoreSemantics.UPSERT),
    )
    found = collection.lookup_in(key, [subdoc.get("meta.cas", xattr=True)])
    cas = int.from_bytes(bytes.fromhex(found.content_as[str](0)[2:]), "little")
    assert cas == made.cas
    assert collection.get(key).content_as[dict] == {"a": {"b": 1}}
    with pytest.raises(exceptions.DocumentExistsException):
        collection.mutate_in(
            key,
            [subdoc.upsert("a", 2)],
            MutateInOptions(store_semantics=subdoc.StoreSemantics.INSERT),
        )


@pytest.mark.parametrize("level", list(Durability)[1:])
def test_every_durability_level_is_met(collection: Collection, key: str, level: Durability) -> None:
    collection.upsert(key, 1, UpsertOptions(durability=ServerDurability(level)))


def test_scopes_and_collections(cluster: Cluster) -> None:
    bucket = cluster.bucket("books")
    manager = bucket.collections()
    manager.create_scope("shop")
    manager.create_collection("shop", "orders")
    with pytest.raises(exceptions.ScopeAlreadyExistsException):
        manager.create_scope("shop")
    with pytest.raises(exceptions.CollectionAlreadyExistsException):
        manager.create_collection("shop", "orders")
    with pytest.raises(exceptions.ScopeNotFoundException):
        manager.create_collection("none", "orders")
    orders = bucket.scope("shop").collection("orders")
    orders.upsert("k", {"in": "orders"})
    with pytest.raises(exceptions.DocumentNotFoundException):
        bucket.default_collection().get("k")
    names = {
        scope.name: {one.name for one in scope.collections} for scope in manager.get_all_scopes()
    }
    assert names["shop"] == {"orders"}
    manager.drop_collection("shop", "orders")
    with pytest.raises(exceptions.CollectionNotFoundException):
        manager.drop_collection("shop", "orders")
    manager.drop_scope("shop")


def test_buckets(cluster: Cluster) -> None:
    manager = cluster.buckets()
    settings = CreateBucketSettings(name="made", ram_quota_mb=128, flush_enabled=True)
    manager.create_bucket(settings)
    with pytest.raises(exceptions.BucketAlreadyExistsException):
        manager.create_bucket(settings)
    made = cluster.bucket("made").default_collection()
    made.upsert("k", 1)
    manager.flush_bucket("made")
    assert not made.exists("k").exists
    manager.update_bucket(BucketSettings(name="made", ram_quota_mb=256))
    assert manager.get_bucket("made").ram_quota_mb == 256
    manager.drop_bucket("made")
    with pytest.raises(exceptions.BucketDoesNotExistException):
        manager.get_bucket("made")


def test_settings_of_buckets_and_collections_are_kept(cluster: Cluster) -> None:
    manager = cluster.buckets()
    with pytest.raises(exceptions.InvalidArgumentException):
        manager.create_bucket(
            CreateBucketSettings(name="m", ram_quota_mb=100, bucket_type=BucketType.MEMCACHED)
        )
    manager.create_bucket(
        CreateBucketSettings(
            name="kept",
            ram_quota_mb=100,
            storage_backend=StorageBackend.MAGMA,
            history_retention_collection_default=False,
            minimum_durability_level=Durability.PERSIST_TO_MAJORITY,
        )
    )
    kept = manager.get_bucket("kept")
    assert kept.storage_backend == StorageBackend.MAGMA
    assert kept.history_retention_collection_default is False
    assert kept.minimum_durability_level == Durability.PERSIST_TO_MAJORITY
    collections = cluster.bucket("kept").collections()
    settings = CreateCollectionSettings(history=True, max_expiry=timedelta(seconds=90))
    collections.create_collection("_default", "old", settings)
    collections.create_collection("_default", "new")
    collections.update_collection("_default", "new", UpdateCollectionSettings(history=True))
    found = {one.name: one for one in collections.get_all_scopes()[0].collections}
    assert (found["old"].history, found["old"].max_expiry) == (True, timedelta(seconds=90))
    assert found["new"].history is True
    manager.drop_bucket("kept")
    with pytest.raises(exceptions.FeatureUnavailableException):
        cluster.bucket("books").collections().create_collection("_default", "h", settings)


def test_users_are_who_they_are_made(server: DocumentServer, cluster: Cluster) -> None:
    manager = cluster.users()
    role = Role("data_reader", bucket="default")
    manager.upsert_user(User(username="ann", password="secret1", roles=[role]))
    assert {one.name for one in manager.get_user("ann").user.roles} == {"data_reader"}
    cluster.bucket("default").default_collection().upsert("for-ann", 1)
    hers = server.connect("ann", "secret1")
    granted = hers.bucket("default").default_collection()
    assert granted.get("for-ann").content_as[int] == 1
    with pytest.raises(exceptions.CouchbaseException):
        granted.upsert("for-ann", 2)
    hers.close()
    manager.drop_user("ann")
    with pytest.raises(exceptions.UserNotFoundException):
        manager.get_user("ann")
    with pytest.raises(exceptions.AuthenticationException):
        server.connect("ann", "secret1")


def test_a_query_needs_a_role_for_what_it_does(server: DocumentServer, cluster: Cluster) -> None:
    manager = cluster.users()
    roles = [Role("query_select", bucket="books"), Role("data_reader", bucket="default")]
    manager.upsert_user(User(username="bob", password="secret1", roles=roles))
    cluster.bucket("books").default_collection().upsert("for-bob", {"n": 1})
    his = server.connect("bob", "secret1")
    assert list(his.query("SELECT RAW n FROM books USE KEYS 'for-bob'").rows()) == [1]
    for refused in (
        "DELETE FROM books USE KEYS 'for-bob'",
        "SELECT RAW d FROM `default` d USE KEYS 'for-ann'",
        "CREATE INDEX bobs ON books(n)",
    ):
        with pytest.raises(exceptions.CouchbaseException, match="13014"):
            list(his.query(refused).rows())
    his.close()
    manager.drop_user("bob")


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (lambda s: s.connect(password="wrong"), exceptions.AuthenticationException),
        (lambda s: s.connect(user="nobody"), exceptions.AuthenticationException),
        (lambda s: s.connect().bucket("none"), exceptions.BucketNotFoundException),
    ],
)
def test_who_may_not_enter(
    server: DocumentServer, attempt: Callable[[DocumentServer], Any], expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        attempt(server)


def test_too_large_and_too_long(collection: Collection, key: str) -> None:
    with pytest.raises(exceptions.CouchbaseException):
        collection.upsert(key, "x" * (20 * 1024 * 1024 + 1))
    collection.upsert(key, "x" * (20 * 1024 * 1024 - 100))
    with pytest.raises(exceptions.InvalidArgumentException):
        collection.upsert("k" * 251, 1)
    collection.remove(key)


def test_ping_and_cluster_information(cluster: Cluster) -> None:
    report = cluster.bucket("default").ping()
    states = {str(point.state) for points in report.endpoints.values() for point in points}
    assert states == {"PingState.OK"}
    assert cluster.cluster_info().nodes


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: list(c.bucket("default").view_query("design", "view").rows()),
        lambda c: list(c.search_query("index", MatchAllQuery()).rows()),
        lambda c: c.search_indexes().get_all_indexes(),
        lambda c: list(c.analytics_query("SELECT 1").rows()),
        lambda c: c.analytics_indexes().get_all_indexes(),
        lambda c: c.eventing_functions().get_all_functions(),
    ],
    ids=["views", "search", "search-indexes", "analytics", "analytics-indexes", "eventing"],
)
def test_services_that_are_not_there_say_so_at_once(
    cluster: Cluster, ask: Callable[[Cluster], Any]
) -> None:
    began = time.monotonic()
    with pytest.raises(exceptions.ServiceUnavailableException):
        ask(cluster)
    assert time.monotonic() - began < 2


def test_many_at_once(collection: Collection, key: str) -> None:
    documents = {f"{key}{number}": {"n": number} for number in range(500)}
    assert collection.upsert_multi(documents).all_ok
    assert collection.get_multi(list(documents)).all_ok


def test_queries_see_what_key_value_wrote_and_the_reverse(cluster: Cluster) -> None:
    bucket = cluster.bucket("books")
    manager = bucket.collections()
    manager.create_collection("_default", "queried")
    queried = bucket.default_scope().collection("queried")
    queried.upsert_multi({f"b{number}": {"n": number} for number in range(10)})

    def ask(statement: str, *values: object) -> list[Any]:
        options = QueryOptions(positional_parameters=list(values))
        text = statement.replace("#", "`books`._default.queried")
        return list(cluster.query(text, options).execute())

    ask("CREATE PRIMARY INDEX ON #")
    assert ask("SELECT RAW n FROM # WHERE n >= $1 ORDER BY n DESC LIMIT 2", 5) == [9, 8]
    assert ask("SELECT META().id, n FROM # USE KEYS $1", "b3") == [{"id": "b3", "n": 3}]
    ask("UPSERT INTO # (KEY, VALUE) VALUES ($1, $2)", "made", {"n": 99})
    assert queried.get("made").content_as[dict] == {"n": 99}
    ask("UPDATE # SET seen = TRUE WHERE n = 99")
    assert queried.get("made").content_as[dict] == {"n": 99, "seen": True}
    ask("DELETE FROM # WHERE n < 9")
    assert ask("SELECT COUNT(*) AS c FROM #") == [{"c": 2}]
    assert not queried.exists("b0").exists
    with pytest.raises(exceptions.DocumentExistsException):
        ask("INSERT INTO # (KEY, VALUE) VALUES ($1, $2)", "made", {})
    manager.drop_collection("_default", "queried")
    with pytest.raises(exceptions.CouchbaseException):
        ask("SELECT * FROM #")
    manager.create_collection("_default", "queried")
    assert [one.name for one in bucket.default_scope().collection("queried")
            .query_indexes().get_all_indexes()] == []  # fmt: skip


def test_a_transaction_is_all_or_nothing(cluster: Cluster, collection: Collection) -> None:
    collection.upsert("account-a", {"balance": 10})
    collection.upsert("account-b", {"balance": 0})

    def move(attempt: Any, amount: int) -> None:
        source, target = attempt.get(collection, "account-a"), attempt.get(collection, "account-b")
        left = source.content_as[dict]["balance"] - amount
        attempt.replace(source, {"balance": left})
        attempt.replace(target, {"balance": amount})
        if left < 0:
            raise ValueError("not enough")

    cluster.transactions.run(lambda attempt: move(attempt, 4))
    with pytest.raises(exceptions.TransactionFailed):
        cluster.transactions.run(lambda attempt: move(attempt, 40))
    assert collection.get("account-a").content_as[dict] == {"balance": 6}
    assert collection.get("account-b").content_as[dict] == {"balance": 4}


def test_acknowledged_documents_survive_kill_9(tmp_path: Path) -> None:
    server = DocumentServer(tmp_path / "documents")
    acknowledged: dict[str, int] = {}
    for round_number in range(3):
        server.start()
        cluster = server.connect()
        collection = cluster.bucket("books").default_collection()
        for name, cas in acknowledged.items():
            assert collection.get(name).cas == cas
        for number in range(50):
            name = f"book-{round_number}-{number}"
            acknowledged[name] = collection.upsert(name, {"n": number}).cas
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        cluster.close()
    server.start()
    server.stop()
