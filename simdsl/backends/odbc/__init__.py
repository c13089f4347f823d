"""Databases through ODBC: all that pyodbc asks for, whatever engine is at the other end."""
