"""Which keyspaces and indexes there are, and what a written name means in a query context."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.defined import Sequences, UserFunctions
from cloudlet.couchbase.sqlpp.indexes import IndexData
from cloudlet.couchbase.sqlpp.indexes.building import IndexKeeper
from cloudlet.couchbase.sqlpp.keyspace import (
    IndexDefinition,
    Keyspace,
    KeyspaceName,
    Keyspaces,
    UnknownKeyspaceError,
)
from cloudlet.couchbase.sqlpp.render import quoted
from cloudlet.couchbase.sqlpp.statements import Path
from cloudlet.couchbase.sqlpp.system import SYSTEM_BUCKET, SystemKeyspaces

_DEFAULT: Final = "_default"
_CONTEXT: Final = re.compile(
    r"\s*(?:default)?:?\s*(?:`(?P<qb>[^`]+)`|(?P<b>[^`.:]+))\s*\.\s*(?:`(?P<qs>[^`]+)`|(?P<s>[^`.]+))\s*"
)


def query_context(text: str) -> tuple[str, str] | None:
    """The bucket and scope of a `query_context` parameter; None for an empty one; 10201."""
    if not text.strip() or text.strip() in ("default:", "default"):
        return None
    found = _CONTEXT.fullmatch(text)
    if found is None:
        raise errors.QueryError(
            10201, f"Invalid query context specified: {text}", http=400, fatal=True
        )
    return found["qb"] or found["b"], found["qs"] or found["s"]


class Catalog:
    """Keyspaces by name, the system's own among them, and their index definitions."""

    def __init__(self, keyspaces: Keyspaces, system: SystemKeyspaces) -> None:
        self.keyspaces = keyspaces
        self.system = system
        self.functions = UserFunctions(keyspaces)
        self.sequences = Sequences(keyspaces)
        system.add("functions", self.functions.documents)
        system.add("sequences", self.sequences.documents)
        system.add("all_sequences", self.sequences.documents)
        self._data: dict[str, IndexData] = {}
        self.keeper = IndexKeeper(self, keyspaces.index_entries())
        system.index_state = self.keeper.state
        self.generation = 0  # grows with every change of definitions: cached plans are old then

    def keyspace(self, name: KeyspaceName, user: str = "") -> Keyspace:
        """The keyspace as the user sees it; UnknownKeyspaceError where there is none."""
        if name.bucket == SYSTEM_BUCKET:
            return self.system.keyspace(name.collection, user)
        return self.keyspaces.resolve(*name)

    def indexes(self, name: KeyspaceName) -> list[IndexDefinition]:
        """The definitions of the keyspace's indexes."""
        return [
            index
            for index in self.keyspaces.index_definitions()
            if (index.bucket, index.scope, index.collection) == name
        ]

    def index_data(self, index: IndexDefinition) -> IndexData:
        """The entries of an index; made empty when first asked for (`catch_up` fills them)."""
        from cloudlet.couchbase.sqlpp.planner.index_keys import index_data

        found = self._data.get(index.id)
        if found is None:
            found = self._data[index.id] = index_data(index)
            found.saved = self.keyspaces.index_entries()
        return found

    def loaded_data(self, index: IndexDefinition) -> IndexData | None:
        """The entries of an index, where they were asked for before."""
        return self._data.get(index.id)

    def forget(self, index_id: str) -> None:
        """Free a dropped index's entries."""
        self._data.pop(index_id, None)

    def primary_index(self, name: KeyspaceName) -> IndexDefinition | None:
        """An online primary index of the keyspace."""
        return next((i for i in self.indexes(name) if i.is_primary and i.state == "online"), None)

    def ddl(self, wanted: Callable[[str], bool] | None, flags: int) -> Iterator[str]:
        """The statements that make what there is in the buckets: 2 scopes, 4 collections,
        8 indexes, 16 sequences."""
        for bucket in sorted(self.keyspaces.buckets()):
            if wanted is not None and not wanted(bucket):
                continue
            for scope in sorted(self.keyspaces.scopes(bucket)):
                path = f"{quoted(bucket)}.{quoted(scope)}"
                if flags & 2 and not scope.startswith("_"):
                    yield f"CREATE SCOPE {path};"
                for collection in sorted(self.keyspaces.collections(bucket, scope)):
                    if flags & 4 and not collection.startswith("_"):
                        yield f"CREATE COLLECTION {path}.{quoted(collection)};"
                    if flags & 8:
                        name = KeyspaceName(bucket, scope, collection)
                        yield from map(_index_statement, self.indexes(name))
            for sequence in self.sequences.names():
                if flags & 16 and len(sequence) == 3 and sequence[0] == bucket:
                    yield f"CREATE SEQUENCE {'.'.join(map(quoted, sequence))};"

    def name(self, path: Path, context: tuple[str, str] | None) -> KeyspaceName:
        """What a written keyspace means; 12003, 12021 or 10205 where it means nothing."""
        name = full_name(path, context)
        try:
            self.keyspace(name)
        except UnknownKeyspaceError as error:
            raise _unknown(error, path, name) from None
        return name


