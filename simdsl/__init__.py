"""simdsl: one plan, any backend, every interleaving."""

__version__ = "0.1.0"
