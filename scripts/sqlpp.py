"""Writes docs/sqlpp.md, the list of what the query language has, from the code itself.

python scripts/sqlpp.py            writes it
python scripts/sqlpp.py --check    ends with 1 where it is not fresh
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cloudlet.couchbase.sqlpp import statements, tree
from cloudlet.couchbase.sqlpp.error_codes import CODES
from cloudlet.couchbase.sqlpp.functions import FUNCTIONS, Function
from cloudlet.couchbase.sqlpp.functions.aggregates import AGGREGATES
from cloudlet.couchbase.sqlpp.functions.window import WINDOW_FUNCTIONS
from cloudlet.couchbase.sqlpp.parser.windows import FUNCTIONS as WINDOW_ARGUMENTS

PAGE = Path(__file__).parent.parent / "docs" / "sqlpp.md"
_INTRODUCTION = """# SQL++

What the query service of the document server has of SQL++ as Couchbase Server 7.6 defines it.
This page is written by `scripts/sqlpp.py` from the code; a test keeps it fresh.

"""


def line(described: Any) -> str:
    """The first paragraph of a docstring, in one line."""
    text = inspect.getdoc(described) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")


def _classes(module: Any) -> dict[str, type]:
    return {
        name: kind
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and dataclasses.is_dataclass(kind)
        and kind.__module__ == module.__name__
    }  # fmt: skip


def _words(name: str) -> str:
    return "".join(" " + c if c.isupper() else c for c in name).strip().upper()


def _section(title: str, rows: Iterable[tuple[str, str]], head: str = "what") -> str:
    body = "".join(f"| {name} | {text} |\n" for name, text in rows)
    return f"## {title}\n\n| {head} | |\n|---|---|\n{body}\n"


def _statements() -> str:
    kinds = {kind.__name__ for kind in typing.get_args(statements.Statement)}
    rows = ((_words(n), line(k)) for n, k in _classes(statements).items() if n in kinds)
    return _section("Statements", rows, "statement")


def _clauses() -> str:
    kinds = {kind.__name__ for kind in typing.get_args(statements.Statement)}
    rows = ((_words(n), line(k)) for n, k in _classes(statements).items() if n not in kinds)
    return _section("Clauses and terms", rows, "part")


def _expressions() -> str:
    hidden = {"Node", "Expression", "Name", "Variable", "MetaOf", "SubqueryPlan", "Spread"}
    found = [(n, k) for n, k in _classes(tree).items() if n not in hidden]
    return _section("Expressions", ((_words(n), line(k)) for n, k in found), "expression")


def _arguments(function: Function) -> str:
    shown = []
    parameters = list(inspect.signature(function.run).parameters.values())
    for parameter in parameters[1:] if function.wants_context else parameters:
        name = parameter.name.strip("_")
        if parameter.kind is parameter.VAR_POSITIONAL:
            shown.append("...")
        elif parameter.default is parameter.empty:
            shown.append(name)
        else:
            shown.append(f"[{name}]")
    return f"({', '.join(shown)})"


def _functions() -> str:
    families: dict[str, dict[Callable[..., Any], list[str]]] = {}
    for name, function in FUNCTIONS.items():
        family = function.run.__module__.rpartition(".")[2].replace("_", " ")
        families.setdefault(family, {}).setdefault(function.run, []).append(name.upper())
    page = f"## Functions\n\n{len(FUNCTIONS)} names.\n\n"
    for family in sorted(families):
        page += f"### {family.capitalize()}\n\n| function | | also |\n|---|---|---|\n"
        for run, names in sorted(families[family].items(), key=lambda item: item[1][0]):
            call = names[0] + _arguments(FUNCTIONS[names[0].lower()])
            also = ", ".join(names[1:])
            text = "" if run.__name__ == "<lambda>" else line(run)
            page += f"| `{call}` | {text} | {also} |\n"
        page += "\n"
    return page


def _aggregates() -> str:
    form = "`{}([DISTINCT] value) [FILTER (WHERE ...)] [OVER ...]`"
    rows = [
        (form.format(name.upper()), line(type(AGGREGATES[name]())))
        for name in sorted(AGGREGATES)
        if name != "group_as"
    ]
    return _section("Aggregates", rows, "aggregate")


def _windows() -> str:
    rows = []
    for name, (least, most) in WINDOW_ARGUMENTS.items():
        given = ["value", "offset", "default"][:most]
        shown = [text if place < least else f"[{text}]" for place, text in enumerate(given)]
        rows.append((f"`{name.upper()}({', '.join(shown)}) OVER (...)`",
                     line(WINDOW_FUNCTIONS[name])))  # fmt: skip
    return _section("Window functions", rows, "function")


def _codes() -> str:
    rows = ((str(number), code.description) for number, code in CODES.items())
    return _section("Error codes", rows, "code")


def page() -> str:
    """The whole page."""
    parts = (_statements, _clauses, _expressions, _functions, _aggregates, _windows, _codes)
    return _INTRODUCTION + "".join(part() for part in parts).rstrip() + "\n"


def main() -> int:
    """Write the page, or say whether it is fresh."""
    text = page()
    if "--check" in sys.argv:
        fresh = PAGE.exists() and PAGE.read_text() == text
        if not fresh:
            print("docs/sqlpp.md is not fresh: run scripts/sqlpp.py", file=sys.stderr)
        return 0 if fresh else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
