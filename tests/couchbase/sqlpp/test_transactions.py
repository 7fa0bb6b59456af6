"""Transactions by the query service over a real store, driven without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.couchbase.sqlpp.session import EVERYTHING

from cloudlet.couchbase.keyspaces import StoreKeyspaces
from cloudlet.couchbase.sqlpp.service import QueryService
from cloudlet.storage.documents import BucketSettings, DocumentStore


class Client:
    def __init__(self, service: QueryService) -> None:
        self.service = service

    async def answer(self, statement: str, **fields: Any) -> dict[str, Any]:
        body = msgspec.json.encode({"statement": statement, **fields})
        sent = bytearray()
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if not given:
                await asyncio.Event().wait()
            return given.pop()

        async def send(message: Any) -> None:
            sent.extend(message.get("body", b""))

        headers = [(b"authorization", b"Basic dTp3"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/query/service", "headers": headers}
        await self.service(scope, receive, send)
        found: dict[str, Any] = msgspec.json.decode(bytes(sent))
        return found

    async def __call__(self, statement: str, **fields: Any) -> list[Any]:
        answer = await self.answer(statement, **fields)
        assert "errors" not in answer, answer
        results: list[Any] = answer["results"]
        return results

    async def code(self, statement: str, **fields: Any) -> int:
        return int((await self.answer(statement, **fields))["errors"][0]["code"])

    async def begin(self, **fields: Any) -> str:
        (row,) = await self("BEGIN WORK", **fields)
        return str(row["txid"])


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    store = DocumentStore(tmp_path / "documents.db")
    await store.catalog.create_bucket("b", BucketSettings())
    service = QueryService(
        StoreKeyspaces(store, acknowledge_persisted=True), authenticate=lambda _n, _w: EVERYTHING
    )
    await service.start()
    client = Client(service)
    await client("UPSERT INTO b VALUES ('k1', {'n': 1}), ('k2', {'n': 2}), ('k3', {'n': 3})")
    await client("CREATE INDEX i ON b(n)")
    yield client
    await service.close()
    await store.close()


ALL = "SELECT RAW n FROM b WHERE n IS NOT MISSING ORDER BY n"


async def test_changes_are_seen_inside_at_once_and_outside_after_the_commit(client: Client) -> None:
    txid = await client.begin()
    await client("UPDATE b SET n = n + 10 WHERE n > 1", txid=txid)
    await client("INSERT INTO b VALUES ('k0', {'n': 5})", txid=txid)
    await client("DELETE FROM b WHERE n = 1", txid=txid)
    assert await client(ALL, txid=txid) == [5, 12, 13]
    assert await client("SELECT RAW META().id FROM b", txid=txid) == ["k0", "k2", "k3"]
    assert await client("SELECT RAW COUNT(*) FROM b", txid=txid) == [3]
    assert await client(ALL) == [1, 2, 3]
    await client("COMMIT", txid=txid)
    assert await client(ALL) == [5, 12, 13]


async def test_a_rollback_leaves_nothing(client: Client) -> None:
    txid = await client.begin()
    await client("DELETE FROM b", txid=txid)
    assert await client(ALL, txid=txid) == []
    await client("ROLLBACK", txid=txid)
    assert await client(ALL) == [1, 2, 3]
    assert await client.code(ALL, txid=txid) == 17004


async def test_a_savepoint_is_gone_back_to(client: Client) -> None:
    txid = await client.begin()
    await client("DELETE FROM b WHERE n = 1", txid=txid)
    await client("SAVEPOINT s", txid=txid)
    await client("DELETE FROM b", txid=txid)
    await client("ROLLBACK TRANSACTION TO SAVEPOINT s", txid=txid)
    assert await client(ALL, txid=txid) == [2, 3]
    assert await client.code("ROLLBACK TO SAVEPOINT t", txid=txid) == 17009
    await client("COMMIT WORK", txid=txid)
    assert await client(ALL) == [2, 3]


async def test_a_conflicting_change_fails_the_whole_commit(client: Client) -> None:
    txid = await client.begin()
    await client("UPDATE b SET n = 20 WHERE n = 2", txid=txid)
    await client("UPDATE b SET n = 30 WHERE n = 3", txid=txid)
    await client("UPDATE b SET n = 4 WHERE n = 3")
    answer = await client.answer("COMMIT", txid=txid)
    (error,) = answer["errors"]
    assert (error["code"], error["cause"]["retry"]) == (17007, True)
    assert await client(ALL) == [1, 2, 4]


async def test_committed_changes_of_others_are_read(client: Client) -> None:
    txid = await client.begin()
    await client("UPDATE b SET n = 20 WHERE n = 2", txid=txid)
    await client("UPSERT INTO b VALUES ('k4', {'n': 4})")
    assert await client(ALL, txid=txid) == [1, 3, 4, 20]


async def test_a_failed_statement_takes_back_its_own_changes_only(client: Client) -> None:
    txid = await client.begin()
    await client("INSERT INTO b VALUES ('k7', {'n': 7})", txid=txid)
    assert await client.code("INSERT INTO b VALUES ('k8', 8), ('k1', 1)", txid=txid) == 12009
    await client("COMMIT", txid=txid)
    assert await client("SELECT RAW META().id FROM b") == ["k1", "k2", "k3", "k7"]


async def test_an_implicit_transaction_is_all_or_nothing(client: Client) -> None:
    assert await client.code("INSERT INTO b VALUES ('a', 1), ('k1', 1)", tximplicit=True) == 12009
    assert await client("SELECT RAW META().id FROM b") == ["k1", "k2", "k3"]
    await client("UPDATE b SET n = n * 2", tximplicit=True)
    assert await client(ALL) == [2, 4, 6]


@pytest.mark.parametrize(
    ("statement", "code"),
    [("CREATE INDEX j ON b(m)", 17002), ("BEGIN WORK", 17005), ("SELCT", 3000)],
)
async def test_what_may_not_run_inside(client: Client, statement: str, code: int) -> None:
    txid = await client.begin()
    assert await client.code(statement, txid=txid) == code


async def test_a_commit_outside_and_one_too_late(client: Client) -> None:
    assert await client.code("COMMIT") == 17005
    assert await client.code("SELECT 1", txid="none") == 17004
    txid = await client.begin(txtimeout="1us")
    assert await client.code("COMMIT", txid=txid) == 17010


async def test_key_value_operations_of_the_sdks(client: Client) -> None:
    txid = await client.begin(txdata={"id": {"atmpt": "mine", "txn": "t"}})
    assert txid == "mine"
    there = {"txid": txid, "args": ["default:`b`.`_default`.`_default`", "k1"]}
    (row,) = await client("EXECUTE __get", **there)
    assert row["doc"] == {"n": 1}
    there["args"] += [{"n": 11}, {}]  # type: ignore[operator]
    stale = {"kv": True, "scas": "5"}
    assert await client.code("EXECUTE __update", **there, txdata=stale) == 17015
    await client("EXECUTE __update", **there, txdata={"kv": True, "scas": row["scas"]})
    assert await client.code("EXECUTE __insert", **there) == 17012
    there["args"] = ["default:`b`.`_default`.`_default`", "none"]
    assert await client.code("EXECUTE __get", **there) == 17014
    await client("COMMIT", txid=txid)
    assert await client(ALL) == [2, 3, 11]
