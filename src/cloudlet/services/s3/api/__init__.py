"""S3's operations, a verb family a module."""
