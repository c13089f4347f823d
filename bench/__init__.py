"""Measurements against the budgets: `python -m bench`. Never part of the tests."""
