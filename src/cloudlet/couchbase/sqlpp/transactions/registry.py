"""The open transactions, and statements that run in them (error codes 17000 to 17099)."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.activity import NODE
from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.durations import format_duration
from cloudlet.couchbase.sqlpp.engine import Compiled, Engine
from cloudlet.couchbase.sqlpp.keyspace import (
    CasMismatchError,
    KeyExistsError,
    KeyNotFoundError,
    Keyspace,
    KeyspaceName,
    UnknownKeyspaceError,
)
from cloudlet.couchbase.sqlpp.planner.catalog import full_name
from cloudlet.couchbase.sqlpp.request import Request
from cloudlet.couchbase.sqlpp.rights import QueryAction, Right, on_keyspace
from cloudlet.couchbase.sqlpp.transactions.staging import (
    Stage,
    Staged,
    StagedKeyspace,
    StagedMeta,
    staged_changes,
)
from cloudlet.couchbase.sqlpp.values import MISSING

#: A transaction's life where `txtimeout` says nothing, in seconds.
DEFAULT_TIMEOUT_S: Final = 15.0
_MOST: Final = 1000

#: What the SDKs execute for key-value operations of a transaction in query mode.
KEY_VALUE: Final = frozenset({"__get", "__insert", "__update", "__delete"})
_ALLOWED: Final = (s.Query, s.Insert, s.Update, s.Delete, s.Merge, s.Prepare, s.Execute, s.Explain)


def failed(
    code: int, message: str, *, retry: bool = False, rollback: bool = True, raises: str = "failed"
) -> errors.QueryError:
    """An error with what the SDKs ask of it: to try again, to roll back, what to raise."""
    cause = {"cause": {"code": code, "message": message}, "raise": raises, "retry": retry,
             "rollback": rollback}  # fmt: skip
    return errors.QueryError(code, message, http=200, cause=cause)


class Transaction:
    """One open transaction."""

    def __init__(self, identity: str, user: str, timeout_s: float) -> None:
        self.identity = identity
        self.user = user
        self.deadline = time.monotonic() + timeout_s
        self.stage: Stage = {}
        self.savepoints: list[tuple[str, Stage]] = []
        self.busy = False
        self.timeout_s = timeout_s
        self.expires = datetime.now(UTC) + timedelta(seconds=timeout_s)
        self.uses = 0
        #: The last value that each sequence gave to this transaction.
        self.sequences: dict[tuple[str, ...], int] = {}

    def document(self) -> dict[str, Any]:
        """The transaction's entry in system:transactions."""
        return {
            "expiryTime": self.expires.isoformat(timespec="milliseconds"),
            "id": self.identity,
            "isolationLevel": "READ COMMITED",  # the server's own spelling
            "node": NODE,
            "status": 0,
            "timeout": format_duration(self.timeout_s),
            "uses": self.uses,
        }

    def keyspace(self, name: KeyspaceName, base: Keyspace) -> Keyspace:
        """The collection with the transaction's changes over it."""
        return StagedKeyspace(base, self.stage.setdefault(name, {}))

    def copy(self) -> Stage:
        """The changes as they are now."""
        return {name: dict(documents) for name, documents in self.stage.items()}

    @property
    def changed(self) -> bool:
        """Whether there are changes."""
        return any(self.stage.values())


