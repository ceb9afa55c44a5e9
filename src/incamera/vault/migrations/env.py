"""Alembic's way in: the connection is handed over by `vault.database`, never opened here."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="migration")
context.run_migrations()
