"""The code store: uploaded archives, and their trees unpacked at deployment, by content.

An archive is kept as `packages/<sha>.zip`; its tree, for each kind of runtime and mount, under
`code_root`, written to a temporary name and renamed when it is complete. Trees are read-only.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import hashlib
import logging
import os
import shutil
import stat
import tempfile
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from weakref import WeakValueDictionary

from cloudlet.aws.body import Body
from cloudlet.compute.errors import RuntimeUnavailable
from cloudlet.compute.runtimes import Runtimes
from cloudlet.services.lambda_.errors import InvalidParameterValue
from cloudlet.services.lambda_.model import CodeRecord

#: Bytes of a function's code with its layers, unpacked ("Lambda quotas").
UNZIPPED_LIMIT = 262_144_000
#: More files than any package has; a bound on what one upload can cost the file system.
ENTRIES_LIMIT = 65_535
#: Seconds and bytes of address space that compiling a package may take; the rest stays source.
COMPILE_S, COMPILE_MEMORY = 30, 2 << 30

log = logging.getLogger("cloudlet.lambda")

_CHUNK = 1 << 20
_LIBC = ctypes.CDLL(None, use_errno=True)
_COMPILE = (
    "import compileall, py_compile, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)\n"
    "compileall.compile_dir(sys.argv[1], maxlevels=40, ddir=sys.argv[2], quiet=2,"
    " invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)\n"
)


def code_root(data: Path) -> Path:
    """Where the trees are, under cloudlet's data directory: what `Compute` is given."""
    return data / "code"


class CodeStore:
    """Takes archives in, unpacks them once, and removes what nothing refers to."""

    def __init__(self, data: Path) -> None:
        self.trees = code_root(data)
        self.packages = data / "lambda" / "packages"
        for directory in (self.trees, self.packages):
            directory.mkdir(parents=True, exist_ok=True)
        self._runtimes = Runtimes()
        self._held: Counter[str] = Counter()
        self._unpacking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def receive(self, content: bytes | Body) -> AsyncIterator[CodeRecord]:
        """Store an archive; it stays at least while the context lasts.

        Raises `InvalidParameterValue` for what is not a zip file, or too large.
        """
        handle, name = tempfile.mkstemp(dir=self.packages, suffix=".part")
        path = Path(name)
        sha = hashlib.sha256()
        try:
            with os.fdopen(handle, "wb") as file:
                async for chunk in content if isinstance(content, Body) else _pieces(content):
                    await asyncio.to_thread(_take, file, sha, chunk)
                    if file.tell() > UNZIPPED_LIMIT:
                        raise _too_large()
                await asyncio.to_thread(_sync, file)
                size = file.tell()
            unzipped = await asyncio.to_thread(_inspect, path)
            code = CodeRecord(
                sha256=base64.b64encode(sha.digest()).decode(), size=size, unzipped=unzipped
            )
            with self._hold(code):
                path.replace(self.package(code))
                await asyncio.to_thread(_sync_directory, self.packages)
                yield code
        finally:
            path.unlink(missing_ok=True)

    def package(self, code: CodeRecord) -> Path:
        """The archive as it was uploaded."""
        return self.packages / f"{_address(code)}.zip"

    def tree(self, code: CodeRecord, runtime: str, mount: str = "/var/task") -> Path:
        """Where the code is unpacked for `runtime`, to be seen at `mount`."""
        return self.trees / _tree_name(code, runtime, mount)

    async def unpack(self, code: CodeRecord, runtime: str, mount: str = "/var/task") -> Path:
        """Unpack the archive, unless it is there; Python files are compiled for `runtime`."""
        tree = self.tree(code, runtime, mount)
        with self._hold(code):
            async with self._unpacking.setdefault(tree.name, asyncio.Lock()):
                if not tree.exists():
                    await self._unpack(code, runtime, mount, tree)
        return tree

    async def _unpack(self, code: CodeRecord, runtime: str, mount: str, tree: Path) -> None:
        temporary = Path(tempfile.mkdtemp(dir=self.trees, prefix=".part-"))
        try:
            await asyncio.to_thread(_extract, self.package(code), temporary)
            if runtime.startswith("python"):
                await self._compile(temporary, runtime, mount)
            await asyncio.to_thread(_seal, temporary)
            temporary.rename(tree)
            await asyncio.to_thread(_sync_directory, self.trees)
        finally:
            if temporary.exists():
                await asyncio.to_thread(_remove, temporary)

    async def _compile(self, tree: Path, runtime: str, mount: str) -> None:
        """Compile the Python files; where that fails, the function compiles them itself."""
        try:
            python = (await self._runtimes.find(runtime)).python
        except RuntimeUnavailable:
            return
        process = await asyncio.create_subprocess_exec(
            python, "-I", "-S", "-c", _COMPILE, tree, mount, str(COMPILE_MEMORY),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL, env={},
        )  # fmt: skip
        try:
            await asyncio.wait_for(process.wait(), COMPILE_S)
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    @contextlib.contextmanager
    def _hold(self, code: CodeRecord) -> Iterator[None]:
        address = _address(code)
        self._held[address] += 1
        try:
            yield
        finally:
            self._held[address] -= 1

    async def sweep(self, used: list[tuple[CodeRecord, str, str]]) -> None:
        """Remove every archive and tree that is not in `used` and not being deployed."""
        addresses = {_address(code) for code, _, _ in used}
        addresses |= {address for address, count in self._held.items() if count > 0}
        names = {_tree_name(*use) for use in used}
        held = tuple(address for address, count in self._held.items() if count > 0)
        unused = [path for path in self.packages.glob("*.zip") if path.stem not in addresses]
        unused += [
            path
            for path in self.trees.iterdir()
            if path.name not in names
            and not path.name.startswith(held or ("\0",))
            and not path.name.startswith(".part-")
        ]
        # Set aside before anything is awaited: a deployment from now on finds none of it.
        aside = []
        for path in unused:
            name = f"{path.stem}.part" if path.suffix == ".zip" else f".part-{path.name}"
            aside.append(path.rename(path.with_name(name)))
        for path in aside:
            await asyncio.to_thread(_remove, path)

    async def restore(self, used: list[tuple[CodeRecord, str, str]]) -> None:
        """Unpack again what a function needs and is not there, where its archive still is."""
        for code, runtime, mount in used:
            if not runtime or self.tree(code, runtime, mount).exists():
                continue
            if self.package(code).exists():
                await self.unpack(code, runtime, mount)
            else:
                log.error("the code %s of a function is lost: upload it again", code.sha256)

    async def clean(self) -> None:
        """Remove what an interrupted deployment left; for the start, before any deployment."""
        for path in [*self.packages.glob("*.part"), *self.trees.glob(".part-*")]:
            await asyncio.to_thread(_remove, path)


