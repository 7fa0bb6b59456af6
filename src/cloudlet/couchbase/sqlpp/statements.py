"""The tree of statements, as the parser leaves it."""

from __future__ import annotations

from dataclasses import dataclass

from cloudlet.couchbase.sqlpp.hints import Hint
from cloudlet.couchbase.sqlpp.tree import (
    NOWHERE,
    Expression,
    Position,
    RangeBinding,
    Window,
)


@dataclass(frozen=True, slots=True)
class Path:
    """A keyspace's name as written: one part, or bucket.scope.collection; or `system:name`."""

    parts: tuple[str, ...]
    namespace: str | None
    at: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Projection:
    """One result term: an expression with an alias, `*`, or `path.*` (star with expression)."""

    expression: Expression | None
    alias: str | None = None
    star: bool = False


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """`expression [ASC|DESC] [NULLS FIRST|LAST]`; the parts are expressions that may be
    parameters only for NULLS and direction in the reference; here they are fixed."""

    expression: Expression
    descending: bool = False
    nulls_last: bool | None = None


@dataclass(frozen=True, slots=True)
class LetBinding:
    """`name = expression` of LET, LETTING or WITH; `recursion` where WITH RECURSIVE said so."""

    name: str
    expression: Expression
    at: Position = NOWHERE
    recursion: Recursion | None = None


@dataclass(frozen=True, slots=True)
class Recursion:
    """What may end a recursive WITH term: CYCLE fields RESTRICT, and OPTIONS."""

    cycle: tuple[Expression, ...] = ()
    options: Expression | None = None


@dataclass(frozen=True, slots=True)
class GroupTerm:
    """One GROUP BY expression with its alias."""

    expression: Expression
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class KeyspaceTerm:
    """A keyspace in FROM."""

    path: Path
    alias: str
    use_keys: Expression | None = None
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpressionTerm:
    """A subquery, variable path or other expression in FROM, iterated when it is an array."""

    expression: Expression
    alias: str
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True)
class Join:
    """`left JOIN right ON condition` (kind inner, left or right), or NEST (nest=True).

    Lookup joins have `on_keys` instead of a condition; `by_key` is true for them and index joins.
    """

    left: FromTerm
    right: KeyspaceTerm | ExpressionTerm
    kind: str
    condition: Expression | None
    on_keys: Expression | None = None
    nest: bool = False
    by_key: bool = False


@dataclass(frozen=True, slots=True)
class Unnest:
    """`left [LEFT OUTER] UNNEST expression AS alias`"""

    left: FromTerm
    expression: Expression
    alias: str
    outer: bool


FromTerm = KeyspaceTerm | ExpressionTerm | Join | Unnest


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT block."""

    projections: tuple[Projection, ...]
    raw: bool = False
    distinct: bool = False
    source: FromTerm | None = None
    let: tuple[LetBinding, ...] = ()
    where: Expression | None = None
    group: tuple[GroupTerm, ...] | None = None
    letting: tuple[LetBinding, ...] = ()
    having: Expression | None = None
    with_: tuple[LetBinding, ...] = ()
    group_as: str | None = None
    windows: tuple[tuple[str, Window], ...] = ()
    exclude: tuple[Expression, ...] = ()
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True)
class SetOperation:
    """`left UNION|INTERSECT|EXCEPT [ALL] right`"""

    operator: str
    all: bool
    left: Query
    right: Query


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query: blocks with what is ordered and limited over them."""

    body: Select | SetOperation | Query
    order: tuple[OrderTerm, ...] = ()
    limit: Expression | None = None
    offset: Expression | None = None
    with_: tuple[LetBinding, ...] = ()


@dataclass(frozen=True, slots=True)
class Returning:
    """RETURNING: like a SELECT's result list."""

    projections: tuple[Projection, ...]
    raw: bool


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT or UPSERT, from VALUES pairs or from a query."""

    upsert: bool
    target: KeyspaceTerm
    values: tuple[tuple[Expression, Expression, Expression | None], ...] = ()
    key: Expression | None = None
    value: Expression | None = None
    options: Expression | None = None
    query: Query | None = None
    returning: Returning | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """`SET path = value` or `UNSET path` (value None), META(...).expiration included.

    `dimensions` are the FOR clauses, the outermost first.
    """

    path: Expression
    value: Expression | None
    dimensions: tuple[tuple[RangeBinding, ...], ...] = ()
    condition: Expression | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """UPDATE."""

    target: KeyspaceTerm
    set_: tuple[Assignment, ...]
    unset: tuple[Assignment, ...]
    where: Expression | None = None
    limit: Expression | None = None
    let: tuple[LetBinding, ...] = ()
    returning: Returning | None = None
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE."""

    target: KeyspaceTerm
    where: Expression | None = None
    limit: Expression | None = None
    offset: Expression | None = None
    let: tuple[LetBinding, ...] = ()
    returning: Returning | None = None
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True)
class MergeUpdate:
    """`WHEN MATCHED THEN UPDATE ...`"""

    set_: tuple[Assignment, ...]
    unset: tuple[Assignment, ...]
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class MergeInsert:
    """`WHEN NOT MATCHED THEN INSERT ...`; ON KEY gives the key where there is none here."""

    key: Expression | None
    value: Expression | None
    options: Expression | None = None
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """MERGE, by the target's keys (`on_key`) or by a condition."""

    target: KeyspaceTerm
    source: KeyspaceTerm | ExpressionTerm
    on_key: Expression | None
    condition: Expression | None
    update: MergeUpdate | None = None
    delete: bool = False
    delete_where: Expression | None = None
    insert: MergeInsert | None = None
    limit: Expression | None = None
    returning: Returning | None = None
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexKey:
    """One key of an index; `array` is "all" or "distinct" where the elements are the keys."""

    expression: Expression
    array: str | None = None
    descending: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """CREATE [PRIMARY] INDEX."""

    name: str
    path: Path
    primary: bool
    keys: tuple[IndexKey, ...] = ()
    where: Expression | None = None
    if_not_exists: bool = False
    options: Expression | None = None
    partition: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class DropIndex:
    """DROP [PRIMARY] INDEX."""

    name: str
    path: Path
    primary: bool
    if_exists: bool


