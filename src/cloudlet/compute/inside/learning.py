"""Which imports a function's version may share, and whether a process that made them may be forked.

Shared are modules of the standard library, of the runtime's SDK, of layers, and of distributions
in the function's bundle: what the RECORD of a `*.dist-info` beside them lists. A distribution
installed from a folder or a repository (PEP 610's direct_url.json) counts as the function's own
code, as do the handler's package and everything no distribution claims.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH115, PTH118, PTH120, PTH123, PTH208, UP031
from __future__ import annotations

import os
import sys
from typing import Any, ClassVar

MAX_MODULES = 5000
# What differs from one environment of a version to the next; nobody may have read it before.
PER_ENVIRONMENT = frozenset(
    (
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "_X_AMZN_TRACE_ID",
    )
)  # fmt: skip


def claimed(folder: str) -> set[str]:
    """The top-level names in a folder that a distribution beside them brought."""
    names: set[str] = set()
    try:
        entries = os.listdir(folder)
    except OSError:
        return names
    for entry in entries:
        information = os.path.join(folder, entry)
        if not entry.endswith(".dist-info"):
            continue
        if os.access(os.path.join(information, "direct_url.json"), os.F_OK):
            continue
        try:
            with open(os.path.join(information, "RECORD"), encoding="utf-8") as file:
                tops = {line.partition(",")[0].strip('"').partition("/")[0] for line in file}
        except (OSError, ValueError):
            continue
        names |= {top.partition(".")[0] for top in tops if not top.endswith(".dist-info")}
    return names - {"", "..", "__pycache__", "bin"}


class Origins:
    """Tells the function's own modules from others'."""

    def __init__(self, task: str, handler: str) -> None:
        self.task = task + "/"
        self.own = handler.rpartition(".")[0].replace("/", ".").partition(".")[0]
        self.claims: dict[str, set[str]] = {}

    def is_own(self, name: str, module: Any) -> bool:
        """Whether a module is the function's own code."""
        top = name.partition(".")[0]
        file = getattr(module, "__file__", None)
        if file is None:
            paths = list(getattr(module, "__path__", ()))
            file = os.path.join(paths[0], "__init__.py") if paths else ""
        if not str(file).startswith(self.task):
            return False
        if top == self.own:
            return True
        folder = os.path.dirname(file)
        package = file.rpartition("/")[2].partition(".")[0] == "__init__"
        for _ in range(name.count(".") + (1 if package else 0)):
            folder = os.path.dirname(folder)
        if folder not in self.claims:
            self.claims[folder] = claimed(folder)
        return top not in self.claims[folder]


def learned(before: set[str], origins: Origins) -> list[str]:
    """The modules imported since `before` that may be shared, in the order of their import."""
    names: list[str] = []
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if name in before or getattr(spec, "name", None) != name:
            continue
        if getattr(spec, "origin", None) is None and not hasattr(module, "__path__"):
            continue
        if not origins.is_own(name, module):
            names.append(name)
    return names[:MAX_MODULES]


def changed(before: dict[str, str]) -> dict[str, str | None]:
    """The environment variables that differ from `before`."""
    now = dict(os.environ)
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return {name: now.get(name) for name in names if name not in PER_ENVIRONMENT}


class Watched(type(os.environ)):  # type: ignore[misc]
    """os.environ that notes who asks for what is not known yet."""

    asked: ClassVar[set[str]] = set()

    def __getitem__(self, key: str) -> str:
        if key in PER_ENVIRONMENT:
            Watched.asked.add(key)
        value: str = super().__getitem__(key)
        return value

    def __iter__(self) -> Any:
        Watched.asked.add("every variable")
        return super().__iter__()


def watch() -> None:
    """Start noting."""
    Watched.asked.clear()
    os.environ.__class__ = Watched


def unwatch() -> set[str]:
    """Stop noting, and what was asked for."""
    os.environ.__class__ = Watched.__mro__[1]
    return set(Watched.asked)


def unforkable(known: tuple[int, ...]) -> str:
    """Why this process may not be forked, or "": more threads than one (those that end
    themselves before a fork do not count), processes that it started, or descriptors besides the
    `known`. Beside it in its pid namespace is the first process only.
    """
    pid = os.fork()  # lets the libraries' fork handlers stop their threads
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return "%d threads run beside the first" % (threads - 1)
    own = ("1", str(os.getpid()))
    others = [entry for entry in os.listdir("/proc") if entry.isdigit() and entry not in own]
    if others:
        return "%d processes run beside it" % len(others)
    for entry in os.listdir("/proc/self/fd"):
        if int(entry) in known:
            continue
        try:
            target = os.readlink("/proc/self/fd/" + entry)
        except OSError:  # the one that lists them
            continue
        if target.startswith("socket:"):
            return "a socket is open"
        if not target.startswith(("/dev/null", "/dev/urandom", "/proc/")):
            return "%s is open" % target
    return ""
