"""The databases under test: one protocol, one file a backend, their pools, and the registry that finds them."""