class Transactions:
    """All open transactions of the server, in memory: a restart rolls them back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: dict[str, Transaction] = {}

    def documents(self) -> Iterator[tuple[str, Any]]:
        """system:transactions."""
        for transaction in list(self._open.values()):
            yield transaction.identity, transaction.document()

    async def run(
        self, compiled: Compiled, request: Request, context: Context
    ) -> AsyncIterator[list[Any]]:
        """A statement's results, in the transaction that the request names, if it names one."""
        tree = compiled.tree
        if isinstance(tree, s.TransactionControl) and tree.kind == "begin":
            yield [self._begin(request)]
            return
        if request.txid is None and not request.tximplicit:
            if isinstance(tree, s.Execute):
                raise failed(17004, "Transaction context error: there is no transaction")
            if isinstance(tree, s.TransactionControl):
                raise failed(17005, f"Transaction statement is out of order (none, {tree.kind})")
            async for batch in self._engine.run(compiled, context):
                yield batch
            return
        transaction = self._find(request)
        if transaction.busy:
            raise failed(17013, "Parallel execution of statements are not allowed within the "
                                "transaction")  # fmt: skip
        transaction.busy = True
        transaction.uses += 1
        try:
            async for batch in self._within(transaction, compiled, request, context):
                yield batch
        finally:
            transaction.busy = False

    def _find(self, request: Request) -> Transaction:
        now = time.monotonic()
        if request.txid is None:
            timeout = request.txtimeout_s or DEFAULT_TIMEOUT_S
            return Transaction(str(uuid.uuid4()), request.user, timeout)
        found = self._open.get(request.txid)
        if found is None or found.user != request.user:
            raise failed(17004, f"Transaction context error: Transaction context ({request.txid}) "
                                "is not found")  # fmt: skip
        if found.deadline < now:
            del self._open[request.txid]
            raise failed(17010, "Transaction timeout", rollback=False, raises="expired")
        return found

    def _begin(self, request: Request) -> dict[str, Any]:
        if request.txid is not None:
            raise failed(17005, "Transaction statement is out of order (begin, begin)")
        now = time.monotonic()
        for old in [one for one in self._open.values() if one.deadline < now and not one.busy]:
            del self._open[old.identity]
        if len(self._open) >= _MOST:
            raise failed(17021, "Transaction queue is full", rollback=False)
        data = request.txdata or {}
        given = data.get("id", {}).get("atmpt") if type(data.get("id")) is dict else None
        identity = given if type(given) is str and given not in self._open else str(uuid.uuid4())
        timeout = request.txtimeout_s or DEFAULT_TIMEOUT_S
        transaction = Transaction(identity, request.user, timeout)
        self._adopt(transaction, data.get("mutations"))
        self._open[identity] = transaction
        return {"nodeUUID": "", "txid": identity}

    def _adopt(self, transaction: Transaction, mutations: Any) -> None:
        """Take over what the client's transaction staged by key-value operations before."""
        for one in mutations if type(mutations) is list else ():
            try:
                name = KeyspaceName(str(one["bkt"]), str(one["scp"]), str(one["coll"]))
                key, cas = str(one["id"]), int(one["cas"])
                content = self._engine.catalog.keyspaces.staged_content(name, key, cas)
            except (KeyError, TypeError, ValueError, UnknownKeyspaceError, CasMismatchError):
                raise failed(17006, "Start Transaction statement error", retry=True) from None
            value = MISSING if one.get("type") == "REMOVE" else content
            meta = StagedMeta(key, time.time_ns())
            transaction.stage.setdefault(name, {})[key] = Staged(value, meta, cas, True)

    async def _within(
        self, transaction: Transaction, compiled: Compiled, request: Request, context: Context
    ) -> AsyncIterator[list[Any]]:
        tree = compiled.tree
        if isinstance(tree, s.TransactionControl):
            await self._control(transaction, tree)
            return
        if isinstance(tree, s.Execute) and tree.name in KEY_VALUE:
            yield [await self._key_value(transaction, tree.name, request, context)]
            return
        if not isinstance(tree, _ALLOWED):
            raise failed(17002, f"{compiled.kind()} statement is not supported within the "
                                "transaction")  # fmt: skip
        if transaction.changed:
            # The indexes know committed documents only.
            compiled = self._engine.compile_tree(
                tree, compiled.text, compiled.query_context, indexes=False
            )
        context.transaction = transaction
        before = transaction.copy()
        try:
            async for batch in self._engine.run(compiled, context):
                yield batch
        except BaseException:
            transaction.stage = before
            raise
        if context.errors:
            transaction.stage = before
        elif request.txid is None:
            await self._commit(transaction)

    async def _control(self, transaction: Transaction, tree: s.TransactionControl) -> None:
        if tree.kind == "commit":
            self._open.pop(transaction.identity, None)
            await self._commit(transaction)
        elif tree.kind == "savepoint":
            transaction.savepoints.append((tree.savepoint, transaction.copy()))
        elif tree.kind == "rollback" and tree.savepoint:
            places = [at for at, (name, _) in enumerate(transaction.savepoints)
                      if name == tree.savepoint]  # fmt: skip
            if not places:
                raise failed(17009, f"{tree.savepoint} savepoint is not defined")
            del transaction.savepoints[places[-1] + 1 :]
            kept = transaction.savepoints[places[-1]][1]
            transaction.stage = {name: dict(documents) for name, documents in kept.items()}
        elif tree.kind == "rollback":
            self._open.pop(transaction.identity, None)
            adopted = [one for one in staged_changes(transaction.stage) if one.adopted]
            await self._engine.catalog.keyspaces.unstage(adopted)

    async def _commit(self, transaction: Transaction) -> None:
        if transaction.deadline < time.monotonic():
            raise failed(17010, "Transaction timeout", rollback=False, raises="expired")
        try:
            await self._engine.catalog.keyspaces.commit(staged_changes(transaction.stage))
        except (CasMismatchError, KeyExistsError, KeyNotFoundError) as error:
            raise failed(
                17007, f"Commit Transaction statement error: write-write conflict on {error}",
                retry=True,
            ) from None  # fmt: skip
        except UnknownKeyspaceError as error:
            raise failed(17007, f"Commit Transaction statement error: {error.path}") from None

    async def _key_value(
        self, transaction: Transaction, name: str, request: Request, context: Context
    ) -> dict[str, Any]:
        """`EXECUTE __get` and its kin: a document's row as the SDKs read it."""
        values = request.positional
        if len(values) < 2 or type(values[0]) is not str or type(values[1]) is not str:
            raise failed(5003, f"Execution parameter error: wrong arguments to {name}")
        context.transaction = transaction
        keyspace = context.resolve(_keyspace_name(values[0]))
        key = values[1]
        entry = keyspace.get(key)
        if name == "__insert":
            if entry is not None:
                raise failed(17012, f"Duplicate Key: {key}")
            await keyspace.insert(key, values[2] if len(values) > 2 else None)
        elif entry is None:
            raise failed(17014, f"Key not found: {key}")
        elif name != "__get":
            scas = (request.txdata or {}).get("scas")
            if scas not in (None, "0", str(entry[1].cas)):
                raise failed(17015, f"{name} CAS mismatch for {key}", retry=True)
            if name == "__delete":
                await keyspace.delete(key, cas=0)
                return {}
            value = values[2] if len(values) > 2 else None
            await keyspace.replace(key, value, cas=0, expiration=None)
        found = keyspace.get(key)
        assert found is not None
        return {"doc": found[0], "scas": str(found[1].cas), "txnMeta": {}}


def key_value_right(name: str, values: Sequence[Any]) -> Right | None:
    """The right that a key-value operation of a transaction needs."""
    if not values or type(values[0]) is not str:
        return None
    actions: dict[str, QueryAction] = {
        "__get": "select", "__insert": "insert", "__update": "update", "__delete": "delete",
    }  # fmt: skip
    return on_keyspace(actions[name], _keyspace_name(values[0]))


def _keyspace_name(text: str) -> KeyspaceName:
    namespace, _, path = text.rpartition(":")
    parts = tuple(part.strip("`") for part in path.split("`.`"))
    if len(parts) not in (1, 3):
        parts = tuple(path.split("."))
    return full_name(s.Path(parts, namespace or None), None)