def _address(code: CodeRecord) -> str:
    return base64.b64decode(code.sha256).hex()


def _tree_name(code: CodeRecord, runtime: str, mount: str) -> str:
    kind = runtime if runtime.startswith("python") else "plain"
    return f"{_address(code)}-{kind}-{mount.rpartition('/')[2]}"


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _CHUNK):
        yield content[start : start + _CHUNK]


def _take(file: object, sha: object, chunk: bytes) -> None:
    file.write(chunk)  # type: ignore[attr-defined]
    sha.update(chunk)  # type: ignore[attr-defined]


def _sync(file: object) -> None:
    file.flush()  # type: ignore[attr-defined]
    os.fsync(file.fileno())  # type: ignore[attr-defined]


def _not_a_zip() -> InvalidParameterValue:
    return InvalidParameterValue(
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )


def _too_large() -> InvalidParameterValue:
    return InvalidParameterValue(f"Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes")


def _inspect(path: Path) -> int:
    """The unpacked size as the archive declares it; extraction holds it to that."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _not_a_zip() from error
    if not entries:
        raise InvalidParameterValue("Uploaded file must be a non-empty zip")
    if len(entries) > ENTRIES_LIMIT:
        raise _not_a_zip()
    for entry in entries:
        _checked_name(entry)
    total = sum(entry.file_size for entry in entries)
    if total >= UNZIPPED_LIMIT:
        raise _too_large()
    return total


def _checked_name(entry: zipfile.ZipInfo) -> str:
    """The entry's path; refuses what could lead out of the tree."""
    name = entry.filename
    parts = name.rstrip("/").split("/")
    if (
        not name
        or name.startswith("/")
        or "\0" in name
        or "\\" in name
        or ".." in parts
        or entry.flag_bits & 0x1  # encrypted
    ):
        raise _not_a_zip()
    return "/".join(part for part in parts if part not in {"", "."})


def _extract(package: Path, root: Path) -> None:
    """Unpack into the empty directory `root`; links last, and only where they stay inside."""
    links: list[tuple[Path, str]] = []
    try:
        with zipfile.ZipFile(package) as archive:
            for entry in archive.infolist():
                name = _checked_name(entry)
                if not name:
                    continue
                path = root / name
                mode = entry.external_attr >> 16
                if stat.S_ISLNK(mode):
                    links.append((path, archive.read(entry).decode()))
                elif entry.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    _write(archive, entry, path, 0o555 if mode & 0o111 else 0o444)
        for path, target in links:
            if target.startswith("/") or not _is_inside(path.parent, root):
                raise _not_a_zip()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
        if not all(_is_inside(path, root) for path, _ in links):
            raise _not_a_zip()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError) as error:
        raise _not_a_zip() from error
    except Exception as error:  # zlib.error, lzma.LZMAError: a damaged stream
        if isinstance(error, InvalidParameterValue):
            raise
        raise _not_a_zip() from error


def _is_inside(path: Path, root: Path) -> bool:
    """Whether `path`, its links followed, is in the tree."""
    real = os.path.realpath(path) + os.sep
    return real.startswith(os.path.realpath(root) + os.sep)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, mode: int) -> None:
    if path.exists():
        path.unlink()  # the later of two entries of one name counts, as unzip does
    left = entry.file_size
    with archive.open(entry) as source, path.open("xb") as file:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise _too_large()
            file.write(chunk)
    path.chmod(mode)


def _seal(root: Path) -> None:
    """Make the whole tree readable by every user and writable by none, and put it on disk."""
    for directory, _, files in os.walk(root):
        for name in files:
            path = Path(directory) / name
            if not path.is_symlink():
                path.chmod(0o555 if path.stat().st_mode & 0o111 else 0o444)
        Path(directory).chmod(0o555)
    # One call for all files: an fsync for each would cost milliseconds a file.
    descriptor = os.open(root, os.O_RDONLY)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs")
    finally:
        os.close(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Delete a file or a read-only tree."""
    if path.is_dir() and not path.is_symlink():
        for directory, _, _ in os.walk(path):
            Path(directory).chmod(0o755)
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
