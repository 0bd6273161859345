"""Alembic's entry: runs the migrations on the connection that `warehouse.migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="yici")
with context.begin_transaction():
    context.run_migrations()
