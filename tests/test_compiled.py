from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cloudlet import compiled

NAME = "cloudlet.front.connection"
built = pytest.mark.skipif(compiled.find() is None, reason="nothing is compiled here")


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A folder that says that one module is compiled, and that module's source."""
    source = tmp_path / "sources" / "package" / "module.py"
    source.parent.mkdir(parents=True)
    source.write_text("x = 1\n")
    folder, sources = tmp_path / "compiled", tmp_path / "sources"
    folder.mkdir()
    compiled.note(folder, ["0__mypyc", "package.module"], sources)
    return folder, sources


def test_modules_whose_sources_are_as_they_were_are_found(places: tuple[Path, Path]) -> None:
    folder, sources = places
    finder = compiled.find(folder, sources)
    assert finder is not None
    spec = finder.find_spec("package.module", None)
    assert spec is not None
    assert spec.origin == str(compiled.file_of(folder, "package.module"))
    assert finder.find_spec("0__mypyc", None) is not None
    assert finder.find_spec("package.other", None) is None


@pytest.mark.parametrize("change", ["edited", "gone", "never made"])
def test_after_a_change_the_sources_run(places: tuple[Path, Path], change: str) -> None:
    folder, sources = places
    source = sources / "package" / "module.py"
    if change == "edited":
        source.write_text("x = 10\n")
    elif change == "gone":
        source.unlink()
    else:
        (folder / "manifest").unlink()
    assert compiled.find(folder, sources) is None


@built
@pytest.mark.parametrize(("switch", "kind"), [("0", "so"), ("1", "py")])
def test_a_switch_has_the_sources_run(switch: str, kind: str) -> None:
    script = f"import {NAME} as module; print(module.__file__)"
    file = subprocess.run(
        [sys.executable, "-c", script],
        env={compiled.SWITCH: switch},
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    assert file.endswith(f".{kind}")
