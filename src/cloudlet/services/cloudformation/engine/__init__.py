"""The engine: plans, makes, changes, rolls back and deletes the resources of stacks."""
