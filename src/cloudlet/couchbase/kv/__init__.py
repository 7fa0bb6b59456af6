"""Couchbase's key-value service: the memcached binary protocol on port 11210."""
