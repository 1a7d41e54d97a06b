"""Models that a dbt project builds have a schema of their own, also where none are built."""

from meter_platform.warehouse.migrations import steps

revision = "0012"
down_revision = "0007"


def upgrade() -> None:
    """Adds the schema."""
    steps.run("CREATE SCHEMA IF NOT EXISTS analytics_models;")
