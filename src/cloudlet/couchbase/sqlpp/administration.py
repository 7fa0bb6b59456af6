"""Statements that define functions and sequences, give roles, alter indexes, or keep statistics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.defined import Sequence, UserFunction, path_text
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.evaluation.constants import is_constant
from cloudlet.couchbase.sqlpp.keyspace import KeyspaceName
from cloudlet.couchbase.sqlpp.parser.functions import names
from cloudlet.couchbase.sqlpp.planner.catalog import Catalog, defined_name, full_name
from cloudlet.couchbase.sqlpp.tree import Expression
from cloudlet.couchbase.sqlpp.values import INT_MAX, INT_MIN

QueryContext = tuple[str, str] | None


class RoleChange(msgspec.Struct, frozen=True):
    """GRANT or REVOKE, checked: role ids on keyspaces (or none) for users or groups."""

    grant: bool
    roles: tuple[str, ...]
    keyspaces: tuple[KeyspaceName, ...]
    users: tuple[str, ...]
    groups: tuple[str, ...]


#: Carries out a GRANT or REVOKE and gives its warnings; raises QueryError where a role, user or
#: group is unknown.
ChangeRoles = Callable[[RoleChange], Awaitable[list[errors.QueryError]]]


async def administer(
    catalog: Catalog, statement: s.Ddl, context: QueryContext, change_roles: ChangeRoles | None
) -> list[errors.QueryError]:
    """Carry out one such statement, durable when it returns; its warnings."""
    if isinstance(statement, s.ChangeRoles):
        if change_roles is None:
            raise errors.not_supported("GRANT and REVOKE")
        keyspaces = tuple(_granted(catalog, path, context) for path in statement.keyspaces)
        return await change_roles(
            RoleChange(
                statement.grant, statement.roles, keyspaces, statement.users, statement.groups
            )
        )
    if isinstance(statement, s.UpdateStatistics):
        _statistics(catalog, statement, context)
    elif isinstance(statement, s.AlterIndex):
        _alter_index(catalog, statement, context)
    else:
        await _defined(catalog, statement, context)
        catalog.generation += 1
    return []


async def _defined(catalog: Catalog, statement: s.Ddl, context: QueryContext) -> None:
    if isinstance(statement, s.CreateFunction):
        function = UserFunction(
            defined_name(names(statement.path), context), statement.parameters, statement.text
        )
        await catalog.functions.create(
            function, replace=statement.replace, tolerant=statement.tolerant
        )
    elif isinstance(statement, s.DropFunction):
        name = defined_name(names(statement.path), context)
        await catalog.functions.drop(name, tolerant=statement.tolerant)
    elif isinstance(statement, s.ChangeSequence):
        await _change_sequence(catalog, statement, context)
    elif isinstance(statement, s.DropSequence):
        name = defined_name(names(statement.path), context)
        if not (statement.tolerant and not catalog.sequences.exists(name)):
            catalog.sequences.find(name)
            await catalog.sequences.drop(name)


def _granted(catalog: Catalog, path: s.Path, context: QueryContext) -> KeyspaceName:
    """The keyspace of an ON; a bucket or scope alone stands for all that is in it.

    5240, 5241 or 5242 where there is no such collection, scope or bucket.
    """
    if path.namespace in (None, "default") and len(path.parts) == 2:
        name = KeyspaceName(path.parts[0], path.parts[1], "*")
    else:
        name = full_name(path, context)
        if len(path.parts) == 1 and (context is None or path.namespace is not None):
            name = KeyspaceName(name.bucket, "*", "*")
    keyspaces = catalog.keyspaces
    if name.bucket not in keyspaces.buckets():
        raise errors.QueryError(5242, f"Bucket {name.bucket} is not valid.", http=404)
    if name.scope != "*" and name.scope not in keyspaces.scopes(name.bucket):
        raise errors.QueryError(5241, f"Scope {name.bucket}.{name.scope} is not valid.", http=404)
    if name.collection != "*" and name.collection not in keyspaces.collections(*name[:2]):
        raise errors.QueryError(5240, f"Keyspace {name.path()} is not valid.", http=404)
    return name


def constant(node: Expression) -> Any:
    """The value of an options expression; 5010 where it needs a document or a parameter."""
    if not is_constant(node):
        raise errors.evaluation("options", "the value must be constant")
    return compile_expression(node)([None])


def _statistics(catalog: Catalog, statement: s.UpdateStatistics, context: QueryContext) -> None:
    """The planner counts live entries, so there is nothing to gather: names are checked."""
    name = catalog.name(statement.path, context)
    if statement.index is not None and all(
        index.name != statement.index for index in catalog.indexes(name)
    ):
        raise errors.index_not_found(statement.index)


def _alter_index(catalog: Catalog, statement: s.AlterIndex, context: QueryContext) -> None:
    """There is one index node: replicas and other places are refused as a cluster of one does."""
    name = catalog.name(statement.path, context)
    if all(index.name != statement.name for index in catalog.indexes(name)):
        raise errors.index_not_found(statement.name)
    options = constant(statement.options)
    action = options.get("action") if type(options) is dict else None
    if action == "replica_count" and options.get("num_replica") == 0:
        return
    reasons = {
        "replica_count": "not enough indexer nodes to create the replicas",
        "move": "there is no other index node",
        "drop_replica": "the index has no such replica",
    }
    reason = reasons.get(str(action), f"invalid action {action}")
    raise errors.QueryError(5000, f"GSI AlterIndex() - cause: {reason}", http=400)


_FIELDS: Final = {
    "START": "start", "INCREMENT": "increment", "MAXVALUE": "maximum", "MINVALUE": "minimum",
    "CACHE": "cache", "CYCLE": "cycle",
    "start": "start", "increment": "increment", "max": "maximum", "min": "minimum",
    "cache": "cache", "cycle": "cycle", "restart": "restart",
}  # fmt: skip
_ABSENT: Final = {"maximum": INT_MAX, "minimum": INT_MIN, "cache": 1}


async def _change_sequence(
    catalog: Catalog, statement: s.ChangeSequence, context: QueryContext
) -> None:
    sequences = catalog.sequences
    name = defined_name(names(statement.path), context)
    if statement.create:
        if sequences.exists(name):
            if statement.tolerant:
                return
            raise errors.QueryError(19108, f"Sequence '{path_text(name)}' already exists", http=409)
        old = Sequence(name)
    else:
        old = sequences.find(name)
    given = _sequence_options(statement)
    restart = given.pop("restart", None)
    new = msgspec.structs.replace(old, **given)
    if statement.create or "restart" in _written(statement):
        start = restart if restart is not None else new.start
        new = msgspec.structs.replace(new, reserved=start, last=None)
    elif new.last is not None and not new.holds(new.reserved):
        new = msgspec.structs.replace(new, reserved=new.after(new.last))
    if new.cache < 1:
        raise errors.QueryError(
            19105, f"Invalid cache value for sequence '{path_text(name)}'", http=400
        )
    if (
        new.increment == 0
        or new.minimum > new.maximum
        or not (new.minimum <= new.start <= new.maximum)
    ):
        raise errors.QueryError(19104, f"Invalid range for sequence '{path_text(name)}'", http=400)
    await sequences.save(new)


def _written(statement: s.ChangeSequence) -> set[str]:
    found = {name.lower() for name, _ in statement.options}
    for name, value in statement.options:
        if name == "WITH" and isinstance(value, Expression):
            found |= set(constant(value))
    return found


def _sequence_options(statement: s.ChangeSequence) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in statement.options:
        if name == "WITH":
            assert isinstance(value, Expression)
            options = constant(value)
            if type(options) is not dict or not set(options) <= set(_FIELDS):
                raise errors.QueryError(12038, "Invalid option in sequence options", http=400)
            found.update((_FIELDS[key], item) for key, item in options.items())
        elif name == "RESTART":
            found["restart"] = None if value is None else constant(value)  # type: ignore[arg-type]
        elif isinstance(value, Expression):
            found[_FIELDS[name]] = constant(value)
        else:
            field = _FIELDS[name]
            found[field] = value if value is not None else _ABSENT[field]
    for field, value in found.items():
        wanted = bool if field == "cycle" else int
        if type(value) is not wanted and not (field == "restart" and value is None):
            raise errors.QueryError(12039, f"Invalid type for sequence option {field}", http=400)
    return found
