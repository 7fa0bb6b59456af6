"""From a statement's text to something that runs: compiled statements, prepared ones, EXPLAIN."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.administration import ChangeRoles, administer, constant
from cloudlet.couchbase.sqlpp.advising import advised
from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.defined import path_text
from cloudlet.couchbase.sqlpp.definitions import define, named
from cloudlet.couchbase.sqlpp.inferring import documents_of, inferred
from cloudlet.couchbase.sqlpp.operators.changes import ChangePlan
from cloudlet.couchbase.sqlpp.operators.operator import QueryPlan
from cloudlet.couchbase.sqlpp.parser import parse
from cloudlet.couchbase.sqlpp.parser.functions import names
from cloudlet.couchbase.sqlpp.pausing import Turns, driven, wait
from cloudlet.couchbase.sqlpp.planner.catalog import Catalog, defined_name
from cloudlet.couchbase.sqlpp.planner.changes import plan_change
from cloudlet.couchbase.sqlpp.planner.hinting import Hinted
from cloudlet.couchbase.sqlpp.planner.queries import Planner
from cloudlet.couchbase.sqlpp.profiling import Profile
from cloudlet.couchbase.sqlpp.rights import Right, of_definition
from cloudlet.couchbase.sqlpp.tree import Literal, UserCall
from cloudlet.couchbase.sqlpp.values import MISSING

# Longer statements are compiled in time slices, and are not kept.
_LONG_STATEMENT: Final = 4096
_CACHED_STATEMENTS: Final = 512
_PREPARED_LIMIT: Final = 16_384
_NESTED_LIMIT: Final = 8

QueryContext = tuple[str, str] | None

# What `definitions` carries out; `administration` does the rest.
_INDEXES_AND_COLLECTIONS: Final = (
    s.CreateIndex,
    s.DropIndex,
    s.BuildIndex,
    s.ChangeScope,
    s.ChangeCollection,
    s.FlushCollection,
)


@dataclass(slots=True)
class Compiled:
    """A statement ready to run with any parameters, any number of times."""

    text: str
    tree: s.Statement
    query_context: QueryContext
    generation: int
    frame_size: int = 1
    query: QueryPlan | None = None
    change: ChangePlan | None = None
    signature: Any = None
    rights: frozenset[Right] = frozenset()
    hinted: list[Hinted] = field(default_factory=list)
    #: The query inside a statement of another kind: the names of BUILD INDEX, what INFER reads.
    inner: Compiled | None = None

    @property
    def readonly(self) -> bool:
        """Whether it changes nothing."""
        return self.query is not None or isinstance(
            self.tree, (s.Explain, s.ExplainFunction, s.Prepare, s.Infer, s.Advise)
        )

    def plan(self) -> dict[str, Any]:
        """The plan as EXPLAIN and PREPARE show it."""
        found = self.query.operator if self.query is not None else self.change
        steps = found.explain() if found is not None else [{"#operator": self.kind()}]
        return {"#operator": "Sequence", "~children": steps}

    def optimizer_hints(self) -> dict[str, Any]:
        """What became of the statement's hints, as EXPLAIN shows it; empty without any."""
        found: dict[str, list[Any]] = {}
        for hinted in self.hinted:
            for group, hints in hinted.shown().items():
                found.setdefault(group, []).extend(hints)
        return {"optimizer_hints": found} if found else {}

    def kind(self) -> str:
        """The statement's type, as system keyspaces and plans name it."""
        if isinstance(self.tree, s.Query):
            return "SELECT"
        if isinstance(self.tree, s.Insert) and self.tree.upsert:
            return "UPSERT"
        name = type(self.tree).__name__
        return "".join("_" + c if c.isupper() else c for c in name).strip("_").upper()


@dataclass(slots=True)
class Prepared:
    """A statement kept under a name."""

    name: str
    text: str
    compiled: Compiled
    uses: int = 0

    def encoded_plan(self) -> str:
        """What a client may send back to have the statement prepared anew."""
        context = self.compiled.query_context
        document = {"name": self.name, "text": self.compiled.text,
                    "context": ".".join(context) if context else ""}  # fmt: skip
        return base64.b64encode(msgspec.json.encode(document)).decode()

    def row(self) -> dict[str, Any]:
        """The result of PREPARE."""
        return {
            "encoded_plan": self.encoded_plan(),
            "featureControls": 76,
            "indexApiVersion": 4,
            "name": self.name,
            "namespace": "default",
            "operator": self.compiled.plan(),
            "signature": self.compiled.signature,
            "text": self.text,
        }


