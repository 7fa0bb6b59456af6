"""A bucket's mutations in the order they were made, for those who follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cloudlet.storage.documents.model import Document

if TYPE_CHECKING:
    from cloudlet.storage.documents.catalog import Bucket
    from cloudlet.storage.documents.collection import Collection


class Mutation(NamedTuple):
    """The newest version of a key; a tombstone is a deletion."""

    collection: Collection
    key: bytes
    document: Document


def mutations(bucket: Bucket, since: int, limit: int) -> tuple[list[Mutation], int]:
    """Mutations on disk after `since`, oldest first, and the sequence number reached with them.

    A key that changed several times is given once, with its newest version.
    """
    reached = bucket.persisted_seqno
    found: list[tuple[int, Collection, bytes]] = []
    for collection in list(bucket.collections.values()):
        if collection.high_seqno <= since:
            continue
        changed = collection.changed(since, limit)
        found += [(seqno, collection, key) for key, seqno in changed]
        if len(changed) == limit:
            reached = min(reached, changed[-1][1])
    found.sort(key=lambda one: one[0])
    if len(found) > limit:
        found = found[:limit]
        reached = min(reached, found[-1][0])
    out = []
    for seqno, collection, key in found:
        if seqno > reached:
            break
        document = collection.find(key)
        # A newer version has its own turn later.
        if document is not None and document.seqno == seqno:
            out.append(Mutation(collection, key, document))
    return out, reached
