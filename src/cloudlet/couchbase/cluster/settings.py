"""The settings of the query and index services: kept and given back, as tools set them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cloudlet.couchbase.cluster.http import Answer, HttpError, Request, Routes
from cloudlet.storage.documents import DocumentStore

#: Names and defaults of `/settings/querySettings`; a value's type is its default's.
_QUERY: Final[dict[str, Any]] = {
    "queryTmpSpaceDir": "",
    "queryTmpSpaceSize": 5120,
    "queryPipelineBatch": 16,
    "queryPipelineCap": 512,
    "queryScanCap": 512,
    "queryTimeout": 0,
    "queryPreparedLimit": 16384,
    "queryCompletedLimit": 4000,
    "queryCompletedThreshold": 1000,
    "queryLogLevel": "info",
    "queryMaxParallelism": 1,
    "queryN1QLFeatCtrl": 76,
    "queryTxTimeout": "0ms",
    "queryMemoryQuota": 0,
    "queryUseCBO": True,
    "queryCleanupClientAttempts": True,
    "queryCleanupLostAttempts": True,
    "queryCleanupWindow": "60s",
    "queryNumAtrs": 1024,
}

#: The same of `/settings/indexes`.
_INDEXES: Final[dict[str, Any]] = {
    "redistributeIndexes": False,
    "numReplica": 0,
    "enablePageBloomFilter": False,
    "indexerThreads": 0,
    "memorySnapshotInterval": 200,
    "stableSnapshotInterval": 5000,
    "maxRollbackPoints": 2,
    "logLevel": "info",
    "storageMode": "plasma",
    "enableShardAffinity": False,
}


class ClusterSettings:
    """Two documents of settings, on disk when a change is answered."""

    def __init__(self, store: DocumentStore) -> None:
        self._settings = store.settings

    def route(self, routes: Routes) -> None:
        """Serve these paths."""
        routes.add("GET", "/settings/querySettings", self.query)
        routes.add("POST", "/settings/querySettings", self.change_query)
        routes.add("GET", "/settings/indexes", self.indexes)
        routes.add("POST", "/settings/indexes", self.change_indexes)

    async def query(self, request: Request) -> Answer:
        """The query service's settings."""
        del request
        return Answer(self._known("query", _QUERY))

    async def change_query(self, request: Request) -> Answer:
        """Change some of them."""
        return await self._change("query", _QUERY, request)

    async def indexes(self, request: Request) -> Answer:
        """The index service's settings."""
        del request
        return Answer(self._known("indexes", _INDEXES))

    async def change_indexes(self, request: Request) -> Answer:
        """Change some of them."""
        return await self._change("indexes", _INDEXES, request)

    def _known(self, name: str, defaults: dict[str, Any]) -> dict[str, Any]:
        stored = self._settings.get(f"settings/{name}")
        return defaults | (msgspec.json.decode(stored) if stored is not None else {})

    async def _change(self, name: str, defaults: dict[str, Any], request: Request) -> Answer:
        changed = self._known(name, defaults)
        errors = {}
        for key, text in request.form.items():
            if key not in defaults:
                errors[key] = "Unsupported key"
                continue
            try:
                changed[key] = msgspec.convert(text, type(defaults[key]), strict=False)
            except msgspec.ValidationError:
                errors[key] = f"The value must be of type {type(defaults[key]).__name__}"
        if errors:
            raise HttpError(400, {"errors": errors})
        await self._settings.put(f"settings/{name}", msgspec.json.encode(changed))
        return Answer(changed)
