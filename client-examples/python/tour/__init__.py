"""A tour of the API on the generated Python client."""
