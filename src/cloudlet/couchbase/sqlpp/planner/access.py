"""How a keyspace term's documents are reached: by keys, by an index, or all of them.

The choice is made when the whole block is known: which conditions there are, which paths of the
document the query reads, what it orders by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.operators import index_scan, scans
from cloudlet.couchbase.sqlpp.operators.operator import Operator
from cloudlet.couchbase.sqlpp.operators.term_scan import Remaining, TermScan
from cloudlet.couchbase.sqlpp.planner import costs, spans
from cloudlet.couchbase.sqlpp.planner.conditions import conjuncts, slots_of
from cloudlet.couchbase.sqlpp.planner.reads import Path, path_of, paths_of
from cloudlet.couchbase.sqlpp.planner.scans import built_scan
from cloudlet.couchbase.sqlpp.render import render
from cloudlet.couchbase.sqlpp.tree import Expression

if TYPE_CHECKING:
    from cloudlet.couchbase.sqlpp.planner.joining import JoinChoice
    from cloudlet.couchbase.sqlpp.planner.queries import Planner

#: An ORDER BY term: expression, descending, where the unknown go.
OrderKey = tuple[Expression, bool, bool | None]
# An index on other conditions is worth intersecting with where it leaves this little.
_INTERSECT_FROM = 2000


@dataclass(slots=True)
class Term:
    """A keyspace term of a block and what is decided of it."""

    scan: TermScan
    #: "first", "inner", "outer" (its rows may be made up) or "fixed" (left as it is).
    role: str = "first"
    on: tuple[Expression, ...] = ()
    match: spans.Match | None = None
    ordered: bool = False


@dataclass(slots=True)
class Access:
    """What a block gathers for the choice."""

    planner: Planner
    terms: list[Term] = field(default_factory=list)
    unnested: dict[int, Expression] = field(default_factory=dict)
    joins: list[JoinChoice] = field(default_factory=list)
    where: tuple[Expression, ...] = ()
    where_reads: tuple[int, int] = (0, 0)
    remaining: Remaining | None = None
    #: Slots whose values are only there when the block's rows are.
    own: set[int] = field(default_factory=set)
    #: The documents themselves are needed (they are to be changed).
    documents: bool = False
    done: bool = False

    def term(self, scan: Operator) -> Term | None:
        """The term of a scan."""
        return next((term for term in self.terms if term.scan is scan), None)

    def choose(self, order: Sequence[OrderKey] = (), *, limited: bool = False) -> bool:
        """Settle every term; whether the rows come in the wanted order."""
        self.done = True
        left = list(self.where)
        for term in self.terms:
            if term.scan.settled or term.role == "fixed":
                continue
            pushed = [part for part in self.where if self._known_to(part, term.scan.slot)]
            if term.role == "outer":
                pushed = []
            own = [part for part in term.on if self._known_to(part, term.scan.slot)]
            first = term is self.terms[0]
            self._settle(term, (*pushed, *own), order if first else (), limited=limited)
            left = [part for part in left if part not in pushed]
        if self.remaining is not None and len(left) < len(self.where):
            rest = joined(left)
            self.remaining.condition = compile_expression(rest) if rest is not None else None
            self.remaining.text = render(rest)
        for join in self.joins:
            join.choose(self.rows(self.terms[0]) if self.terms else 0)
        return bool(order) and bool(self.terms) and self.terms[0].ordered

    def _known_to(self, part: Expression, slot: int) -> bool:
        """Whether a conjunct needs no other rows than the term's."""
        read = slots_of(part) & self.own
        return slot in slots_of(part) and read <= {slot, slot + 1}

    def rows(self, term: Term) -> int:
        """About how many documents the term gives."""
        if isinstance(term.scan.chosen, scans.KeyScan):
            return 10
        if term.match is not None:
            return costs.rows(self.planner.catalog, term.match)
        return costs.documents(self.planner.catalog, term.scan.keyspace)

    def _settle(
        self, term: Term, parts: tuple[Expression, ...], order: Sequence[OrderKey], *, limited: bool
    ) -> None:
        scan = term.scan
        condition = joined(parts)
        compiled = compile_expression(condition) if condition is not None else None
        text = render(condition) if condition is not None else None
        keys = keys_of(parts, scan.slot)
        if keys is not None:
            scan.settle(
                scans.KeyScan(scan.keyspace, scan.alias, scan.slot, compile_expression(keys),
                              render(keys), compiled, text)
            )  # fmt: skip
            return
        together = self._all_asked(term, parts)
        if together is not None:
            scan.settle(together)
            return
        unnested = {} if term.role == "outer" else self.unnested
        searched = (*parts, *self._of_unnested(scan.slot)) if term.role == "first" else parts
        found = self._best(term, searched, unnested, order, limited=limited)
        if found is None:
            combined = self._union(term, parts)
            if combined is not None:
                scan.settle(combined)
                return
            assert isinstance(scan.chosen, scans.KeyspaceScan)
            scan.chosen.condition, scan.chosen.condition_text = compiled, text
            term.ordered = self._by_id(scan, order)
            scan.settle(scan.chosen)
            return
        term.match = found
        covered = self.covered(term, found)
        checked = condition
        if covered is not None:
            checked = None if found.exact else joined([p for p in parts if p not in found.implied])
        operator: Operator = built_scan(scan, found, covered, checked, documents=self.documents)
        assert isinstance(operator, index_scan.IndexScan)
        backward = ordered_by(found, order, scan.slot)
        if backward is not None:
            term.ordered, operator.backward = True, backward
            operator.texts["index_order"] = [
                {"keypos": place, **({"desc": True} if descending else {})}
                for place, (_, descending, _) in enumerate(order)
            ]
        elif covered is None:
            operator = self._intersected(term, parts, found, operator)
        scan.settle(operator)

    def best_for_each(self, term: Term, parts: tuple[Expression, ...]) -> spans.Match | None:
        """The index that serves a join's condition for one left row at a time."""
        found = self._best(term, parts, {}, (), limited=False)
        return found if found is not None and found.spans[0].ranges else None

    @staticmethod
    def _by_id(scan: TermScan, order: Sequence[OrderKey]) -> bool:
        """A scan of the whole keyspace comes by key."""
        identity = tree.Field(tree.MetaOf(scan.slot, ""), "id")
        return len(order) == 1 and order[0][0] == identity and not order[0][1]

    def _of_unnested(self, slot: int) -> tuple[Expression, ...]:
        """Conjuncts on the elements of arrays that are unnested from the term."""
        return tuple(
            part
            for part in self.where
            if slots_of(part) & self.own
            and slots_of(part) & self.own <= {slot, slot + 1, *self.unnested}
            and slots_of(part) & set(self.unnested)
        )

    def _best(
        self,
        term: Term,
        parts: tuple[Expression, ...],
        unnested: spans.Unnested,
        order: Sequence[OrderKey],
        *,
        limited: bool,
    ) -> spans.Match | None:
        scan = term.scan
        wanted, avoided, _ = scan.hinted
        best: tuple[tuple[float, ...], spans.Match] | None = None
        for index in self.planner.usable_indexes(scan):
            found = spans.match(index, parts, scan.slot, unnested)
            if found is None or index.definition.name in avoided:
                continue
            covered = self.covered(term, found) is not None
            if not found.spans[0].ranges and not covered:
                continue
            rows = costs.rows(self.planner.catalog, found)
            cost = float(rows) if covered else rows * 3.0
            if order and ordered_by(found, order, scan.slot) is not None:
                cost = min(cost, 50.0) if limited else cost * 0.7
            hinted = index.definition.name in wanted
            rank = (not hinted, cost, not covered, -found.points(), len(index.parts))
            if best is None or rank < best[0]:
                best = rank, found
        return best[1] if best is not None else None

    def covered(self, term: Term, found: spans.Match) -> list[index_scan.CoveredPath] | None:
        """What the index's entries give of the document, where that is all that is read."""
        if self.documents or found.index.array is not None:
            return None
        slot = term.scan.slot
        held = [
            (path, place)
            for place, part in enumerate(found.index.parts)
            if (path := path_of(part.expression, slot)) is not None
        ]
        used: dict[Path, int] = {}
        for path in self._reads(slot, found):
            holder = next((one for one in held if path[: len(one[0])] == one[0]), None)
            if path and holder is not None:
                used[holder[0]] = holder[1]
            else:
                return None
        if any(path != ("id",) for path in self._reads(slot + 1, found)):
            return None
        return [index_scan.CoveredPath(path, place) for path, place in used.items()]

    def _reads(self, slot: int, found: spans.Match) -> list[Path]:
        """The paths read of a slot, but for what the index already answers of WHERE."""
        log = self.planner.frame.reads
        start, end = self.where_reads
        answered = set(self.where) if found.exact else set(found.implied)
        reads = [path for at, path in (*log[:start], *log[end:]) if at == slot]
        where = [path for at, path in log[start:end] if at == slot]
        if answered:
            parts = [part for part in self.where if part not in answered]
            plain = [path for part in self.where for path in paths_of(part, slot)]
            # Subqueries read too: only what the conjuncts alone account for can be let go.
            if len(plain) == len(where):
                where = [path for part in parts for path in paths_of(part, slot)]
        return reads + where

    def _intersected(
        self,
        term: Term,
        parts: tuple[Expression, ...],
        found: spans.Match,
        operator: index_scan.IndexScan,
    ) -> Operator:
        """With a second index that narrows by other conditions, where the first leaves much."""
        catalog = self.planner.catalog
        rows = costs.rows(catalog, found)
        if rows < _INTERSECT_FROM or any(term.scan.hinted) or operator.once:
            return operator
        said = {part for span in found.spans for part in span.said}
        rest = tuple(part for part in parts if part not in said)
        for index in self.planner.usable_indexes(term.scan):
            other = spans.match(index, rest, term.scan.slot, {})
            if other is None or not other.spans[0].ranges or index.array is not None:
                continue
            if costs.rows(catalog, other) > rows * 2:
                continue
            second = built_scan(term.scan, other, None, None, documents=self.documents)
            return index_scan.CombinedScan(
                [operator, second], True, operator.condition, operator.condition_text
            )
        return operator

    def _all_asked(self, term: Term, parts: tuple[Expression, ...]) -> Operator | None:
        """The intersection of the indexes that INDEX_ALL names; None where one cannot serve."""
        names = term.scan.hinted[2]
        found = []
        for index in self.planner.usable_indexes(term.scan) if names else ():
            match = spans.match(index, parts, term.scan.slot, {})
            if index.definition.name in names and match is not None and match.spans[0].ranges:
                found.append(built_scan(term.scan, match, None, None, documents=self.documents))
        condition = joined(parts)
        if not names or len(found) != len(names) or condition is None:
            return None
        return index_scan.CombinedScan(
            found, True, compile_expression(condition), render(condition)
        )

    def _union(self, term: Term, parts: tuple[Expression, ...]) -> Operator | None:
        """Alternatives of an OR by an index each."""
        scan = term.scan
        for part in parts:
            if not isinstance(part, tree.Or):
                continue
            found = []
            for choice in part.operands:
                best = self._best(term, conjuncts(choice), {}, (), limited=False)
                if best is None or not best.spans[0].ranges:
                    break
                found.append(built_scan(scan, best, None, None, documents=self.documents))
            else:
                whole = joined(parts)
                assert whole is not None
                return index_scan.CombinedScan(
                    found, False, compile_expression(whole), render(whole)
                )
        return None


