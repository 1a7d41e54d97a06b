"""A database for a test to begin with: the platform's tables, and nothing in them.

What belongs here: emptying. What does not: filling, and what a test looks at.
"""

from typing import Final

from psycopg import sql

from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import PARTITIONS_SCHEMA, TABLES

_CHILDREN: Final = """
SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind = 'r'
"""


def empty(database: Database) -> None:
    """Takes every row out of the platform's tables, and the children of partitioned ones away.

    File versions are numbered from 1 again. Takes some 20 ms; fails rather than waits where someone still reads.
    """
    with database.connect() as connection:
        connection.execute("SET LOCAL lock_timeout = '10s'")
        children = [
            sql.Identifier(PARTITIONS_SCHEMA, name) for (name,) in connection.execute(_CHILDREN, [PARTITIONS_SCHEMA])
        ]
        if children:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.SQL(", ").join(children)))
        connection.execute(
            sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(table.identifier for table in TABLES if not table.view))
        )
        connection.execute("ALTER SEQUENCE raw_data.source_file_id RESTART")
        connection.execute("ALTER SEQUENCE raw_data.withdrawal_id RESTART")
