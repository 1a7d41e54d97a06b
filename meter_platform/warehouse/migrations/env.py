"""What Alembic runs to apply the steps: on the connection that it is handed, each step in a transaction of its own."""

from alembic import context

from meter_platform.warehouse.schema import VERSION_SCHEMA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    version_table_schema=VERSION_SCHEMA,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
