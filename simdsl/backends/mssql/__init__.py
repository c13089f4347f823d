"""Microsoft SQL Server, through pyodbc and Microsoft's driver or FreeTDS."""
