"""Templates: reading, validating, transforming and evaluating them."""
