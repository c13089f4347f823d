"""The conformance suite for backends, which pytest runs: what every backend must do, for every engine.

It needs pytest, which simdsl itself does not depend on; docs/how-to/add-a-backend.md shows how to use it.
"""
