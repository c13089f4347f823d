"""Statements translated from dialect to dialect, run on both engines and compared."""