@dataclass(frozen=True, slots=True)
class BuildIndex:
    """BUILD INDEX ON keyspace (names); `query` gives those that are no plain names."""

    path: Path
    names: tuple[str, ...]
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class ChangeScope:
    """CREATE or DROP SCOPE."""

    create: bool
    path: Path
    tolerant: bool


@dataclass(frozen=True, slots=True)
class ChangeCollection:
    """CREATE or DROP COLLECTION."""

    create: bool
    path: Path
    tolerant: bool
    options: Expression | None = None


@dataclass(frozen=True, slots=True)
class FlushCollection:
    """FLUSH or TRUNCATE COLLECTION."""

    path: Path


@dataclass(frozen=True, slots=True)
class Explain:
    """EXPLAIN statement."""

    statement: Statement
    text: str


@dataclass(frozen=True, slots=True)
class Prepare:
    """PREPARE [FORCE] [name FROM|AS] statement."""

    name: str | None
    force: bool
    statement: Statement
    text: str


@dataclass(frozen=True, slots=True)
class Execute:
    """EXECUTE name [USING parameters]."""

    name: str
    using: Expression | None


@dataclass(frozen=True, slots=True)
class CreateFunction:
    """CREATE [OR REPLACE] FUNCTION with an inline body; parameters None for `...`."""

    path: Path
    parameters: tuple[str, ...] | None
    body: Expression
    text: str
    replace: bool = False
    tolerant: bool = False


@dataclass(frozen=True, slots=True)
class DropFunction:
    """DROP FUNCTION."""

    path: Path
    tolerant: bool


@dataclass(frozen=True, slots=True)
class ExplainFunction:
    """EXPLAIN FUNCTION."""

    path: Path


@dataclass(frozen=True, slots=True)
class ChangeSequence:
    """CREATE or ALTER SEQUENCE with the options written (None for NO ...)."""

    create: bool
    path: Path
    options: tuple[tuple[str, Expression | bool | None], ...]
    tolerant: bool = False


@dataclass(frozen=True, slots=True)
class DropSequence:
    """DROP SEQUENCE."""

    path: Path
    tolerant: bool


@dataclass(frozen=True, slots=True)
class AlterIndex:
    """ALTER INDEX ... WITH options."""

    name: str
    path: Path
    options: Expression


@dataclass(frozen=True, slots=True)
class Infer:
    """INFER keyspace, or the documents that an expression gives."""

    path: Path | None
    options: Expression | None
    documents: Query | None = None


@dataclass(frozen=True, slots=True)
class Advise:
    """ADVISE statement."""

    statement: Statement
    text: str


@dataclass(frozen=True, slots=True)
class UpdateStatistics:
    """UPDATE STATISTICS or ANALYZE of a keyspace, or of one index on it."""

    path: Path
    index: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeRoles:
    """GRANT or REVOKE of roles, on keyspaces where they have one."""

    grant: bool
    roles: tuple[str, ...]
    keyspaces: tuple[Path, ...]
    users: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransactionControl:
    """BEGIN, COMMIT, ROLLBACK [TO SAVEPOINT name], SAVEPOINT name, SET TRANSACTION."""

    kind: str
    savepoint: str = ""


Dml = Insert | Update | Delete | Merge
Ddl = (
    CreateIndex
    | DropIndex
    | BuildIndex
    | AlterIndex
    | ChangeScope
    | ChangeCollection
    | FlushCollection
    | CreateFunction
    | DropFunction
    | ChangeSequence
    | DropSequence
    | UpdateStatistics
    | ChangeRoles
)
Statement = (
    Query
    | Dml
    | Ddl
    | Explain
    | ExplainFunction
    | Prepare
    | Execute
    | Infer
    | Advise
    | TransactionControl
)
