"""Execution environments: sandbox, zygotes, runtimes and the pool that schedules them."""
