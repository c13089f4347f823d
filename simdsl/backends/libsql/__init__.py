"""libSQL, the fork of SQLite, through libsql-experimental."""
