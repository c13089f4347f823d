"""Statements carried from dialect to dialect, run on both sides and compared."""
