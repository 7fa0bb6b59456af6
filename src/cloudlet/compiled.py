"""The way of a call in machine code, where `scripts/compile.py` has made it from its sources.

The compiled modules call each other directly, so they are taken together or not at all: after a
change of one of their sources, and on machines without a C compiler, the sources themselves run.
See docs/decisions/0011-compiled-with-mypyc.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

#: Set to 1, the sources run.
SWITCH = "CLOUDLET_INTERPRETED"
SOURCES = Path(__file__).resolve().parents[1]
#: Where the compiled modules are, for this interpreter.
FOLDER = SOURCES.parent / "build" / "compiled" / str(sys.implementation.cache_tag)
_MANIFEST = "manifest"


class Finder:
    """Finds compiled modules, for importlib ("The import system")."""

    def __init__(self, folder: Path, modules: Iterable[str]) -> None:
        self._folder, self._modules = folder, frozenset(modules)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,  # noqa: ARG002 - importlib
        target: ModuleType | None = None,  # noqa: ARG002 - importlib
    ) -> ModuleSpec | None:
        """How to load the module of this name; None for one that is not compiled."""
        if name not in self._modules:
            return None
        file = str(file_of(self._folder, name))
        return spec_from_file_location(name, file, loader=ExtensionFileLoader(name, file))


def file_of(folder: Path, module: str) -> Path:
    """Where a compiled module is."""
    return folder / f"{module}{EXTENSION_SUFFIXES[0]}"


def _state_of(module: str, sources: Path) -> str:
    """A line that changes with the module's source; what was made without one has none."""
    try:
        found = sources.joinpath(*module.split(".")).with_suffix(".py").stat()
    except OSError:
        return module
    return f"{module} {found.st_size} {found.st_mtime_ns}"


def note(folder: Path, modules: Iterable[str], sources: Path = SOURCES) -> None:
    """Keep, beside the compiled modules, what they were made from."""
    lines = [f"{_state_of(module, sources)}\n" for module in modules]
    (folder / _MANIFEST).write_text("".join(lines))


def find(folder: Path = FOLDER, sources: Path = SOURCES) -> Finder | None:
    """The compiled modules, if there are any and all sources are as they were."""
    try:
        lines = (folder / _MANIFEST).read_text().splitlines()
    except OSError:
        return None
    modules = [line.partition(" ")[0] for line in lines]
    if lines != [_state_of(module, sources) for module in modules]:
        return None
    return Finder(folder, modules)


def install() -> None:
    """Have the compiled modules imported from now on."""
    if os.environ.get(SWITCH) != "1" and (finder := find()) is not None:
        sys.meta_path.insert(0, finder)


def is_installed() -> bool:
    """Whether they are."""
    return any(isinstance(finder, Finder) for finder in sys.meta_path)
