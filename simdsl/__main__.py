"""``python -m simdsl``."""

from simdsl.cli.main import entry

if __name__ == "__main__":
    entry()
