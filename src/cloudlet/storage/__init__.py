"""Durable state: databases with group commit, records, objects, documents."""
