"""Compiles the way of a call with mypyc: the modules that every invocation passes through.

Writes them to build/compiled/, where `cloudlet` finds them (src/cloudlet/compiled.py); takes some
forty seconds, or none where they are there already. Without a C compiler, or Python's headers, it
says so and leaves the sources to run themselves.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from cloudlet import compiled

ROOT = Path(__file__).parents[1]
MODULES = (
    "cloudlet.aws.deadlines",
    "cloudlet.aws.http",
    "cloudlet.aws.request_ids",
    "cloudlet.compute.channel",
    "cloudlet.compute.environment",
    "cloudlet.compute.job",
    "cloudlet.compute.log",
    "cloudlet.compute.log_pipe",
    "cloudlet.compute.platform_log",
    "cloudlet.compute.pool",
    "cloudlet.compute.readiness",
    "cloudlet.compute.report",
    "cloudlet.compute.sandbox",
    "cloudlet.compute.version_pool",
    "cloudlet.compute.vigil",
    "cloudlet.front.connection",
    "cloudlet.front.content",
    "cloudlet.front.door",
    "cloudlet.front.head",
    "cloudlet.front.routing",
    "cloudlet.metering.counters",
    "cloudlet.services.apigateway.event",
    "cloudlet.services.apigateway.execute",
    "cloudlet.services.apigateway.router",
    "cloudlet.services.lambda_.concurrency",
    "cloudlet.services.lambda_.invoker",
    "cloudlet.services.lambda_.lineage",
    "cloudlet.services.lambda_.targets",
    "cloudlet.services.logs.sink",
)


def recipe() -> str:
    """What the result depends on besides the sources."""
    digest = hashlib.sha256()
    for name in ("scripts/compile.py", "requirements/dev.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_fresh(folder: Path) -> bool:
    """Whether there is nothing to do."""
    made_by = folder / "recipe"
    is_same = made_by.is_file() and made_by.read_text() == recipe()
    return is_same and compiled.find(folder) is not None


def build(folder: Path, work: Path) -> None:
    """Translate to C, compile, and put what comes of it into `folder`."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    files = [f"{module.replace('.', '/')}.py" for module in MODULES]
    options = ["--ignore-missing-imports", "--cache-dir", str(work / "cache")]
    with contextlib.chdir(compiled.SOURCES):
        extensions = mypycify([*options, *files], target_dir=str(work / "c"), debug_level="0")
        command: Any = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
        command.build_lib, command.build_temp = str(work / "made"), str(work / "objects")
        command.ensure_finalized()
        command.run()
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for extension in extensions:
        made = command.get_ext_fullpath(extension.name)
        shutil.copy(made, compiled.file_of(new, extension.name))
    compiled.note(new, [extension.name for extension in extensions])
    (new / "recipe").write_text(recipe())
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def main() -> None:
    """Compile, where that is to be done and can be."""
    if is_fresh(compiled.FOLDER):
        return
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if shutil.which(compiler) is None or not headers.exists():
        print(f"compile: no {compiler} or no {headers.name} here: calls stay interpreted")
        return
    print("compile: the modules of a call, once, in some forty seconds", flush=True)
    with tempfile.TemporaryDirectory() as work:
        build(compiled.FOLDER, Path(work))


if __name__ == "__main__":
    main()
