"""CREATE, DROP and BUILD of indexes; CREATE and DROP of scopes and collections."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.administration import constant
from cloudlet.couchbase.sqlpp.keyspace import (
    AlreadyExistsError,
    IndexDefinition,
    KeyspaceName,
    UnknownKeyspaceError,
)
from cloudlet.couchbase.sqlpp.parser.definitions import PRIMARY_NAME
from cloudlet.couchbase.sqlpp.planner.catalog import Catalog
from cloudlet.couchbase.sqlpp.planner.index_keys import index_data, key_text
from cloudlet.couchbase.sqlpp.render import render
from cloudlet.couchbase.sqlpp.system import SYSTEM_BUCKET
from cloudlet.couchbase.sqlpp.tree import Expression, Literal, ObjectConstruct

# WITH options that mean something to a cluster of index nodes; one node has nothing to do.
_INDEX_OPTIONS: Final = frozenset(
    {"defer_build", "num_replica", "nodes", "num_partition", "secKeySize", "docKeySize", "arrSize",
     "numDoc", "residentRatio"}
)  # fmt: skip
# The longest life that a collection may give its documents: about 68 years.
_MOST_EXPIRY_S: Final = 0x7FFFFFFF


async def define(catalog: Catalog, statement: s.Ddl, context: tuple[str, str] | None) -> None:
    """Carry out one definition statement; durable when it returns."""
    if isinstance(statement, s.CreateIndex):
        await _create_index(catalog, statement, context)
    elif isinstance(statement, s.DropIndex):
        await _drop_index(catalog, statement, context)
    elif isinstance(statement, s.BuildIndex):
        await _build_index(catalog, statement, context)
    elif isinstance(statement, s.ChangeScope):
        await _change_scope(catalog, statement)
    elif isinstance(statement, s.ChangeCollection):
        await _change_collection(catalog, statement, context)
    elif isinstance(statement, s.FlushCollection):
        name = _keyspace(catalog, statement.path, context)
        raise errors.QueryError(
            16040, f"Keyspace does not support flush: {name.path()}", http=400, fatal=True
        )
    catalog.generation += 1


def _keyspace(catalog: Catalog, path: s.Path, context: tuple[str, str] | None) -> KeyspaceName:
    name = catalog.name(path, context)
    if name.bucket == SYSTEM_BUCKET:
        raise errors.QueryError(11004, "Not supported for system keyspaces", http=400, fatal=True)
    return name


def _options(node: Expression | None) -> dict[str, Any]:
    """The WITH object of CREATE INDEX; an unknown or odd option is refused."""
    found: dict[str, Any] = {}
    if node is None:
        return found
    if not isinstance(node, ObjectConstruct):
        raise errors.QueryError(5000, "WITH must be an object of index options.", http=400)
    for key, value in node.pairs:
        name = key.value if isinstance(key, Literal) else None
        if name not in _INDEX_OPTIONS:
            raise errors.QueryError(
                5000, f"GSI CreateIndex() - cause: Fails to create index. Invalid option {name}",
                http=400,
            )  # fmt: skip
        found[str(name)] = constant(value)
    for name, kind in (("defer_build", bool), ("num_replica", int), ("num_partition", int)):
        given = found.get(name, kind())
        if type(given) is not kind or given < 0:
            words = "a boolean value of (true or false)" if kind is bool else "an integer value"
            raise errors.QueryError(
                5000, "GSI CreateIndex() - cause: Fails to create index. Parameter "
                f"{name} must be {words}.", http=400,
            )  # fmt: skip
    replicas = found.get("num_replica", 0)
    if replicas > 0:
        raise errors.QueryError(
            5000, "GSI CreateIndex() - cause: Fails to create index. There are not enough indexer "
            f"nodes to create index with replica count of {replicas}.", http=400,
        )  # fmt: skip
    return found


async def _create_index(
    catalog: Catalog, statement: s.CreateIndex, context: tuple[str, str] | None
) -> None:
    name = _keyspace(catalog, statement.path, context)
    options = _options(statement.options)
    existing = catalog.indexes(name)
    if any(index.name == statement.name for index in existing):
        if statement.if_not_exists:
            return
        raise errors.index_exists(statement.name)
    deferred = options.get("defer_build") is True
    index = IndexDefinition(
        id=uuid.uuid4().hex[:16],
        name=statement.name,
        bucket=name.bucket,
        scope=name.scope,
        collection=name.collection,
        is_primary=statement.primary,
        keys=tuple(key_text(key) for key in statement.keys),
        condition=render(statement.where) if statement.where is not None else None,
        partition=tuple(map(render, statement.partition)),
        state="deferred" if deferred else "building",
    )
    if not statement.primary:
        index_data(index)  # refuses keys that cannot be indexed
    await catalog.keyspaces.save_index(index)
    if not deferred:
        # The build goes on if the client goes away, and after a restart.
        await asyncio.shield(catalog.keeper.build(index))


async def _drop_index(
    catalog: Catalog, statement: s.DropIndex, context: tuple[str, str] | None
) -> None:
    name = _keyspace(catalog, statement.path, context)
    found = [
        index
        for index in catalog.indexes(name)
        if index.name == statement.name and (index.is_primary or not statement.primary)
    ]
    if not found:
        if statement.if_exists:
            return
        if statement.primary and statement.name == PRIMARY_NAME:
            raise errors.primary_index_not_found()
        raise errors.index_not_found(statement.name)
    await catalog.keyspaces.drop_index(found[0].id)
    catalog.forget(found[0].id)


def named(statement: s.BuildIndex, found: list[Any]) -> s.BuildIndex:
    """BUILD INDEX with the names that its expressions gave; 5410 for what is no name."""
    names: list[str] = []

    def add(value: Any) -> None:
        if type(value) is list:
            for one in value:
                add(one)
        elif type(value) is str:
            names.append(value)
        else:
            raise errors.QueryError(5410, f"Invalid index name: {value}", http=400)

    add(found)
    return replace(statement, names=(*statement.names, *names), query=None)


async def _build_index(
    catalog: Catalog, statement: s.BuildIndex, context: tuple[str, str] | None
) -> None:
    name = _keyspace(catalog, statement.path, context)
    by_name = {index.name: index for index in catalog.indexes(name)}
    wanted = []
    for index_name in statement.names:
        if index_name not in by_name:
            raise errors.index_not_found(index_name)
        wanted.append(by_name[index_name])
    for index in wanted:
        if index.state == "deferred":
            building = msgspec.structs.replace(index, state="building")
            await catalog.keyspaces.save_index(building)
            catalog.keeper.build(building)


def _max_expiry_s(options: Expression | None) -> int:
    """The only option of CREATE COLLECTION: `maxTTL` in seconds; 12038, 12039."""
    given = constant(options) if options is not None else {}
    if type(given) is not dict or not set(given) <= {"maxTTL"}:
        raise errors.QueryError(12038, "Invalid option in CREATE COLLECTION", http=400)
    value = given.get("maxTTL", 0)
    if type(value) is not int or not -1 <= value <= _MOST_EXPIRY_S:
        raise errors.QueryError(12039, "Invalid value for option 'maxTTL'", http=400)
    return value


async def _change_scope(catalog: Catalog, statement: s.ChangeScope) -> None:
    parts = statement.path.parts
    if len(parts) != 2:
        raise errors.semantic(
            10207, f"Scope resolves to 'default:{'.'.join(parts)}' - only 3 parts are valid"
        )
    bucket, scope = parts
    try:
        if statement.create:
            await catalog.keyspaces.create_scope(bucket, scope)
        else:
            await catalog.keyspaces.drop_scope(bucket, scope)
    except AlreadyExistsError:
        if not statement.tolerant:
            raise errors.QueryError(
                12025, f"Error while creating scope {bucket}.{scope} - cause: "
                f"Scope with name \"{scope}\" already exists", http=409,
            ) from None  # fmt: skip
    except UnknownKeyspaceError as error:
        if error.kind == "bucket":
            raise errors.bucket_not_found(f"default:{bucket}", bucket) from None
        if not statement.tolerant:
            raise errors.scope_not_found(f"default:{bucket}.{scope}") from None


async def _change_collection(
    catalog: Catalog, statement: s.ChangeCollection, context: tuple[str, str] | None
) -> None:
    parts = statement.path.parts
    if len(parts) == 1 and context is not None:
        parts = (*context, *parts)
    if len(parts) != 3:
        raise errors.semantic(
            10204, f"Collection resolves to 'default:{'.'.join(parts)}' - only 4 parts are valid"
        )
    bucket, scope, collection = parts
    path = f"default:{bucket}.{scope}.{collection}"
    try:
        if statement.create:
            await catalog.keyspaces.create_collection(
                bucket, scope, collection, max_expiry_s=_max_expiry_s(statement.options)
            )
        else:
            await catalog.keyspaces.drop_collection(bucket, scope, collection)
    except AlreadyExistsError:
        if not statement.tolerant:
            raise errors.QueryError(
                12027, f"Error while creating collection {bucket}.{scope}.{collection} - cause: "
                f'Collection with name "{collection}" in scope "{scope}" already exists',
                http=409,
            ) from None  # fmt: skip
    except UnknownKeyspaceError as error:
        if error.kind == "bucket":
            raise errors.bucket_not_found(f"default:{bucket}", bucket) from None
        if error.kind == "scope":
            raise errors.scope_not_found(f"default:{bucket}.{scope}") from None
        if not statement.tolerant:
            raise errors.keyspace_not_found(path) from None