class Engine:
    """Compiles statements and keeps the prepared ones."""

    def __init__(self, catalog: Catalog, change_roles: ChangeRoles | None = None) -> None:
        self.catalog = catalog
        self._change_roles = change_roles
        self.prepared: OrderedDict[tuple[str, QueryContext], Prepared] = OrderedDict()
        self._cache: OrderedDict[tuple[str, QueryContext], Compiled] = OrderedDict()

    async def compile(
        self,
        text: str,
        context: QueryContext,
        profile: Profile | None = None,
        turns: Turns | None = None,
    ) -> Compiled:
        """The statement ready to run; QueryError 3000, 3xxx, 4xxx or 12xxx where it cannot.

        A long one is compiled in time slices, which `turns` gives out.
        """
        key = (text, context)
        found = self._cache.get(key)
        if found is not None and found.generation == self.catalog.generation:
            self._cache.move_to_end(key)
            return found
        if len(text) > _LONG_STATEMENT:
            compiling = (self._compile(text, context, profile) for _ in (0,))
            async for compiled in driven(compiling, turns or Context(self.catalog)):
                return compiled
        compiled = self._cache[key] = self._compile(text, context, profile)
        if len(self._cache) > _CACHED_STATEMENTS:
            self._cache.popitem(last=False)
        return compiled

    def _compile(
        self, text: str, context: QueryContext, profile: Profile | None = None
    ) -> Compiled:
        if profile is None:
            return self.compile_tree(parse(text), text, context)
        with profile.phase("parse"):
            tree = parse(text)
        with profile.phase("plan"):
            return self.compile_tree(tree, text, context)

    def compile_tree(
        self, tree: s.Statement, text: str, context: QueryContext, *, indexes: bool = True
    ) -> Compiled:
        """Plan a statement that is parsed already."""
        compiled = Compiled(text, tree, context, self.catalog.generation)
        planner = Planner(self.catalog, context, indexes=indexes)
        try:
            if isinstance(tree, s.Query):
                compiled.query = planner.query(tree, None)
                compiled.signature = compiled.query.signature
            elif isinstance(tree, (s.Insert, s.Update, s.Delete, s.Merge)):
                compiled.change, compiled.signature = plan_change(planner, tree)
            elif isinstance(tree, (s.BuildIndex, s.Infer)):
                query = tree.documents if isinstance(tree, s.Infer) else tree.query
                if query is not None:
                    compiled.inner = self.compile_tree(query, text, context)
                    planner.rights |= compiled.inner.rights
        except RecursionError:
            raise errors.semantic(4321, "Plan error: statement is nested too deeply") from None
        compiled.frame_size = planner.frame.size
        compiled.hinted = planner.hinted
        planner.needs(of_definition(tree, context))
        compiled.rights = frozenset(planner.rights)
        return compiled

    def rights(self, compiled: Compiled) -> frozenset[Right]:
        """What the statement needs; one that explains, advises on or prepares another, as that."""
        tree = compiled.tree
        if isinstance(tree, (s.Explain, s.Advise, s.Prepare)):
            return self.compile_tree(tree.statement, tree.text, compiled.query_context).rights
        return compiled.rights

    async def run(self, compiled: Compiled, context: Context) -> AsyncIterator[list[Any]]:
        """Batches of the statement's results, with turns for others in between."""
        context.advise = self._advice(compiled.query_context)
        context.evaluate = self._evaluation(compiled.query_context, context)
        try:
            async for batch in self._batches(compiled, context):
                yield batch
        finally:  # it holds the context, too
            context.advise = context.evaluate = None

    async def _batches(self, compiled: Compiled, context: Context) -> AsyncIterator[list[Any]]:
        seed = context.seed(compiled.frame_size)
        if compiled.query is not None:
            query = compiled.query
            if context.profile is not None:
                query = context.profile.watch(query)
            async for batch in driven(query.run(seed), context):
                if batch:
                    yield batch
        elif compiled.change is not None:
            async for batch in compiled.change.run(context, seed):
                if batch:
                    yield batch
        elif isinstance(compiled.tree, (s.Infer, s.Advise, s.ExplainFunction)):
            async for batch in driven(self._described(compiled, context), context):
                yield batch
        elif isinstance(compiled.tree, s.Explain):
            inner = self.compile_tree(
                compiled.tree.statement, compiled.tree.text, compiled.query_context
            )
            yield [{**inner.optimizer_hints(), "plan": inner.plan(), "text": compiled.tree.text}]
        elif isinstance(compiled.tree, s.Prepare):
            yield [self.prepare(compiled.tree, compiled.text, compiled.query_context).row()]
        elif isinstance(compiled.tree, s.Ddl):
            await self._define(compiled.tree, compiled, context)

    async def _define(self, tree: s.Ddl, compiled: Compiled, context: Context) -> None:
        """Carry out a statement that makes, changes or drops something other than documents."""
        if isinstance(tree, s.BuildIndex) and compiled.inner is not None:
            given = [value async for rows in self.run(compiled.inner, context) for value in rows]
            tree = named(tree, given)
        if isinstance(tree, _INDEXES_AND_COLLECTIONS):
            await define(self.catalog, tree, compiled.query_context)
            return
        context.warnings += await administer(
            self.catalog, tree, compiled.query_context, self._change_roles
        )

    def _described(self, compiled: Compiled, request: Context) -> Iterator[list[Any]]:
        """What INFER, ADVISE and EXPLAIN FUNCTION answer."""
        tree, context = compiled.tree, compiled.query_context
        if isinstance(tree, s.Infer):
            options = constant(tree.options) if tree.options is not None else None
            yield from inferred(self._inferred_from(compiled, request), options)
        elif isinstance(tree, s.Advise):
            inner = self.compile_tree(tree.statement, tree.text, context)
            yield [advised(tree.statement, tree.text, inner.plan())]
        elif isinstance(tree, s.ExplainFunction):
            name = defined_name(names(tree.path), context)
            function = self.catalog.functions.find(name)
            if function is None:
                raise errors.semantic(10101, f"Function not found '{path_text(name)}'")
            count = len(function.parameters or ())
            call = UserCall(("default:", *name), (Literal(None),) * count)
            query = s.Query(s.Select((s.Projection(call),), raw=True))
            inner = self.compile_tree(query, function.body, context)
            plans = [{"plan": inner.plan(), "statement": function.body}]
            yield [{"function": path_text(name), "plans": plans}]

    def _inferred_from(self, compiled: Compiled, request: Context) -> Iterator[Iterable[Any]]:
        """The documents that INFER looks at: a keyspace's, or an expression's value or values."""
        tree, inner = compiled.tree, compiled.inner
        if inner is not None and inner.query is not None:
            for batch in inner.query.run(request.seed(inner.frame_size)):
                for value in batch:
                    yield value if type(value) is list else [value]
        elif isinstance(tree, s.Infer) and tree.path is not None:
            name = self.catalog.name(tree.path, compiled.query_context)
            yield from documents_of(self.catalog.keyspace(name))

    def _advice(self, context: QueryContext) -> Callable[[str], dict[str, Any]]:
        """ADVISE of a text in the query context, for the function ADVISOR."""

        def advise(text: str) -> dict[str, Any]:
            tree = parse(text)
            return advised(tree, text, self.compile_tree(tree, text, context).plan())

        return advise

    def _evaluation(
        self, query_context: QueryContext, context: Context
    ) -> Callable[[str, Any], list[Any]]:
        """The results of a read-only statement inside of another, for the function EVALUATE."""

        async def collected(compiled: Compiled, inner: Context) -> list[Any]:
            found: list[Any] = []
            async for batch in self.run(compiled, inner):
                found.extend(None if value is MISSING else value for value in batch)
                if context.has_quota:
                    for value in batch:
                        context.hold(value)
            return found

        def evaluate(text: str, parameters: Any) -> list[Any]:
            compiled = self._compile(text, query_context)
            if not compiled.readonly or isinstance(compiled.tree, s.Prepare):
                raise errors.evaluation("EVALUATE()", "not a readonly request")
            if context.depth >= _NESTED_LIMIT:
                raise errors.evaluation("EVALUATE()", "nested too deeply")
            context.authorise(self.rights(compiled))
            inner = context.inner(parameters)
            try:
                return wait(collected(compiled, inner))
            finally:
                context.nested.remove(inner)

        return evaluate

    def prepare(self, tree: s.Prepare, text: str, context: QueryContext) -> Prepared:
        """Keep a statement under its name, or under one made from its text."""
        inner = tree.statement
        if isinstance(inner, (s.Prepare, s.Execute, s.Explain)):
            raise errors.not_supported("PREPARE of this statement")
        name = tree.name or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{context}{tree.text}"))
        old = self.prepared.get((name, context))
        if (
            old is not None
            and tree.name is not None
            and not tree.force
            and old.compiled.text != tree.text
        ):
            raise errors.semantic(4060, f"Unable to add name: duplicate name: {name}")
        return self._keep(Prepared(name, text, self.compile_tree(inner, tree.text, context)))

    def _keep(self, prepared: Prepared) -> Prepared:
        key = (prepared.name, prepared.compiled.query_context)
        self.prepared[key] = prepared
        self.prepared.move_to_end(key)
        if len(self.prepared) > _PREPARED_LIMIT:
            self.prepared.popitem(last=False)
        return prepared

    def find_prepared(
        self, name: str, context: QueryContext, encoded_plan: str | None = None
    ) -> Compiled:
        """A prepared statement, planned anew where definitions changed; 4040 if unknown."""
        found = self.prepared.get((name, context)) or self.prepared.get((name, None))
        if found is None and encoded_plan:
            found = self._decoded(name, encoded_plan, context)
        if found is None:
            raise errors.no_such_prepared(name, "default:" + ".".join(context) if context else "")
        compiled = found.compiled
        if compiled.generation != self.catalog.generation:
            compiled = found.compiled = self.compile_tree(
                compiled.tree, compiled.text, compiled.query_context
            )
        found.uses += 1
        return compiled

    def _decoded(self, name: str, encoded_plan: str, context: QueryContext) -> Prepared:
        try:
            document = msgspec.json.decode(base64.b64decode(encoded_plan, validate=True))
            text = document["text"]
            found = document["name"]
        except (binascii.Error, msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise errors.semantic(4070, "Unable to decode prepared statement") from None
        if found != name:
            raise errors.semantic(
                4090, f"Mismatching name in encoded plan, expecting: {name}, found: {found}"
            )
        return self._keep(Prepared(name, text, self._compile(str(text), context)))
