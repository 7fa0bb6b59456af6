"""EXPLAIN, PREPARE, INFER, statistics, roles, transactions and system keyspaces, by a service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.couchbase.sqlpp.reference.shown import INDEXES, PREPARED, Shown, book, entries, same
from tests.couchbase.sqlpp.test_service import ask

from cloudlet.couchbase.cluster.catalogs import UserCatalogs
from cloudlet.couchbase.cluster.grants import Grants
from cloudlet.couchbase.cluster.users import Group, Role, User, Users
from cloudlet.couchbase.keyspaces import StoreKeyspaces
from cloudlet.couchbase.sqlpp.reference import Entry
from cloudlet.couchbase.sqlpp.service import QueryService
from cloudlet.storage.documents import BucketSettings, DocumentStore

CHAPTERS: Final = (
    "EXPLAIN, PREPARE, INFER and statistics",
    "Roles and users",
    "Transactions",
    "System catalogs",
)
ROLES: Final = (
    "SELECT r.`role`, r.bucket_name FROM system:applicable_roles r WHERE r.grantee = '{}'"
)


class Server:
    """A query service over a store with documents, users and a group."""

    def __init__(self, store: DocumentStore) -> None:
        self.users = Users(store, "user", "word")
        keyspaces = StoreKeyspaces(store, acknowledge_persisted=False)
        self.service = QueryService(
            keyspaces, authenticate=self.users.check, change_roles=Grants(self.users).change
        )
        UserCatalogs(self.users).offer(self.service.system)

    async def start(self) -> None:
        await self.service.start()
        for user in (User(id="ann"), User(id="bob", roles=(Role("admin"),))):
            await self.users.put_user(user)
        await self.users.put_group(Group(id="readers"))
        documents = ", ".join(f"('b{n}', {book(n)!r})" for n in range(8))
        kinds = (
            "('k1', {'kind': 'odd', 'words': 'not even'}),"
            " ('k2', {'kind': 'prime', 'words': 'few'})"
        )
        for statement in (
            f"UPSERT INTO books VALUES {documents}", f"UPSERT INTO kinds VALUES {kinds}",
            *PREPARED, *INDEXES, "CREATE INDEX by_words ON kinds(words)",
            "PREPARE taken FROM SELECT RAW 1",
            "PREPARE place FROM SELECT RAW n FROM books WHERE n = $1",
            "PREPARE named FROM SELECT RAW n FROM books WHERE n > $least ORDER BY n",
            "PREPARE p FROM SELECT RAW 5",
        ):  # fmt: skip
            await self(statement)

    async def __call__(self, statement: str, **fields: Any) -> list[Any]:
        answer = (await ask(self.service, statement, **fields)).json
        assert "errors" not in answer, answer
        results: list[Any] = answer["results"]
        return results

    async def codes(self, statement: str, **fields: Any) -> list[int]:
        """The codes of a statement's errors, else of its warnings."""
        answer = (await ask(self.service, statement, **fields)).json
        return [one["code"] for one in answer.get("errors", answer.get("warnings", []))]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    store = DocumentStore(tmp_path / "documents.db")
    for bucket in ("books", "kinds"):
        await store.catalog.create_bucket(bucket, BucketSettings())
    server = Server(store)
    await server.start()
    yield server
    await server.service.close()
    await store.close()


def _operators(row: dict[str, Any]) -> list[str]:
    return [step["#operator"] for step in row["plan"]["~children"]]


def _advises(rows: list[Any]) -> bool:
    found = rows[0]["advice"]["adviseinfo"]["recommended_indexes"]["indexes"]
    return bool(found[0]["index_statement"] == "CREATE INDEX adv_name ON `books`(`name`)")


def _prepared(name: str | None) -> Shown:
    """PREPARE gives a plan and a name, by which the statement runs."""
    if name is None:
        return Shown(holds=lambda rows: bool(rows[0]["name"]))
    return Shown([], {}, "EXECUTE one USING [4]", [4], holds=lambda rows: rows[0]["name"] == name)


def _kinds_inferred(rows: list[Any]) -> bool:
    properties = rows[0][0]["properties"]
    return set(properties) == {"kind", "words"} and properties["kind"]["#docs"] == 2


def _limited_in_the_index(rows: list[Any]) -> bool:
    scan = rows[0]["plan"]["~children"][0]
    wanted = ["IndexScan3", "Limit", "InitialProject"]
    return _operators(rows[0]) == wanted and "covers" in scan and scan["limit"] == "1"


