"""The way of a call in machine code, where `scripts/compile.py` has made it from its sources.

The compiled modules call each other directly, so they are taken together or not at all: after a
change of one of their sources, and on machines without a C compiler, the sources run themselves.
See docs/decisions/0011-compiled-with-mypyc.md. Runs before anything else is imported: it must be
quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType

#: Set to 1, the sources run.
SWITCH = "CLOUDLET_INTERPRETED"
SOURCES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
#: Where the compiled modules are, for this interpreter.
FOLDER = os.path.join(os.path.dirname(SOURCES), "build", "compiled", sys.implementation.cache_tag)  # noqa: PTH118, PTH120
_SUFFIX = EXTENSION_SUFFIXES[0]


class Finder:
    """Finds compiled modules, for importlib ("The import system")."""

    def __init__(self, folder: str, modules: Iterable[str]) -> None:
        self.folder, self.modules = folder, frozenset(modules)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,  # noqa: ARG002 - importlib
        target: ModuleType | None = None,  # noqa: ARG002 - importlib
    ) -> ModuleSpec | None:
        """How to load the module of this name; None for one that is not compiled."""
        if name not in self.modules:
            return None
        file = file_of(self.folder, name)
        return spec_from_file_location(name, file, loader=ExtensionFileLoader(name, file))


def file_of(folder: str, module: str) -> str:
    """Where a compiled module is."""
    return os.path.join(folder, module + _SUFFIX)  # noqa: PTH118


def state_of(module: str, sources: str = SOURCES) -> str:
    """A line that changes with the module's source; what was made without one has none."""
    try:
        found = os.stat(os.path.join(sources, *module.split(".")) + ".py")  # noqa: PTH116, PTH118
    except OSError:
        return module
    return f"{module} {found.st_size} {found.st_mtime_ns}"


def find(folder: str = FOLDER, sources: str = SOURCES) -> Finder | None:
    """The compiled modules, if there are any and all sources are as they were."""
    try:
        with open(os.path.join(folder, "manifest"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
            lines = file.read().splitlines()
    except OSError:
        return None
    modules = [line.partition(" ")[0] for line in lines]
    if lines != [state_of(module, sources) for module in modules]:
        return None
    return Finder(folder, modules)


def install() -> None:
    """Have the compiled modules imported from now on."""
    if os.environ.get(SWITCH) != "1" and (finder := find()) is not None:
        sys.meta_path.insert(0, finder)


def is_installed() -> bool:
    """Whether they are."""
    return any(isinstance(finder, Finder) for finder in sys.meta_path)
