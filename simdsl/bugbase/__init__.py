"""The bug base: one folder for each bug, as it was found, to be replayed by a later version."""
