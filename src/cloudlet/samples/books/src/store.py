"""The books' collection, connected once for each execution environment."""

import functools
import os
from datetime import timedelta

from couchbase.auth import PasswordAuthenticator
from couchbase.cluster import Cluster
from couchbase.options import ClusterOptions

BUCKET = os.environ["COUCHBASE_BUCKET"]


@functools.cache
def cluster():
    """The cluster of COUCHBASE_CONNECTION_STRING, connected at the first call."""
    authenticator = PasswordAuthenticator(
        os.environ["COUCHBASE_USERNAME"], os.environ["COUCHBASE_PASSWORD"]
    )
    connected = Cluster(os.environ["COUCHBASE_CONNECTION_STRING"], ClusterOptions(authenticator))
    connected.wait_until_ready(timedelta(seconds=8))
    return connected


@functools.cache
def books():
    """The bucket's default collection; a book's key is its id."""
    return cluster().bucket(BUCKET).default_collection()
