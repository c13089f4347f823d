"""Oracles: they decide from plans and traces whether runs are right, and never have a connection."""
