"""The properties that come with simdsl, one a module, found by listing this package: `NAME.py`, with `_` for `-`."""
