"""Event source mappings: Lambda polls a queue or a stream and invokes the function in batches."""
