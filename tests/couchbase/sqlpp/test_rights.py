"""Which roles a statement needs, and what one is told who has not got them."""

from __future__ import annotations

import pytest
from tests.couchbase.sqlpp.memory import MemoryKeyspaces
from tests.couchbase.sqlpp.session import Session
from tests.couchbase.sqlpp.test_service import ask

from cloudlet.couchbase.cluster.users import Principal, Role
from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.rights import check
from cloudlet.couchbase.sqlpp.service import QueryService

MERGE = (
    "MERGE INTO b USING other o ON KEY o.k WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT o"
)


@pytest.fixture
async def session() -> Session:
    session = Session(MemoryKeyspaces(b={"k": {"n": 1}}, other={}))
    await session("CREATE FUNCTION f(x) { (SELECT RAW o.n FROM other o WHERE o.n = x) }")
    return session


@pytest.mark.parametrize(
    ("statement", "needed"),
    [
        ("SELECT 1", set()),
        ("SELECT * FROM b", {"select b"}),
        ("SELECT * FROM b JOIN other o ON b.n = o.n", {"select b", "select other"}),
        ("SELECT (SELECT RAW 1 FROM other) FROM b", {"select b", "select other"}),
        ("WITH b AS ([1]) SELECT * FROM b", set()),
        ("SELECT f(1)", {"execute_functions *", "select other"}),
        ("INSERT INTO b VALUES ('x', 1)", {"insert b"}),
        ("UPSERT INTO b VALUES ('x', 1)", {"insert b", "update b"}),
        ("INSERT INTO b (KEY k) SELECT o.n AS k FROM other o", {"insert b", "select other"}),
        ("UPDATE b SET n = 2 WHERE n = 1", {"update b"}),
        ("UPDATE b SET n = 2 RETURNING n", {"update b", "select b"}),
        ("DELETE FROM b AS d WHERE d.n IN (SELECT RAW n FROM b)", {"delete b", "select b"}),
        (MERGE, {"delete b", "insert b", "select other"}),
        ("EXPLAIN SELECT * FROM b", {"select b"}),
        ("PREPARE p AS DELETE FROM b", {"delete b"}),
        ("CREATE INDEX i ON b(n)", {"manage_index b"}),
        ("INFER b", {"select b"}),
        ("CREATE SCOPE b.s", {"manage_scopes b"}),
        ("GRANT admin TO ann", {"manage_users *"}),
        ("SELECT * FROM system:keyspaces", set()),
        ("SELECT * FROM system:functions", {"system_catalog *"}),
    ],
)
async def test_what_a_statement_needs(session: Session, statement: str, needed: set[str]) -> None:
    compiled = await session.engine.compile(statement, None)
    rights = session.engine.rights(compiled)
    assert {f"{right.action} {right.bucket}" for right in rights} == needed


@pytest.mark.parametrize(
    ("roles", "statement", "refused"),
    [
        (("query_select",), "SELECT * FROM b", None),
        (("query_select",), "SELECT * FROM other", "SELECT queries on default:other. Add role q"),
        (("query_select",), "DELETE FROM b", "DELETE queries on default:b"),
        (("query_delete",), "DELETE FROM b RETURNING n", "SELECT queries on default:b"),
        (("bucket_full_access",), "CREATE INDEX i ON b(n)", None),
        (("query_select",), "CREATE INDEX i ON b(n)", "Add role query_manage_index on default:b"),
        (("query_select",), "SELECT * FROM system:functions", "the system tables"),
        (("bucket_full_access",), "REVOKE admin FROM ann", "Add role admin"),
    ],
)  # fmt: skip
async def test_who_may_run_it(
    session: Session, roles: tuple[str, ...], statement: str, refused: str | None
) -> None:
    caller = Principal("ann", tuple(Role(name, "b") for name in roles))
    rights = session.engine.rights(await session.engine.compile(statement, None))
    if refused is None:
        check(caller, rights)
        return
    with pytest.raises(QueryError, match=refused) as found:
        check(caller, rights)
    assert (found.value.code, found.value.http) == (13014, 401)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT EVALUATE('SELECT * FROM b')", None),
        ("SELECT EVALUATE('SELECT * FROM other')", 13014),
        ("SELECT EVALUATE('EXPLAIN SELECT * FROM other')", 13014),
        ("SELECT EXTRACTDDL('')", 13014),
        ("SELECT ADVISOR('SELECT 1')", 13014),
    ],
)
async def test_functions_of_statements_have_no_more_rights(
    statement: str, code: int | None
) -> None:
    reader = Principal("reader", (Role("query_select", "b"),))
    service = QueryService(
        MemoryKeyspaces(b={"k": {"n": 1}}, other={}), authenticate=lambda _name, _word: reader
    )
    await service.start()
    answer = (await ask(service, statement)).json
    await service.close()
    assert (answer["errors"][0]["code"] if "errors" in answer else None) == code
