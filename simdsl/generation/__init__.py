"""Generated plans, each a function of (seed, purpose, place). Nothing here reads a database or runs a plan."""
