"""Durable JSON and binary documents in buckets, scopes and collections, as Couchbase keeps them."""

from __future__ import annotations

from cloudlet.storage.documents.catalog import (
    BadNameError,
    Bucket,
    BucketSettings,
    Catalog,
    CatalogError,
    NameTakenError,
    NotThereError,
    Scope,
)
from cloudlet.storage.documents.collection import Collection
from cloudlet.storage.documents.model import (
    BINARY,
    JSON,
    KEY_LIMIT,
    XATTR,
    CasMismatchError,
    CorruptDocumentError,
    DeltaInvalidError,
    Document,
    DocumentError,
    DocumentExistsError,
    DocumentLockedError,
    DocumentNotFoundError,
    DocumentNotLockedError,
    KeyTooLongError,
    NotStoredError,
    StoreBusyError,
    StoreFullError,
    SyncWriteInProgressError,
    ValueTooLargeError,
)
from cloudlet.storage.documents.store import DocumentStore

__all__ = [
    "BINARY",
    "JSON",
    "KEY_LIMIT",
    "XATTR",
    "BadNameError",
    "Bucket",
    "BucketSettings",
    "CasMismatchError",
    "Catalog",
    "CatalogError",
    "Collection",
    "CorruptDocumentError",
    "DeltaInvalidError",
    "Document",
    "DocumentError",
    "DocumentExistsError",
    "DocumentLockedError",
    "DocumentNotFoundError",
    "DocumentNotLockedError",
    "DocumentStore",
    "KeyTooLongError",
    "NameTakenError",
    "NotStoredError",
    "NotThereError",
    "Scope",
    "StoreBusyError",
    "StoreFullError",
    "SyncWriteInProgressError",
    "ValueTooLargeError",
]
