"""Turso, the rewrite of SQLite in Rust, through pyturso, in a process of its own."""