def _index_statement(index: IndexDefinition) -> str:
    parts = (index.bucket, index.scope, index.collection)
    keyspace = ".".join(map(quoted, parts if parts[1:] != (_DEFAULT, _DEFAULT) else parts[:1]))
    partition = f" PARTITION BY HASH({', '.join(index.partition)})" if index.partition else ""
    if index.is_primary:
        return f"CREATE PRIMARY INDEX {quoted(index.name)} ON {keyspace}{partition};"
    condition = f" WHERE {index.condition}" if index.condition is not None else ""
    keys = ",".join(index.keys)
    return f"CREATE INDEX {quoted(index.name)} ON {keyspace}({keys}){partition}{condition};"


def defined_name(parts: tuple[str, ...], context: tuple[str, str] | None) -> tuple[str, ...]:
    """The full name of a function or sequence: (name,) or (bucket, scope, name); else 10105.

    `parts` begin with the namespace, as `default:`, where it is written.
    """
    written = parts[0].endswith(":") if parts else False
    names = parts[1:] if written else parts
    if len(names) == 1:
        return names if written or context is None else (*context, *names)
    if len(names) == 2 and context is not None and not written:
        return (context[0], *names)
    if len(names) == 3:
        return names
    raise errors.semantic(
        10105, f"Invalid function name '{'.'.join(names)}': only 2 or 4 parts are valid"
    )


def full_name(path: Path, context: tuple[str, str] | None) -> KeyspaceName:
    """The full name of a written keyspace, whether it exists or not."""
    namespace = (path.namespace or "default").lower()
    if namespace in ("system", "#system"):
        return KeyspaceName(SYSTEM_BUCKET, _DEFAULT, ".".join(path.parts).lower())
    if namespace != "default":
        raise errors.QueryError(
            12002,
            f"Namespace not found in CB datastore: {namespace}",
            http=404,
            fatal=True,
        )
    parts = path.parts
    if len(parts) == 1 and context is not None and path.namespace is None:
        return KeyspaceName(context[0], context[1], parts[0])
    if len(parts) == 1:
        return KeyspaceName(parts[0], _DEFAULT, _DEFAULT)
    if len(parts) == 3:
        return KeyspaceName(*parts)
    raise errors.semantic(
        10205,
        f"Keyspace resolves to 'default:{'.'.join(parts)}' - only 2 or 4 parts are valid",
    )


def _unknown(error: UnknownKeyspaceError, path: Path, name: KeyspaceName) -> errors.QueryError:
    if name.bucket == SYSTEM_BUCKET:
        return errors.QueryError(
            11002,
            f"Keyspace not found in system namespace: {name.collection}",
            http=404,
            fatal=True,
        )
    written = (
        name.path() if len(path.parts) == 3 or not name.is_default() else (f"default:{name.bucket}")
    )
    if error.kind == "bucket":
        return errors.bucket_not_found(written, name.bucket)
    if error.kind == "scope":
        return errors.scope_not_found(f"default:{name.bucket}.{name.scope}")
    return errors.keyspace_not_found(written)
