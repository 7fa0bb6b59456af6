from __future__ import annotations

import pytest

from cloudlet.couchbase.cluster.users import Principal, Role
from cloudlet.couchbase.sqlpp.rights import QueryAction


@pytest.mark.parametrize(
    ("role", "action", "keyspace", "allowed"),
    [
        (Role("admin"), "select", ("b", "s", "c"), True),
        (Role("admin"), "external_access", (), True),
        (Role("data_reader", "b"), "select", ("b", "s", "c"), False),
        (Role("query_select", "b", "s", "c"), "select", ("b", "s", "c"), True),
        (Role("query_select", "b", "s", "c"), "select", ("b", "s", "d"), False),
        (Role("query_select", "b", "s", "c"), "delete", ("b", "s", "c"), False),
        (Role("query_select", "*"), "select", ("b", "s", "c"), True),
        (Role("bucket_full_access", "b"), "manage_index", ("b", "s", "c"), True),
        (Role("bucket_full_access", "b"), "update", ("other", "s", "c"), False),
        (Role("query_select", "b"), "system_catalog", (), False),
        (Role("query_system_catalog"), "system_catalog", (), True),
    ],
)
def test_what_statements_may_do(
    role: Role, action: QueryAction, keyspace: tuple[str, ...], allowed: bool
) -> None:
    assert Principal("someone", (role,)).may_query(action, *keyspace) is allowed
