"""PostgreSQL, through psycopg 3 driven without blocking, on a throwaway server or on one of the user's."""
