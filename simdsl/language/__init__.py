"""Plan files: reading, loading, writing and formatting them."""
