"""The Python SDK's transactions with queries in them, and BEGIN ... COMMIT through its queries."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import msgspec
import pytest
from couchbase.auth import PasswordAuthenticator
from couchbase.options import ClusterOptions, QueryOptions

from couchbase import exceptions
from couchbase.cluster import Cluster

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("couchbase")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    data: Path = tmp_path_factory.mktemp("documents")
    command = [sys.executable, "-m", "cloudlet.couchbase", "--data", str(data), "--json"]
    command += ["--bucket", "books"]
    for port in ("--kv-port", "--management-port", "--query-port"):
        command += [port, "0"]
    with Popen(command, stdout=PIPE) as process:
        assert process.stdout is not None
        ports = msgspec.json.decode(process.stdout.readline())
        options = ClusterOptions(PasswordAuthenticator("Administrator", "password"))
        connected = Cluster(f"couchbase://127.0.0.1:{ports['kv']}", options)
        try:
            yield connected
        finally:
            connected.close()
            process.terminate()
            process.wait(10)


@pytest.fixture
def books(cluster: Cluster) -> Any:
    list(cluster.query("DELETE FROM books").rows())
    collection = cluster.bucket("books").default_collection()
    for n in range(4):
        collection.upsert(f"b{n}", {"n": n})
    return collection


def numbers(cluster: Cluster) -> list[int]:
    return list(cluster.query("SELECT RAW n FROM books WHERE n >= 0 ORDER BY n").rows())


def test_queries_alone_are_one_transaction(cluster: Cluster, books: Any) -> None:
    def logic(ctx: Any) -> None:
        ctx.query("UPDATE books SET n = n + 10 WHERE n > 1")
        found = ctx.query("SELECT RAW n FROM books WHERE n >= 0 ORDER BY n").rows()
        assert list(found) == [0, 1, 12, 13]
        assert numbers(cluster) == [0, 1, 2, 3]

    cluster.transactions.run(logic)
    assert numbers(cluster) == [0, 1, 12, 13]


def test_key_value_operations_before_and_after_a_query_are_one_transaction(
    cluster: Cluster, books: Any
) -> None:
    def logic(ctx: Any) -> None:
        document = ctx.get(books, "b0")
        ctx.replace(document, {"n": 100})
        ctx.insert(books, "new", {"n": 200})
        ctx.remove(ctx.get(books, "b1"))
        found = list(ctx.query("SELECT RAW n FROM books WHERE n >= 0 ORDER BY n").rows())
        assert found == [2, 3, 100, 200]
        again = ctx.get(books, "b2")
        ctx.replace(again, {"n": 102})
        ctx.insert(books, "newer", {"n": 300})

    cluster.transactions.run(logic)
    assert numbers(cluster) == [3, 100, 102, 200, 300]
    assert books.get("b0").content_as[dict] == {"n": 100}


def test_an_exception_rolls_everything_back(cluster: Cluster, books: Any) -> None:
    def logic(ctx: Any) -> None:
        ctx.insert(books, "new", {"n": 200})
        ctx.query("DELETE FROM books WHERE n < 3")
        raise RuntimeError("no")

    with pytest.raises(exceptions.CouchbaseException):
        cluster.transactions.run(logic)
    assert numbers(cluster) == [0, 1, 2, 3]
    assert not books.exists("new").exists


def test_a_transaction_over_several_requests(cluster: Cluster, books: Any) -> None:
    (row,) = cluster.query("BEGIN WORK").rows()
    inside = QueryOptions(raw={"txid": row["txid"]})
    list(cluster.query("DELETE FROM books WHERE n = 0", inside).rows())
    assert numbers(cluster) == [0, 1, 2, 3]
    list(cluster.query("COMMIT", inside).rows())
    assert numbers(cluster) == [1, 2, 3]
