"""SQL++, the query language of the document server: from a statement's text to its rows.

Follow a statement in this order:

- `service` reads the HTTP request (`request`) and writes the answer (`response`);
- `engine` compiles the statement, or finds it prepared or cached:
  - `lexer` makes tokens, `parser/` the tree (`tree` expressions, `statements` the rest);
  - `planner/` gives every name a slot (`scope`, `resolver`), chooses how to reach the documents
    (`access`, `spans`) and puts operators together (`block` for one SELECT, `queries` for
    whole queries, `sources` for FROM, `changes` for INSERT, UPDATE and DELETE);
  - `evaluation/` turns each resolved expression into one closure over a row, with the functions
    of `functions/`;
- `operators/` run: generators of batches of rows, driven by `engine.run`, which gives way to the
  event loop every 2 ms (`context`);
- `keyspace` is all they know of the store, `indexes` the secondary indexes, `system` the
  `system:` keyspaces, `definitions` carries out CREATE, DROP and BUILD.
"""
