"""CREATE, DROP and BUILD of indexes; CREATE and DROP of scopes and collections."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
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
_INDEX_OPTIONS: Final = frozenset({"defer_build", "num_replica", "nodes"})


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
        found[str(name)] = value.value if isinstance(value, Literal) else None
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


async def _build_index(
    catalog: Catalog, statement: s.BuildIndex, context: tuple[str, str] | None
) -> None:
    name = _keyspace(catalog, statement.path, context)
    by_name = {index.name: index for index in catalog.indexes(name)}
    wanted = []
    for node in statement.names:
        value = node.value if isinstance(node, Literal) else None
        if type(value) is not str:
            raise errors.not_supported("BUILD INDEX with an expression for the names")
        if value not in by_name:
            raise errors.index_not_found(value)
        wanted.append(by_name[value])
    for index in wanted:
        if index.state == "deferred":
            building = msgspec.structs.replace(index, state="building")
            await catalog.keyspaces.save_index(building)
            catalog.keeper.build(building)


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
            await catalog.keyspaces.create_collection(bucket, scope, collection)
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
