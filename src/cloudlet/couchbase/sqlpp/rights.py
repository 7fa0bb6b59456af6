"""What a statement asks of the roles of its user, and the refusal of one who has not got them.

After Couchbase's "Authorization and SQL++": a right is an action on a keyspace. What is read by
a query or a subquery needs `select`, the target of a change its own action, and `select` too
where the change returns documents.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, Protocol

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.keyspace import KeyspaceName
from cloudlet.couchbase.sqlpp.parser.functions import names
from cloudlet.couchbase.sqlpp.planner.catalog import defined_name, full_name
from cloudlet.couchbase.sqlpp.system import SYSTEM_BUCKET

QueryAction = Literal[
    "select", "insert", "update", "delete", "manage_index", "manage_scopes",
    "manage_functions", "execute_functions", "manage_sequences", "use_sequences",
    "system_catalog", "external_access", "manage_users",
]  # fmt: skip

#: System keyspaces that everybody may read; the others need the role query_system_catalog.
_OPEN: Final = frozenset(
    {"datastores", "namespaces", "buckets", "scopes", "all_scopes", "keyspaces", "all_keyspaces",
     "keyspaces_info", "indexes", "all_indexes", "dual", "my_user_info"}
)  # fmt: skip


class Right(NamedTuple):
    """An action on what the names say; `*` stands for any or for the cluster as a whole."""

    action: QueryAction
    bucket: str = "*"
    scope: str = "*"
    collection: str = "*"


class Caller(Protocol):
    """Who a request comes from."""

    def may_query(
        self, action: QueryAction, bucket: str = "*", scope: str = "*", collection: str = "*"
    ) -> bool:
        """Whether the roles allow the action."""
        ...


def on_keyspace(action: QueryAction, name: KeyspaceName) -> Right | None:
    """The right of an action on a keyspace; None where everybody has it."""
    if name.bucket != SYSTEM_BUCKET:
        return Right(action, *name)
    if action == "select" and name.collection in _OPEN:
        return None
    return Right("system_catalog")


def on_defined(action: QueryAction, name: tuple[str, ...]) -> Right:
    """The right on a function or sequence of a scope, or on a global one."""
    return Right(action, name[0], name[1]) if len(name) == 3 else Right(action)


def of_definition(statement: object, context: tuple[str, str] | None) -> Right | None:
    """The right that a statement other than a query or a change of documents needs."""
    match statement:
        case s.CreateIndex() | s.DropIndex() | s.BuildIndex() | s.AlterIndex():
            return on_keyspace("manage_index", full_name(statement.path, context))
        case s.UpdateStatistics():
            return on_keyspace("manage_index", full_name(statement.path, context))
        case s.ChangeScope():
            return Right("manage_scopes", *statement.path.parts[:2])
        case s.ChangeCollection() | s.FlushCollection():
            name = full_name(statement.path, context)
            return Right("manage_scopes", name.bucket, name.scope)
        case s.CreateFunction() | s.DropFunction():
            return on_defined("manage_functions", defined_name(names(statement.path), context))
        case s.ExplainFunction():
            return on_defined("execute_functions", defined_name(names(statement.path), context))
        case s.ChangeSequence() | s.DropSequence():
            return on_defined("manage_sequences", defined_name(names(statement.path), context))
        case s.ChangeRoles():
            return Right("manage_users")
        case s.Infer(path=s.Path() as path):
            return on_keyspace("select", full_name(path, context))
    return None


#: What a user lacks, and the role that would give it (Couchbase's words).
_WORDS: Final[dict[QueryAction, tuple[str, str]]] = {
    "select": ("run SELECT queries on {}", "query_select on {}"),
    "insert": ("run INSERT queries on {}", "query_insert on {}"),
    "update": ("run UPDATE queries on {}", "query_update on {}"),
    "delete": ("run DELETE queries on {}", "query_delete on {}"),
    "manage_index": ("run index operations", "query_manage_index on {}"),
    "manage_scopes": ("manage scopes and collections", "scope_admin on {}"),
    "manage_functions": ("manage scope functions", "query_manage_functions on {}"),
    "execute_functions": ("execute scope functions", "query_execute_functions on {}"),
    "manage_sequences": ("manage sequences", "query_manage_sequences on {}"),
    "use_sequences": ("use sequences", "query_use_sequences on {}"),
    "system_catalog": ("run queries accessing the system tables", "query_system_catalog"),
    "external_access": ("run queries using the CURL() function", "query_external_access"),
    "manage_users": ("run queries updating user information", "admin"),
}
_GLOBAL: Final[dict[QueryAction, tuple[str, str]]] = {
    "manage_functions": ("manage global functions", "query_manage_global_functions"),
    "execute_functions": ("execute global functions", "query_execute_global_functions"),
}


def check(caller: Caller, rights: frozenset[Right]) -> None:
    """Raise 13014 for the first right that the caller has not got."""
    for right in sorted(rights):
        if not caller.may_query(*right):
            raise _refusal(right)


def _refusal(right: Right) -> errors.QueryError:
    words = _WORDS[right.action]
    if right.bucket == "*":
        words = _GLOBAL.get(right.action, words)
    parts = [part for part in right[1:] if part != "*"]
    if parts[1:] == ["_default", "_default"]:
        parts = parts[:1]
    target = "default:" + ".".join(parts)
    lacks, role = (text.format(target) for text in words)
    return errors.QueryError(
        13014,
        f"User does not have credentials to {lacks}."
        f" Add role {role} to allow the statement to run.",
        http=401,
        fatal=True,
    )
