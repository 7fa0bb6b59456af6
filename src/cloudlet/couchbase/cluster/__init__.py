"""Couchbase's cluster management: users, configurations, and the REST interface on port 8091."""
