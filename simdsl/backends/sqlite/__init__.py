"""SQLite, through the standard library's driver or a module that can take its place."""