CASES: Final[dict[str, Shown]] = {
    "EXPLAIN": Shown(holds=_limited_in_the_index),
    "EXPLAIN of a change": Shown(
        [], {}, "SELECT RAW COUNT(*) FROM books", [8],
        holds=lambda rows: _operators(rows[0])[-1] == "SendDelete",
    ),
    "ADVISE": Shown(holds=_advises),
    "ADVISE INDEX": Shown([], {}, "SELECT RAW COUNT(*) FROM books", [8], holds=_advises),
    "PREPARE name FROM": _prepared("one"),
    "PREPARE name AS": _prepared("one"),
    "PREPARE without a name": _prepared(None),
    "PREPARE FORCE": Shown([], {}, "EXECUTE taken", [2], holds=lambda rows: len(rows) == 1),
    "EXECUTE": Shown([1]),
    "EXECUTE ... USING [values]": Shown([4]),
    "EXECUTE ... USING {values}": Shown([7]),
    "INFER": Shown(holds=_kinds_inferred),
    "INFER COLLECTION, INFER KEYSPACE": Shown(holds=_kinds_inferred),
    "INFER ... WITH": Shown(holds=lambda rows: rows[0][0]["#docs"] == 3
                            and len(rows[0][0]["properties"]["n"]["samples"]) == 1),
    "INFER (subquery)": Shown(holds=lambda rows: set(rows[0][0]["properties"]) == {"n"}
                              and rows[0][0]["#docs"] == 2),
    **dict.fromkeys(
        (
            "UPDATE STATISTICS FOR keyspace(expression, ...)",
            "UPDATE STATISTICS ... INDEX (...)",
            "UPDATE STATISTICS ... INDEX ALL",
            "UPDATE STATISTICS FOR INDEX",
            "UPDATE STATISTICS ... DELETE",
            "UPDATE STATISTICS ... DELETE ALL",
            "ANALYZE keyspace(expression, ...)",
            "ANALYZE ... INDEX ALL",
            "ANALYZE INDEX",
            "ANALYZE ... DELETE STATISTICS",
        ),
        # The planner counts live entries: statistics change neither documents nor plans.
        Shown([], {}, "SELECT RAW COUNT(*) FROM books", [8]),
    ),
    "GRANT role TO user": Shown([], {}, ROLES.format("ann"), [{"role": "query_system_catalog"}]),
    "GRANT role ON keyspace TO user": Shown(
        [], {}, ROLES.format("ann"),
        [{"role": name, "bucket_name": "books"} for name in
         ("query_select", "query_select", "query_update", "query_update")],
    ),
    "GRANT ... TO GROUP": Shown([]),
    "REVOKE role FROM user": Shown([], {}, ROLES.format("bob"), []),
    "REVOKE role ON keyspace FROM user": Shown([]),
    "system:datastores": Shown(["local"]),
    "system:namespaces": Shown(["default"]),
    "system:buckets": Shown(["default:books", "default:kinds"]),
    "system:scopes": Shown(["default:books.made"]),
    "system:all_scopes": Shown(
        ["default:books._default", "default:books.made", "default:kinds._default"]
    ),
    "system:keyspaces": Shown(["default:books", "default:books.made.there", "default:kinds"]),
    "system:all_keyspaces": Shown(["#system:dual", "default:books.made.there"]),
    "system:keyspaces_info": Shown([8]),
    "system:indexes": Shown(
        [{"name": "by_kind", "index_key": ["`kind`"], "state": "online", "using": "gsi"}]
    ),
    "system:all_indexes": Shown(["by_words"]),
    "system:dual": Shown([{"v": 7}]),
    "system:nodes": Shown([True]),
    "system:functions": Shown(["thrice"]),
    "system:sequences": Shown([{"path": "default:counter", "increment": 1}]),
    "system:all_sequences": Shown(["default:counter"]),
    "system:prepareds": Shown(["PREPARE p FROM SELECT RAW 5"]),
    "DELETE FROM system:prepareds": Shown(
        [], {}, "SELECT RAW s.name FROM system:prepareds s WHERE s.name = 'p'", []
    ),
    "system:active_requests": Shown(["SELECT RAW s.statement FROM system:active_requests s"]),
    "DELETE FROM system:active_requests": Shown([]),
    "system:completed_requests": Shown([0]),
    "DELETE FROM system:completed_requests": Shown([]),
    "system:vitals": Shown([1]),
    "system:my_user_info": Shown([{"id": "user", "domain": "ns_server"}]),
    "system:user_info": Shown(["ann", "bob", "user"]),
    "system:applicable_roles": Shown(
        [{"grantee": "ann", "role": "ro_admin"}], before=("GRANT ro_admin TO ann",)
    ),
    "system:transactions": Shown(["READ COMMITED"], before=("BEGIN WORK",)),
    "system:dictionary": Shown([]),
    "system:dictionary_cache": Shown([]),
    "system:tasks_cache": Shown([]),
}  # fmt: skip


