"""The common room for PEP 249 drivers: sessions, statements, errors, databases, and backends made from a description."""
