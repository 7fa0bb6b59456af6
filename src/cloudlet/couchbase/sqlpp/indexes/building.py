"""Building indexes in the background, following the documents, and keeping entries on disk.

What is on disk is complete up to a mutation that is named with it, and mutations after it are in
the documents' own feed, which survives whatever they survive. So a restart reads what was saved
and takes in the rest: the index agrees with the documents however the process ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator, Iterable
from time import monotonic
from typing import Any, Final, Protocol

import msgspec

from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.indexes.data import IndexData
from cloudlet.couchbase.sqlpp.keyspace import (
    IndexDefinition,
    IndexEntries,
    Keyspace,
    Keyspaces,
    UnknownKeyspaceError,
)

_LOG = logging.getLogger(__name__)

#: How often the indexes take in changes and are saved, in seconds.
INTERVAL_S: Final = 1.0
#: Documents whose entries one write saves, so that documents do not wait long behind it.
_SAVED_AT_ONCE: Final = 500
#: Mutations that did not touch an index, after which its progress is saved all the same.
_PROGRESS_AFTER: Final = 10_000
_SLICE_S: Final = 0.002


class Definitions(Protocol):
    """What knows the indexes: the catalog."""

    keyspaces: Keyspaces
    generation: int

    def index_data(self, index: IndexDefinition) -> IndexData:
        """The entries of an index."""


class IndexKeeper:
    """The background work on indexes of one server."""

    def __init__(self, catalog: Definitions, saved: IndexEntries | None) -> None:
        self._catalog = catalog
        self._saved = saved
        self._one_at_a_time = asyncio.Lock()
        self._builds: dict[str, asyncio.Task[None]] = {}
        self._building: str | None = None
        self._follower: asyncio.Task[None] | None = None
        self._progress: dict[str, int] = {}
        self._known: set[str] | None = None

    def start(self) -> None:
        """Go on with builds that a stop interrupted, and follow the documents from now on."""
        for index in self._catalog.keyspaces.index_definitions():
            if index.state == "building":
                self.build(index)
        self._follower = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """End the background work, after saving what is not on disk."""
        tasks = [*self._builds.values(), *([self._follower] if self._follower else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._follower is not None:
            self._follower = None
            await self._save_all()

    def build(self, index: IndexDefinition) -> asyncio.Task[None]:
        """Begin to build an index whose definition says `building`; online when the task ends."""
        found = self._builds.get(index.id)
        if found is None:
            found = self._builds[index.id] = asyncio.create_task(self._build(index))
            found.add_done_callback(lambda task: self._built(index, task))
        return found

    def _built(self, index: IndexDefinition, task: asyncio.Task[None]) -> None:
        self._builds.pop(index.id, None)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("index %s was not built: %s", index.name, task.exception())

    def state(self, index: IndexDefinition) -> dict[str, Any]:
        """State and progress, as `system:indexes` shows them."""
        shown: dict[str, Any] = {"state": index.state}
        if index.state == "building" and self._building != index.id:
            shown["state"] = "pending"
        if not index.is_primary and index.state in ("building", "online"):
            data = self._catalog.index_data(index)
            total = max(1, self._keyspace(index).count())
            done = 100 if index.state == "online" else min(99, 100 * (data.building or 0) // total)
            stats = {"num_items": len(data.entries), "num_docs_indexed": data.documents}
            shown["metadata"] = {"num_replica": 0, "progress": done, "stats": stats}
        return shown

    def _keyspace(self, index: IndexDefinition) -> Keyspace:
        return self._catalog.keyspaces.resolve(index.bucket, index.scope, index.collection)

    async def _build(self, index: IndexDefinition) -> None:
        async with self._one_at_a_time:
            self._building = index.id
            try:
                if not index.is_primary:
                    await self._caught_up(index)
            except UnknownKeyspaceError:
                return
            finally:
                self._building = None
            if any(one.id == index.id for one in self._catalog.keyspaces.index_definitions()):
                online = msgspec.structs.replace(index, state="online")
                await self._catalog.keyspaces.save_index(online)
                self._catalog.generation += 1

    async def _caught_up(self, index: IndexDefinition) -> Keyspace:
        keyspace = self._keyspace(index)
        await _in_slices(self._catalog.index_data(index).catch_up(keyspace))
        return keyspace

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self._save_all()

    async def _save_all(self) -> None:
        definitions = list(self._catalog.keyspaces.index_definitions())
        for index in definitions:
            if index.is_primary or index.state != "online":
                continue
            try:
                keyspace = await self._caught_up(index)
                if self._saved is not None:
                    await self._save(index, keyspace, self._saved)
            except UnknownKeyspaceError:
                continue
            except (QueryError, OSError, RuntimeError, ValueError) as error:
                _LOG.error("index %s could not be kept: %s", index.name, error)
        await self._forget(definitions)

    async def _forget(self, definitions: Iterable[IndexDefinition]) -> None:
        """Remove from disk what belongs to no index any more."""
        known = {index.id for index in definitions}
        if self._saved is not None and (self._known is None or self._known - known):
            await self._saved.keep_only(sorted(known))
        self._known = known

    async def _save(self, index: IndexDefinition, keyspace: Keyspace, saved: IndexEntries) -> None:
        data = self._catalog.index_data(index)
        uid, reached = data.reached
        if uid is None or uid != keyspace.uid:
            return
        idle = reached - self._progress.get(index.id, reached) < _PROGRESS_AFTER
        fresh, documents = data.unsaved()
        if not fresh and not documents and idle:
            self._progress.setdefault(index.id, reached)
            return
        try:
            if fresh:
                await saved.begin(index.id, uid)
            for at in range(0, len(documents), _SAVED_AT_ONCE):
                some = documents[at : at + _SAVED_AT_ONCE]
                await saved.save(index.id, [(one, data.saved_form(one)) for one in some])
            await saved.reach(index.id, reached)
        except BaseException:
            data.unsave(documents, fresh=fresh)
            raise
        self._progress[index.id] = reached


async def _in_slices(work: Generator[None, None, None]) -> None:
    """Run a generator's steps, giving way to the event loop between slices.

    It is closed when this is cancelled: others wait until an index is no longer busy.
    """
    end = monotonic() + _SLICE_S
    try:
        for _ in work:
            if monotonic() >= end:
                await asyncio.sleep(0)
                end = monotonic() + _SLICE_S
    finally:
        work.close()