@pytest.mark.parametrize(
    "entry", entries(CHAPTERS[0], CHAPTERS[1], CHAPTERS[3]), ids=lambda entry: entry.form
)
async def test_forms(server: Server, entry: Entry) -> None:
    if entry.refused is not None:
        assert await server.codes(entry.example) == [entry.refused]
        return
    shown = CASES[entry.form]
    for statement in shown.before:
        await server(statement)
    rows = await server(entry.example)
    assert shown.holds(rows) if shown.holds is not None else same(rows, shown.rows), rows
    if shown.then:
        assert same(await server(shown.then), shown.gives)


async def test_a_role_that_is_there_already_is_a_warning(server: Server) -> None:
    assert await server.codes("GRANT ro_admin TO ann") == []
    assert await server.codes("GRANT ro_admin TO ann") == [5260]
    assert await server.codes("REVOKE ro_admin FROM ann") == []
    assert await server.codes("REVOKE ro_admin FROM ann") == [5270]


@pytest.mark.parametrize(
    ("place", "code"),
    [("books.none", 5241), ("books.made.none", 5240), ("none.made", 5242)],
)
async def test_roles_are_on_what_there_is(server: Server, place: str, code: int) -> None:
    assert await server.codes(f"GRANT query_select ON {place} TO ann") == [code]


async def test_a_role_counts_from_the_next_request(server: Server) -> None:
    for name in ("ann", "readers"):
        kind = "GROUP " if name == "readers" else ""
        await server(f"GRANT query_select ON books TO {kind}{name}")
    principal = server.users.principal("ann")
    assert principal.may_query("select", "books", "_default", "_default")
    assert not principal.may_query("select", "kinds", "_default", "_default")
    assert server.users.groups["readers"].roles == (Role("query_select", "books"),)


async def test_a_request_is_ended_by_deleting_it(server: Server) -> None:
    values = ", ".join(f"('x{n}', {n})" for n in range(1000))
    await server(f"UPSERT INTO kinds VALUES {values}")
    endless = "SELECT COUNT(*) FROM kinds a, kinds b WHERE a < b AND a + b < 0"
    running = asyncio.create_task(ask(server.service, endless))
    found: list[Any] = []
    while not found:
        found = await server(
            "DELETE FROM system:active_requests WHERE statement LIKE 'SELECT COUNT%'"
            " RETURNING RAW statement"
        )
        await asyncio.sleep(0)
    assert found == [endless]
    assert (await asyncio.wait_for(running, 5)).json["status"] == "stopped"


#: What each form does with the change of a document made before it in a transaction.
TRANSACTIONS: Final[dict[str, str]] = {
    "BEGIN TRANSACTION": "begin",
    "BEGIN WORK": "begin",
    "BEGIN TRAN": "begin",
    "START TRANSACTION": "begin",
    "ISOLATION LEVEL READ COMMITTED": "begin",
    "SET TRANSACTION ISOLATION LEVEL": "keep",
    "SAVEPOINT": "keep",
    "ROLLBACK TO SAVEPOINT": "keep",
    "COMMIT": "commit",
    "COMMIT WORK": "commit",
    "ROLLBACK": "undo",
}


@pytest.mark.parametrize("entry", entries("Transactions"), ids=lambda entry: entry.form)
async def test_transactions(server: Server, entry: Entry) -> None:
    count = "SELECT RAW COUNT(*) FROM kinds"
    effect = TRANSACTIONS.get(entry.form)
    start = entry.example if effect == "begin" else "BEGIN WORK"
    (begun,) = await server(start)
    txid = begun["txid"]
    await server("INSERT INTO kinds VALUES ('x', 1)", txid=txid)
    assert await server(count) == [2]
    if entry.refused is not None:
        assert await server.codes(entry.example, txid=txid) == [entry.refused]
        return
    await server("SAVEPOINT mark", txid=txid)
    await server("INSERT INTO kinds VALUES ('y', 1)", txid=txid)
    if effect != "begin":
        await server(entry.example, txid=txid)
    if effect in ("begin", "keep"):
        inside = 3 if entry.form == "ROLLBACK TO SAVEPOINT" else 4
        assert await server(count, txid=txid) == [inside]
        assert await server(count) == [2]
        await server("COMMIT", txid=txid)
        assert await server(count) == [inside]
    else:
        assert await server(count) == [4 if effect == "commit" else 2]
        assert await server.codes(count, txid=txid) == [17004]
