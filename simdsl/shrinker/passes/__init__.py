"""Passes that change what is left, one file each: a function that proposes cases, simpler ones first."""
