"""The schema of version 0.1.0, which made its tables without migrations.

Databases of that version are recognised by a comment, and begin here.
"""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: the tables are there."""
