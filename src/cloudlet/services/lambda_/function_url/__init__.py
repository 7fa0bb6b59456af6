"""Function URLs as browsers and HTTP clients see them."""
