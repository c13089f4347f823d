"""The vocabulary of plans: data, and nothing that acts on it."""
