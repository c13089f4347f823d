"""Running plans in processes that may die: the isolated worker, its crash journal, and how child processes end."""
