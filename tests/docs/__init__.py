"""The documentation is tested: its plans run, its commands are tried, its links lead somewhere."""
