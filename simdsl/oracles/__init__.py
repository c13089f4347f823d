"""Judges: they read a plan and a trace, never a connection."""
