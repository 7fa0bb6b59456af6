"""Regular expressions that come from templates, matched so that none can stall the server."""

from __future__ import annotations

import re
import subprocess
import sys

from cloudlet.services.cloudformation.errors import ValidationError

TIMEOUT_S = 2.0
#: Steps that a match in this process may take at most, by an estimate from the pattern's form.
_CHEAP = 100_000
_REPEATS = re.compile(r"[*+]|\{\d+,\d*\}")
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{)")
_MATCH = "import re,sys;sys.exit(0 if re.fullmatch(sys.argv[1],sys.argv[2]) else 9)"


def python_form(pattern: str) -> str:
    """A Java regular expression as Python writes it, for what commonly differs."""
    return (
        pattern.replace("\\p{Alnum}", "[A-Za-z0-9]")
        .replace("\\p{Alpha}", "[A-Za-z]")
        .replace("\\z", "\\Z")
    )


def matches(pattern: str, value: str) -> bool:
    """Whether the whole of `value` matches; blocks, so call it from a thread.

    A pattern that may backtrack for long is matched in a process of its own, which is ended after
    two seconds; that is a `ValidationError`.
    """
    translated = python_form(pattern)
    cost = max(len(value), 2) ** len(_REPEATS.findall(translated))
    if cost <= _CHEAP and not _REPEATED_GROUP.search(translated):
        return re.fullmatch(translated, value) is not None
    try:
        status = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _MATCH, translated, value],
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
    except (subprocess.TimeoutExpired, ValueError) as error:  # ValueError: a NUL in the value
        raise ValidationError(f"The pattern {pattern} could not be matched in time") from error
    return status == 0
