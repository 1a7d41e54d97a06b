"""A database for a test to begin with: the platform's tables, and nothing in them.

What belongs here: emptying, and what a session that locks many tables has to say. What does not: filling, and what a test
looks at.
"""

from typing import Final, LiteralString

from psycopg import sql

from meter_platform.warehouse.database import Database
from meter_platform.warehouse.schema import VERSION_TABLE
from meter_platform.warehouse.tables import PARTITIONS_SCHEMA, SCHEMAS

AFTER_AUTOVACUUM: Final[LiteralString] = "SET deadlock_timeout = '10s'"
"""For a session that takes rights from many tables at once. Autovacuum takes locks in an order of its own: where the two
wait for each other, it is autovacuum that finds out first (after a second) and gives way."""

_SEQUENCES: Final = ("source_file_id", "withdrawal_id")

_EMPTY: Final = sql.SQL(
    """
SET LOCAL lock_timeout = '10s';
DO $$
DECLARE
  children text := (SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
                    WHERE relnamespace = to_regnamespace({partitions}) AND relkind = 'r');
  filled text;
BEGIN
  IF children IS NOT NULL THEN
    EXECUTE 'DROP TABLE ' || children;
  END IF;
  -- A table that nothing was ever written to has a file without a byte.
  SELECT string_agg(oid::regclass::text, ', ') INTO filled FROM pg_class
  WHERE relnamespace = ANY ({schemas}::regnamespace[]) AND relkind = 'r' AND relname <> {versions}
    AND pg_relation_size(oid) > 0;
  IF filled IS NOT NULL THEN
    EXECUTE 'TRUNCATE ' || filled;
  END IF;
  PERFORM setval(oid::regclass, 1, false) FROM pg_class
  WHERE relnamespace = 'raw_data'::regnamespace AND relname = ANY ({sequences});
END $$
"""
).format(
    partitions=sql.Literal(PARTITIONS_SCHEMA),
    schemas=sql.Literal([schema for schema in SCHEMAS if schema != PARTITIONS_SCHEMA]),
    versions=sql.Literal(VERSION_TABLE),
    sequences=sql.Literal([*_SEQUENCES]),
)


def empty(database: Database) -> None:
    """Takes every row out of the platform's tables, and the children of partitioned ones away.

    File versions are numbered from 1 again. Takes a few milliseconds where little was written; fails rather than waits
    where someone still uses what was.
    """
    with database.connect() as connection:
        connection.execute(_EMPTY)
