"""Runtime identifiers mapped to the interpreters that this machine has."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from cloudlet.compute import jvm
from cloudlet.compute.errors import RuntimeUnavailable

_ASK_PYTHON = (
    "import sys,json,sysconfig as s;"
    "print(json.dumps(['%d.%d.%d'%sys.version_info[:3],sys.executable,sys.base_prefix,"
    "sys.base_exec_prefix,s.get_path('stdlib'),s.get_path('platstdlib')]))"
)
_PYTHON = re.compile(r"python3\.(\d+)$")
_NODE = re.compile(r"nodejs(\d+)\.x$")
_JAVA = re.compile(r"java(\d+)(\.al2|\.al2023)?$")
_PROVIDED = re.compile(r"provided\.al2(023)?$")


@dataclass(frozen=True, slots=True)
class Runtime:
    """How a runtime identifier is served here.

    `exact` is False where the machine lacks the version asked for and the nearest serves.
    """

    identifier: str
    family: str  # "python" | "node" | "java" | "provided"
    found: str  # the interpreter's own version
    executable: str  # what runs the function
    python: str  # what runs the zygote
    exact: bool
    prefixes: tuple[str, ...]
    stdlib: tuple[str, ...]
    memory_mb: int = 0  # for which it is started, where that matters at the start

    @property
    def zygote_key(self) -> str:
        """Runtimes of the same key share a zygote."""
        return f"{self.family}:{self.executable}:{self.memory_mb}"

    def sized(self, memory_mb: int) -> Runtime:
        """The runtime for functions of this size: a JVM's heap is set when it starts."""
        return replace(self, memory_mb=memory_mb) if self.family == "java" else self


@dataclass(frozen=True, slots=True)
class _Python:
    version: str
    executable: str
    prefixes: tuple[str, ...]
    stdlib: tuple[str, ...]

    @property
    def minor(self) -> int:
        return int(self.version.split(".")[1])


class Runtimes:
    """Looks interpreters up, each once."""

    def __init__(self) -> None:
        self._known: dict[str, Runtime] = {}
        self._looking = asyncio.Lock()

    def known(self) -> list[Runtime]:
        """The mappings made so far, for `cloudlet doctor`."""
        return list(self._known.values())

    async def find(self, identifier: str) -> Runtime:
        """The runtime for an identifier; raises RuntimeUnavailable."""
        if found := self._known.get(identifier):
            return found
        async with self._looking:
            if identifier not in self._known:
                self._known[identifier] = await self._look_up(identifier)
        return self._known[identifier]

    async def _look_up(self, identifier: str) -> Runtime:
        if match := _PYTHON.fullmatch(identifier):
            return await self._python(identifier, int(match[1]))
        if match := _NODE.fullmatch(identifier):
            return await self._node(identifier, match[1])
        if match := _JAVA.fullmatch(identifier):
            return await self._java(identifier, int(match[1]))
        if _PROVIDED.fullmatch(identifier):
            return await self._provided(identifier)
        raise RuntimeUnavailable(f"The runtime {identifier} is not supported")

    async def _python(self, identifier: str, minor: int) -> Runtime:
        python = await self._nearest_python(minor)
        return Runtime(
            identifier=identifier,
            family="python",
            found=python.version,
            executable=python.executable,
            python=python.executable,
            exact=python.minor == minor,
            prefixes=python.prefixes,
            stdlib=python.stdlib,
        )

    async def _node(self, identifier: str, major: str) -> Runtime:
        executable = shutil.which("node") or shutil.which("nodejs")
        if executable is None:
            raise RuntimeUnavailable(
                f"The runtime {identifier} needs Node.js, and this machine has none on its PATH"
            )
        executable = os.path.realpath(executable)
        found = (await _output(executable, "--version")).strip().lstrip("v")
        python = await _ask(own_executable())
        if not found or python is None:
            raise RuntimeUnavailable(f"{executable} does not run")
        prefixes = (*python.prefixes, os.fspath(Path(executable).parent.parent))
        return Runtime(
            identifier=identifier,
            family="node",
            found=found,
            executable=executable,
            python=python.executable,
            exact=found.split(".")[0] == major,
            prefixes=tuple(dict.fromkeys(prefixes)),
            stdlib=python.stdlib,
        )

    async def _java(self, identifier: str, major: int) -> Runtime:
        found = await asyncio.to_thread(jvm.nearest, major)
        if found is None:
            raise RuntimeUnavailable(
                f"The runtime {identifier} needs a Java virtual machine, and this machine has "
                "none: not at JAVA_HOME, on the PATH, or in /usr/lib/jvm"
            )
        python = await _ask(own_executable())
        if python is None:
            raise RuntimeUnavailable(f"{own_executable()} does not run")
        return Runtime(
            identifier=identifier,
            family="java",
            found=found.version,
            executable=found.executable,
            python=python.executable,
            exact=found.major == major,
            prefixes=(*python.prefixes, os.fspath(found.home), *found.outside),
            stdlib=python.stdlib,
        )

    async def _provided(self, identifier: str) -> Runtime:
        """The function brings its own executable; the kernel and /usr are the machine's."""
        python = await _ask(own_executable())
        if python is None:
            raise RuntimeUnavailable(f"{own_executable()} does not run")
        return Runtime(
            identifier=identifier,
            family="provided",
            found=identifier.partition(".")[2],
            executable=python.executable,
            python=python.executable,
            exact=True,
            prefixes=python.prefixes,
            stdlib=python.stdlib,
        )

    async def _nearest_python(self, minor: int) -> _Python:
        """The interpreter of this version, else of the nearest; cloudlet's own wins a tie."""
        own = sys.version_info.minor
        for candidate in sorted(range(8, 15), key=lambda m: (abs(m - minor), m != own)):
            paths = [own_executable()] if candidate == own else _candidates(candidate)
            for path in paths:
                python = await _ask(path)
                if python is not None and python.minor == candidate:
                    return python
        raise RuntimeUnavailable(f"No Python interpreter runs here, not even {own_executable()}")


def own_executable() -> str:
    """The interpreter under cloudlet, outside of any virtual environment."""
    return os.path.realpath(sys.executable)


def _candidates(minor: int) -> list[str]:
    """Where a version may be: the PATH's directories, /usr, pyenv's versions."""
    directories = [Path(d) for d in os.environ.get("PATH", "").split(os.pathsep) if d]
    directories += [Path("/usr/bin"), Path("/usr/local/bin")]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    with contextlib.suppress(OSError):
        directories += sorted(pyenv.glob(f"3.{minor}*/bin"))
    paths = [directory / f"python3.{minor}" for directory in directories]
    usable = [p for p in paths if "shims" not in p.parts and os.access(p, os.X_OK)]
    return list(dict.fromkeys(os.path.realpath(path) for path in usable))


async def _ask(executable: str) -> _Python | None:
    output = await _output(executable, "-I", "-S", "-c", _ASK_PYTHON)
    if not output:
        return None
    version, path, prefix, exec_prefix, stdlib, platform_stdlib = json.loads(output)
    dynload = f"{platform_stdlib}/lib-dynload"
    archive = f"{Path(stdlib).parent}/python3{version.split('.')[1]}.zip"
    return _Python(
        version=version,
        executable=os.path.realpath(path),
        prefixes=tuple(dict.fromkeys((prefix, exec_prefix))),
        stdlib=tuple(dict.fromkeys((archive, stdlib, platform_stdlib, dynload))),
    )


async def _output(*command: str) -> str:
    """Standard output of a command, empty when it fails or takes over five seconds."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
    except OSError:
        return ""
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 5)
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return output.decode() if process.returncode == 0 else ""
