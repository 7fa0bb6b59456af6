"""The memory that documents may take, and which of them leave it first."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cloudlet.storage.documents.collection import Collection
    from cloudlet.storage.documents.model import Document

#: What a document takes beside its value and key: objects' heads, the table's slot.
OVERHEAD_BYTES: Final = 300

#: Memory of a decoded value, as a multiple of its text.
TREE_FACTOR: Final = 4

#: Documents looked at in one go, so that making room stays under a few milliseconds.
_SWEEP: Final = 2048


def weight(key: bytes, document: Document) -> int:
    """About how many bytes of memory a cached document takes."""
    size = len(document.value)
    if document.tree is not None:
        size *= 1 + TREE_FACTOR
    return size + len(key) + len(document.xattrs) + OVERHEAD_BYTES


def growth(key: bytes, document: Document, before: Document | None) -> tuple[int, int]:
    """By how many bytes `document` is longer than `before`, whose place it takes, and by how many
    more memory is taken.
    """
    longer = len(document.value)
    if document.xattrs:
        longer += len(document.xattrs)
    if before is None:
        return longer, weight(key, document)
    longer -= len(before.value)
    if before.xattrs:
        longer -= len(before.xattrs)
    if document.tree is before.tree:
        return longer, longer
    return longer, weight(key, document) - weight(key, before)


class Cache:
    """A byte limit shared by all collections' documents; the second-chance rule picks who leaves.

    Documents that are not yet on disk stay whatever the limit says.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._collections: dict[int, Collection] = {}

    def add(self, collection: Collection) -> None:
        """Count a collection's documents in."""
        self._collections[collection.storage_id] = collection

    def drop(self, collection: Collection) -> None:
        """Forget a collection and its documents."""
        if self._collections.pop(collection.storage_id, None) is not None:
            self.used_bytes -= collection.cached_bytes
            collection.cached_bytes = 0
            collection.documents = {}

    def make_room(self) -> None:
        """Remove documents of the largest collection until the limit is kept, one sweep a call."""
        collection = max(self._collections.values(), key=lambda one: one.cached_bytes)
        documents = collection.documents
        target = self.limit_bytes - self.limit_bytes // 64
        freed = 0
        need = self.used_bytes - target
        for key, document in list(islice(documents.items(), _SWEEP)):
            del documents[key]
            if document.used or not collection.is_saved(key):
                document.used = False
                documents[key] = document
                continue
            freed += weight(key, document)
            collection.resident = False
            if freed >= need:
                break
        collection.cached_bytes -= freed
        self.used_bytes -= freed
