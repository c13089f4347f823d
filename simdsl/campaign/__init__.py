"""Campaigns: plans of thousands of seeds, generated, run, checked, shrunk and stored by many processes."""
