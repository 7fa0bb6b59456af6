"""Writing to the terminal: colours and live lines there, plain text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def is_terminal() -> bool:
    """Whether standard output is a person's terminal."""
    return sys.stdout.isatty()


def styled(text: str, *styles: str) -> str:
    """`text` in `styles` (bold, dim, red, ...) on a terminal, as it is elsewhere."""
    if not is_terminal():
        return text
    return f"\033[{';'.join(_CODES[style] for style in styles)}m{text}\033[0m"


def say(text: str = "") -> None:
    """Write a line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Write a line about the work to standard error, so that the output stays the answer."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def table(rows: Sequence[tuple[str, str]]) -> None:
    """Write name and value pairs in two columns."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        say(f"  {styled(name.ljust(width), 'dim')}  {value}")
