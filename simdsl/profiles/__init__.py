"""Profiles: what a generated workload is made of, from files that extend each other and options that come last."""
