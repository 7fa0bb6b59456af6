"""The document server: Couchbase's protocols over durable documents."""
