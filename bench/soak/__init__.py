"""The soak: what a release claims of itself, measured seed by seed, for hours if need be, and never twice.

``python -m bench.soak`` goes on where it stopped. docs/explanation/sample-and-soak.md says what is measured and why.
"""
