"""Alembic migrations of the vault's two databases, one lineage each; they run on SQLite and on PostgreSQL."""
