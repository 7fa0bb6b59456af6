"""Lambda's operations, a file a verb family."""
