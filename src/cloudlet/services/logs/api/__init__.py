"""The operations of CloudWatch Logs, a file a verb family."""
