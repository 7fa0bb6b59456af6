"""Java virtual machines: which the machine has, which serves a runtime, how one is started."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

BOOTSTRAP = Path(__file__).parent / "inside" / "bootstrap.jar"
_VERSION = re.compile(r'^JAVA_VERSION="(?:1\.)?((\d+)[^"]*)"', re.MULTILINE)
_FOLDERS = ("/usr/lib/jvm", "/usr/java", "/opt/java")
_BESIDE_HEAP_MB = 64  # code, class data, stacks


@dataclass(frozen=True, slots=True)
class Jvm:
    """One installation; `outside` are folders that its own has symbolic links to."""

    version: str
    major: int
    home: Path
    outside: tuple[str, ...]

    @property
    def executable(self) -> str:
        """The `java` command."""
        return os.fspath(self.home / "bin" / "java")


def installed() -> list[Jvm]:
    """JAVA_HOME's, the PATH's, and those in the folders where distributions put them."""
    homes = [Path(home)] if (home := os.environ.get("JAVA_HOME")) else []
    if (java := shutil.which("java")) is not None:
        homes.append(Path(java).resolve().parent.parent)
    for folder in _FOLDERS:
        if Path(folder).is_dir():
            homes += sorted(Path(folder).iterdir())
    found = (_at(home) for home in dict.fromkeys(home.resolve() for home in homes))
    return [jvm for jvm in found if jvm is not None]


def nearest(major: int) -> Jvm | None:
    """This version, else the next newer, which runs older classes, else the next older."""
    jvms = installed()
    return min(jvms, key=lambda jvm: (jvm.major < major, abs(jvm.major - major)), default=None)


def _at(home: Path) -> Jvm | None:
    for place in (home, home.parent):  # a Java 8 JRE lies inside of its JDK
        try:
            match = _VERSION.search((place / "release").read_text())
        except OSError:
            continue
        if match and os.access(home / "bin" / "java", os.X_OK):
            return Jvm(match[1], int(match[2]), home, _linked(home))
    return None


def _linked(home: Path) -> tuple[str, ...]:
    """Where a distribution keeps the configuration, if not in the installation."""
    found = []
    for name in ("conf", "lib/security", "lib/server", "lib/jvm.cfg", "lib/jfr"):
        path = home / name
        links = [path, *path.iterdir()] if path.is_dir() else [path]
        for link in links:
            target = link.resolve()
            if target.exists() and home not in target.parents:
                found.append(os.fspath(target if target.is_dir() else target.parent))
    kept = [path for path in dict.fromkeys(found) if path.startswith("/etc/java")]
    return tuple(path for path in kept if not any(path.startswith(f"{p}/") for p in kept))


def heap_mb(memory_mb: int) -> int:
    """What of a function's memory the heap may take."""
    return max(memory_mb // 2, min(memory_mb * 85 // 100, memory_mb - _BESIDE_HEAP_MB))


def command(executable: str, memory_mb: int, bootstrap: str) -> list[str]:
    """How the bootstrap is started; as AWS does: serial collector, quick compiler only."""
    return [
        executable,
        f"-Xmx{heap_mb(memory_mb)}m",
        f"-Xms{min(16, heap_mb(memory_mb))}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "-Xshare:auto",
        "-Dfile.encoding=UTF-8",
        "-Djava.net.preferIPv4Stack=true",
        "-jar",
        bootstrap,
        bootstrap,
    ]
