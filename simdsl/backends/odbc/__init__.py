"""Databases through ODBC: what pyodbc needs for every engine that may be at the other end."""
