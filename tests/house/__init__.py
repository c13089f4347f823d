"""What the package has to look like: sizes, names, comments, imports. `python -m tests.house` prints where it stands."""
