"""Builds compute/inside/bootstrap.jar from compute/java/; with --check, says whether it is stale.

The jar is committed, because a machine with a Java runtime need not have a compiler. Its manifest
carries a digest of the sources; entries have no times, so that equal classes make an equal jar.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent / "src" / "cloudlet" / "compute"
SOURCES, JAR = ROOT / "java", ROOT / "inside" / "bootstrap.jar"
RELEASE = "8"  # the oldest Java that serves a runtime


def sources() -> list[Path]:
    """Every source, in the order of names."""
    return sorted(SOURCES.rglob("*.java"))


def digest() -> str:
    """Of the sources and their names."""
    found = hashlib.sha256()
    for path in sources():
        found.update(f"{path.relative_to(SOURCES)}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def manifest() -> str:
    """Names the main class, and what of the JDK it looks into."""
    return (
        "Manifest-Version: 1.0\r\n"
        "Main-Class: cloudlet.lambda.Bootstrap\r\n"
        "Add-Opens: java.base/java.lang java.base/java.util java.base/java.io\r\n"
        f"Sources-SHA-256: {digest()[:40]}\r\n\r\n"
    )


def build() -> bytes:
    """Compile and pack."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["javac", "-Xlint:all,-options", "-Werror", "-g:source,lines", "--release"]
        subprocess.run([*command, RELEASE, "-d", folder, *sources()], check=True)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as jar:
            entries = [("META-INF/MANIFEST.MF", manifest().encode())]
            entries += [
                (path.relative_to(folder).as_posix(), path.read_bytes())
                for path in sorted(Path(folder).rglob("*.class"))
            ]
            for name, data in entries:
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                jar.writestr(info, data)
    return out.getvalue()


def main() -> None:
    """Build, or check."""
    if "--check" in sys.argv[1:]:
        with zipfile.ZipFile(JAR) as jar:
            if jar.read("META-INF/MANIFEST.MF").decode() != manifest():
                sys.exit(f"{JAR.name} is stale: run scripts/java_bootstrap.py")
        return
    JAR.write_bytes(build())


if __name__ == "__main__":
    main()
