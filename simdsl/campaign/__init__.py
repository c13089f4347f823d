"""Campaigns: plans of thousands of seeds, made, run, judged, shrunk and stored by many processes."""
