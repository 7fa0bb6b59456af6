"""SQL++ through the official Couchbase SDK for Python, unmodified, against the document server."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import msgspec
import pytest
from couchbase.auth import PasswordAuthenticator
from couchbase.management.options import (
    CreatePrimaryQueryIndexOptions,
    CreateQueryIndexOptions,
    WatchQueryIndexOptions,
)
from couchbase.n1ql import QueryScanConsistency
from couchbase.options import ClusterOptions, QueryOptions

from couchbase import exceptions
from couchbase.cluster import Cluster

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("couchbase")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    data: Path = tmp_path_factory.mktemp("documents")
    command = [sys.executable, "-m", "cloudlet.couchbase", "--data", str(data), "--json"]
    command += ["--bucket", "default", "--bucket", "books"]
    for port in ("--kv-port", "--management-port", "--query-port"):
        command += [port, "0"]
    with Popen(command, stdout=PIPE) as process:
        assert process.stdout is not None
        ports = msgspec.json.decode(process.stdout.readline())
        options = ClusterOptions(PasswordAuthenticator("Administrator", "password"))
        connected = Cluster(f"couchbase://127.0.0.1:{ports['kv']}", options)
        try:
            collection = connected.bucket("books").default_collection()
            for number in range(20):
                collection.upsert(
                    f"book{number}", {"title": f"T{number}", "year": 2000 + number, "n": number}
                )
            yield connected
        finally:
            connected.close()
            process.terminate()
            process.wait(10)


def rows(cluster: Cluster, statement: str, *args: Any, **options: Any) -> list[Any]:
    return list(cluster.query(statement, QueryOptions(**options), *args).rows())


def test_positional_and_named_parameters(cluster: Cluster) -> None:
    by_place = "SELECT RAW title FROM books WHERE n > $1 AND n < $2 ORDER BY n"
    assert rows(cluster, by_place, positional_parameters=[3, 6]) == ["T4", "T5"]
    by_name = "SELECT b.title FROM books AS b WHERE b.n = $n"
    assert rows(cluster, by_name, named_parameters={"n": 7}) == [{"title": "T7"}]


def test_metadata_tells_status_signature_and_counts(cluster: Cluster) -> None:
    options = QueryOptions(metrics=True, client_context_id="mine")
    result = cluster.query("SELECT title FROM books ORDER BY n LIMIT 3", options)
    assert len(list(result.rows())) == 3
    metadata = result.metadata()
    assert metadata is not None
    assert metadata.client_context_id() == "mine"
    assert metadata.signature() == {"title": "json"}
    metrics = metadata.metrics()
    assert metrics is not None
    assert metrics.result_count().value == 3
    assert metrics.sort_count().value == 20


def test_a_write_is_seen_by_the_next_query(cluster: Cluster) -> None:
    collection = cluster.bucket("books").default_collection()
    collection.upsert("fresh", {"kind": "fresh"})
    found = rows(
        cluster,
        "SELECT META().id FROM books WHERE kind = 'fresh'",
        scan_consistency=QueryScanConsistency.REQUEST_PLUS,
    )
    assert found == [{"id": "fresh"}]
    collection.remove("fresh")


def test_changes_by_query_are_seen_by_key(cluster: Cluster) -> None:
    collection = cluster.bucket("default").default_collection()
    insert = "INSERT INTO `default` (KEY, VALUE) VALUES ($k, {'a': 1}) RETURNING META().id"
    assert rows(cluster, insert, named_parameters={"k": "x"}) == [{"id": "x"}]
    assert collection.get("x").content_as[dict] == {"a": 1}
    rows(cluster, "UPDATE `default` SET b = [true, null], a = a + 1 WHERE META().id = 'x'")
    assert collection.get("x").content_as[dict] == {"a": 2, "b": [True, None]}
    rows(cluster, "UPSERT INTO `default` VALUES ('y', 'text')")
    assert collection.get("y").content_as[str] == "text"
    assert rows(cluster, "DELETE FROM `default` RETURNING RAW META().id") == ["x", "y"]
    assert not collection.exists("x").exists


def test_prepared_statements(cluster: Cluster) -> None:
    statement = "SELECT RAW title FROM books WHERE n = $1"
    for number in (1, 2, 1):
        found = rows(cluster, statement, adhoc=False, positional_parameters=[number])
        assert found == [f"T{number}"]


def test_scopes_query_their_collections(cluster: Cluster) -> None:
    rows(cluster, "CREATE SCOPE books.s IF NOT EXISTS")
    rows(cluster, "CREATE COLLECTION books.s.c IF NOT EXISTS")
    scope = cluster.bucket("books").scope("s")
    deadline = time.monotonic() + 5
    scope.collection("c").upsert("k", {"v": 1})
    assert time.monotonic() < deadline
    assert list(scope.query("SELECT c.v FROM c").rows()) == [{"v": 1}]
    assert rows(cluster, "SELECT RAW v FROM books.s.c") == [1]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELCT 1", exceptions.ParsingFailedException),
        ("SELECT * FROM nowhere", exceptions.KeyspaceNotFoundException),
        ("SELECT * FROM books.nope.nope", exceptions.ScopeNotFoundException),
        ("SELECT x FROM books, `default`", exceptions.CouchbaseException),
        ("SELECT title, COUNT(*) FROM books GROUP BY n", exceptions.CouchbaseException),
        ("INSERT INTO books VALUES ('book1', 1)", exceptions.DocumentExistsException),
        ("DROP INDEX books.nope", exceptions.QueryIndexNotFoundException),
    ],
)
def test_errors_are_the_sdks_own(cluster: Cluster, statement: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        rows(cluster, statement)


def test_query_index_manager(cluster: Cluster) -> None:
    manager = cluster.query_indexes()
    manager.create_primary_index("books")
    with pytest.raises(exceptions.QueryIndexAlreadyExistsException):
        manager.create_primary_index("books")
    manager.create_primary_index("books", CreatePrimaryQueryIndexOptions(ignore_if_exists=True))
    found = {index.name: index for index in manager.get_all_indexes("books")}
    assert found["#primary"].is_primary
    assert found["#primary"].state == "online"
    manager.drop_primary_index("books")
    with pytest.raises(exceptions.QueryIndexNotFoundException):
        manager.drop_primary_index("books")


def test_secondary_indexes_through_the_index_manager(cluster: Cluster) -> None:
    manager = cluster.query_indexes()
    manager.create_index("books", "by_year", ["year"])
    manager.create_index("books", "later", ["n"], CreateQueryIndexOptions(deferred=True))
    states = {index.name: index.state for index in manager.get_all_indexes("books")}
    assert states == {"by_year": "online", "later": "deferred"}
    manager.build_deferred_indexes("books")
    manager.watch_indexes("books", ["later"], WatchQueryIndexOptions(timeout=timedelta(seconds=5)))
    (plan,) = rows(cluster, "EXPLAIN SELECT title FROM books WHERE year > 2015")
    assert plan["plan"]["~children"][0]["index"] == "by_year"
    assert len(rows(cluster, "SELECT title FROM books WHERE year > 2015")) == 4
    manager.drop_index("books", "by_year")
    manager.drop_index("books", "later")
