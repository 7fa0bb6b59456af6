"""Transactions over HTTP: BEGIN to COMMIT, single-statement ones, and the SDKs' query mode.

`staging` keeps a transaction's changes in memory over the documents as they are committed,
`registry` knows the open transactions and runs statements in them.
"""

from __future__ import annotations

from cloudlet.couchbase.sqlpp.transactions.registry import Transactions

__all__ = ["Transactions"]
