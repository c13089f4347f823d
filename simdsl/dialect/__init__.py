"""SQL from one dialect to another: sqlglot behind one door, and what it gets wrong is rewritten or refused."""
