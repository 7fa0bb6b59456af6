"""Sub-document operations: reading and changing parts of a document by path."""
