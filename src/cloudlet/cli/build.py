"""Building functions: their code with their requirements, in a directory that can be zipped."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from cloudlet.cli.problem import Problem

#: Bump when what a build contains changes.
BUILD_VERSION = "1"
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".git", ".venv", "node_modules")


def cache_directory() -> Path:
    """Where builds are kept between deployments, after the XDG Base Directory Specification."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "cloudlet" / "builds"


def build(source: Path, runtime: str) -> Path:
    """A directory with `source` and what its requirements.txt or package.json asks for.

    `source` itself when it asks for nothing. Dependencies are installed once for each content of
    the requirements and runtime, and kept in the cache directory. Raises `Problem` with the
    installer's own words.
    """
    installed = dependencies(source, runtime)
    if installed is None:
        return source
    target = Path(tempfile.mkdtemp(prefix="cloudlet-build-"))
    shutil.copytree(installed, target, dirs_exist_ok=True, symlinks=True)
    shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True, ignore=IGNORED)
    return target


def dependencies(source: Path, runtime: str) -> Path | None:
    """The directory of what `source` asks for, in the cache; None if it asks for nothing."""
    manifest = manifest_of(source, runtime)
    if manifest is None:
        return None
    if runtime.startswith("python"):
        return _installed(manifest, runtime, _pip)
    if (source / "node_modules").is_dir():
        return None
    return _installed(manifest, runtime, _npm)


def manifest_of(source: Path, runtime: str) -> Path | None:
    """The file in which code of `runtime` names its dependencies, if it is there."""
    for family, name in (("python", "requirements.txt"), ("nodejs", "package.json")):
        if runtime.startswith(family) and (source / name).is_file():
            return source / name
    return None


def _installed(manifest: Path, runtime: str, install: Callable[[Path, str, Path], None]) -> Path:
    """The directory of installed dependencies for `manifest`, made at the first need."""
    digest = hashlib.sha256(
        b"\0".join((BUILD_VERSION.encode(), runtime.encode(), manifest.read_bytes()))
    )
    lock = manifest.with_name("package-lock.json")
    if manifest.name == "package.json" and lock.is_file():
        digest.update(lock.read_bytes())
    target = cache_directory() / digest.hexdigest()[:32]
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    working = Path(tempfile.mkdtemp(prefix="installing-", dir=target.parent))
    try:
        install(manifest, runtime, working)
        working.chmod(0o755)
        try:
            working.rename(target)
        except OSError:  # somebody else installed the same meanwhile
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return target


def _pip(manifest: Path, runtime: str, target: Path) -> None:
    """Install wheels for the runtime's own Python version, whichever Python runs this."""
    version = runtime.removeprefix("python")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "--no-compile", "--requirement", str(manifest), "--target", str(target)]  # fmt: skip
    if version != f"{sys.version_info.major}.{sys.version_info.minor}":
        command += ["--python-version", version, "--only-binary=:all:"]
    _run(command, manifest, "pip")
    shutil.rmtree(target / "bin", ignore_errors=True)


def _npm(manifest: Path, runtime: str, target: Path) -> None:
    """Install the packages that production needs; the lock file is followed if there is one."""
    if shutil.which("npm") is None:
        raise Problem(
            f"{manifest} needs npm, which this machine has not got ({runtime}).",
            "Install Node.js with npm, or put node_modules beside the code.",
        )
    lock = manifest.with_name("package-lock.json")
    shutil.copy(manifest, target)
    if lock.is_file():
        shutil.copy(lock, target)
    verb = "ci" if lock.is_file() else "install"
    _run(["npm", verb, "--omit=dev", "--no-audit", "--no-fund", "--prefix", str(target)],
         manifest, "npm")  # fmt: skip


def _run(command: list[str], manifest: Path, installer: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise Problem(
            f"{installer} could not install what {manifest} asks for:\n  {last}",
            "Mend the requirements, or check that the package index can be reached.",
        )
