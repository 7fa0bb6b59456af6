"""Writes docs/sqlpp.md, the list of what the query language has, from the code itself.

python scripts/sqlpp.py            writes it
python scripts/sqlpp.py --check    ends with 1 where it is not fresh
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cloudlet.couchbase.sqlpp.error_codes import CODES
from cloudlet.couchbase.sqlpp.functions import FUNCTIONS, Function
from cloudlet.couchbase.sqlpp.functions.aggregates import AGGREGATES
from cloudlet.couchbase.sqlpp.functions.window import WINDOW_FUNCTIONS
from cloudlet.couchbase.sqlpp.parser.windows import FUNCTIONS as WINDOW_ARGUMENTS
from cloudlet.couchbase.sqlpp.reference import EXPRESSIONS, STATEMENTS, Entry

PAGE = Path(__file__).parent.parent / "docs" / "sqlpp.md"
_INTRODUCTION = """# SQL++

What the query service of the document server has of SQL++ as Couchbase Server 7.6 defines it.
This page is written by `scripts/sqlpp.py` from the code; a test keeps it fresh.

"""
_EXAMPLES = """The statements of the language reference with their clauses, an example of each.
Tests run every example and compare what it gives (`tests/couchbase/sqlpp/reference/`). Examples
read the keyspaces `books`, with documents `b0` to `b7` of `n` (0 to 7), `kind` ("even" or "odd"),
`name` and `tags`, and `kinds`. Forms that only Couchbase Server 8.0 has are marked. Where the last
column has a number, the example is answered with that error; "not here" is what this server does
not have.
"""


def line(described: Any) -> str:
    """The first paragraph of a docstring, in one line."""
    text = inspect.getdoc(described) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")


def _section(title: str, rows: Iterable[tuple[str, str]], head: str = "what") -> str:
    body = "".join(f"| {name} | {text} |\n" for name, text in rows)
    return f"## {title}\n\n| {head} | |\n|---|---|\n{body}\n"


def _code(text: str) -> str:
    """Text as it is written, in one cell of a table."""
    ticks = "``" if "`" in text else "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    shown = " ".join(text.split()).replace("|", "\\|")
    return f"{ticks}{space}{shown}{space}{ticks}"


def _chapters(title: str, introduction: str, chapters: dict[str, tuple[Entry, ...]]) -> str:
    entries = [entry for chapter in chapters.values() for entry in chapter]
    absent = sum(entry.absent for entry in entries)
    page = f"## {title}\n\n{introduction}\n"
    page += f"{len(entries)} forms, of which {absent} are not here.\n\n"
    for name, chapter in chapters.items():
        page += f"### {name}\n\n| form | example | error |\n|---|---|---|\n"
        for entry in chapter:
            since = f" ({entry.since})" if entry.since else ""
            code = f"{entry.refused or ''}{', not here' if entry.absent else ''}"
            page += f"| {_code(entry.form)}{since} | {_code(entry.example)} | {code} |\n"
        page += "\n"
    return page


def _statements() -> str:
    return _chapters("Statements and clauses", _EXAMPLES, STATEMENTS)


def _expressions() -> str:
    return _chapters("Expressions", "The parts that expressions are made of.", EXPRESSIONS)


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
    parts = (_statements, _expressions, _functions, _aggregates, _windows, _codes)
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
