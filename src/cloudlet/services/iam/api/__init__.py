"""IAM's operations, by verb family."""
