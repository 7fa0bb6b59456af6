"""SQL++, the query language of the document server: from a statement's text to its rows."""