def joined(parts: Sequence[Expression]) -> Expression | None:
    """Conjuncts put together again."""
    if len(parts) < 2:
        return parts[0] if parts else None
    return tree.And(tuple(parts))


def ordered_by(found: spans.Match, order: Sequence[OrderKey], slot: int) -> bool | None:
    """Whether the index gives the order: True backward, False forward, None if it does not."""
    index = found.index
    if not order or index.array is not None:
        return None
    fixed = 0
    if len(found.spans) == 1:
        for one in found.spans[0].ranges:
            if not one.point or one.among is not None:
                break
            fixed += 1
    parts = [(part.expression, part.descending) for part in index.parts]
    settled = {expression for expression, _ in parts[:fixed]}
    parts.append((tree.Field(tree.MetaOf(slot, ""), "id"), False))
    place = 0
    backward: bool | None = None
    for expression, descending, nulls_last in order:
        if nulls_last is not None and nulls_last is not descending:
            return None
        if expression in settled:
            continue
        while place < fixed and parts[place][0] != expression:
            place += 1
        if place >= len(parts) or parts[place][0] != expression:
            return None
        turned = descending is not parts[place][1]
        if backward is not None and turned is not backward:
            return None
        backward = turned
        place += 1
    return backward or False


def keys_of(parts: Sequence[Expression], slot: int) -> Expression | None:
    """What META().id must equal or be in, if that is known before the scan."""
    identity = tree.Field(tree.MetaOf(slot, ""), "id")
    for part in parts:
        if isinstance(part, tree.Comparison) and part.operator == "=":
            for a, b in ((part.left, part.right), (part.right, part.left)):
                if a == identity and slot not in slots_of(b):
                    return b
        if (
            isinstance(part, tree.In)
            and not part.within
            and part.operand == identity
            and slot not in slots_of(part.collection)
        ):
            return tree.Call("array_distinct", (part.collection,))
    return None
