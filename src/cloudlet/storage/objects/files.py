"""The files that hold contents too large for the index.

A file is written under `incoming/`, synced, renamed into `files/`, and only then named by the
index. What a crash leaves in `incoming/`, or in `files/` without the index knowing it, is swept.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

THREADS = 8


class Files:
    """The directory of content files and the threads that work on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.kept = root / "files"
        # Names of this run start with its time, so that a sweep never takes a file being written.
        self._run = f"{time.time_ns():x}"
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")
        self._shards: set[str] = set()
        self._shards_lock = threading.Lock()
        self._closing = threading.Event()
        if not self.kept.exists():
            self.incoming.mkdir(parents=True, exist_ok=True)
            self.kept.mkdir()
            _sync_directory(root)
        for left in self.incoming.iterdir():
            left.unlink()

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run `work` on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def submit(self, work: Callable[..., object], *arguments: object) -> None:
        """Run `work` on one of the threads; nobody waits for it."""
        self._pool.submit(work, *arguments)

    def new_name(self) -> str:
        """A name that no file has."""
        return f"{self._run}-{secrets.token_hex(8)}"

    def path(self, name: str) -> Path:
        """Where the kept file of that name is."""
        return self.kept / name[-2:] / name

    def create(self, name: str) -> int:
        """Create the file under `incoming/`; returns its descriptor for writing."""
        return os.open(self.incoming / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def keep(self, name: str) -> None:
        """Move a written and synced file to its place, durably."""
        self._shard(name)
        path = self.path(name)
        (self.incoming / name).rename(path)
        _sync_directory(path.parent)

    def link(self, name: str) -> str:
        """A second name, durable, for a kept file's content, which nothing ever changes."""
        new = self.new_name()
        self._shard(new)
        os.link(self.path(name), self.path(new))
        _sync_directory(self.path(new).parent)
        return new

    def discard(self, name: str) -> None:
        """Remove a file that was not kept."""
        with contextlib.suppress(FileNotFoundError):
            (self.incoming / name).unlink()

    def remove(self, names: Iterable[str]) -> None:
        """Remove kept files; those that are not there are skipped."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                self.path(name).unlink()

    def sweep(self, known: Callable[[list[str]], set[str]]) -> int:
        """Remove the files of earlier runs that `known` does not give back; returns how many."""
        removed = 0
        for shard in sorted(self.kept.iterdir()):
            if self._closing.is_set():
                break
            names = [
                file.name for file in shard.iterdir() if not file.name.startswith(f"{self._run}-")
            ]
            if names:
                orphans = set(names) - known(names)
                self.remove(orphans)
                removed += len(orphans)
        return removed

    def clear(self) -> None:
        """Remove every kept file."""
        for shard in self.kept.iterdir():
            for file in shard.iterdir():
                file.unlink(missing_ok=True)

    def close(self) -> None:
        """Wait for the threads; a sweep gives up."""
        self._closing.set()
        self._pool.shutdown(wait=True)

    def _shard(self, name: str) -> None:
        """Make sure that the directory of `name` is there, durably."""
        shard = name[-2:]
        if shard in self._shards:
            return
        with self._shards_lock:
            self.path(name).parent.mkdir(exist_ok=True)
            _sync_directory(self.kept)
            self._shards.add(shard)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
