"""The role that typed SQL runs as: setting it up where the login may, and proving that it can do no harm.

What belongs here: privileges. What does not: running typed SQL within limits of time and size (`guard.py`).

`faults` asks Postgres, in the session that is about to run typed SQL, what that session may
do. Only where the list is empty is anything run.
"""

from importlib import resources
from typing import Any, Final

import psycopg

from meter_platform.embedded_postgres.names import DAGSTER_DATABASE

READER_ROLE: Final = "meter_platform_reader"

SETTINGS: Final = {
    "temp_file_limit": "1GB",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "track_activities": "off",
}
"""Settings of every session of the role; only a superuser, or a login that was granted the right, may set them.

The last three keep what a person types to that person: an error quotes the text and its values, in lines that may look
like the server's own, and the server's log is read by others; `pg_stat_activity` shows the role's other sessions.
"""

_HARMLESS: Final = """
  'array_sample', 'array_shuffle', 'bernoulli', 'system', 'clock_timestamp', 'timeofday', 'random', 'random_normal',
  'gen_random_uuid', 'uuidv4', 'uuidv7', 'current_query', 'pg_relation_size', 'pg_table_size', 'pg_total_relation_size',
  'pg_indexes_size', 'pg_collation_actual_version', 'pg_is_in_recovery', 'amvalidate'
"""
"""Functions that are volatile because their result changes, and have no effect."""

_DANGEROUS: Final = f"""
FROM pg_proc AS p
WHERE p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'index_am_handler'::regtype,
                           'table_am_handler'::regtype, 'tsm_handler'::regtype, 'language_handler'::regtype,
                           'fdw_handler'::regtype)
  AND (
    p.prosecdef
    OR p.prokind = 'p'
    OR (p.provolatile = 'v' AND NOT (p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ({_HARMLESS})))
    -- These run whatever query they are given, or read whole tables into one value.
    OR p.proname ~ '^(query|table|schema|database|cursor)_to_xml'
    -- An advisory lock of the same number would stop a load; a snapshot's name is a file.
    OR p.proname ~ '^(pg_(try_)?advisory|lo_|pg_export_snapshot)'
  )
"""
"""Routines that typed SQL must not call, whoever made them."""

_FAULTS: Final = f"""
WITH me AS (SELECT * FROM pg_roles WHERE rolname = current_user)
SELECT 'it runs as ' || current_user WHERE current_user <> '{READER_ROLE}'
UNION ALL SELECT 'the role has attributes of an administrator' FROM me
  WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
UNION ALL SELECT 'the role is a member of ' || roleid::regrole FROM pg_auth_members JOIN me ON member = me.oid
UNION ALL SELECT 'the transaction may write' WHERE current_setting('transaction_read_only') <> 'on'
UNION ALL SELECT 'the disk it may use is not limited' WHERE current_setting('temp_file_limit') = '-1'
UNION ALL SELECT 'what is typed may come into the server''s log'
  WHERE current_setting('log_min_messages') NOT IN ('fatal', 'panic')
     OR current_setting('log_min_error_statement') <> 'panic'
UNION ALL SELECT 'what is typed is shown to others' WHERE current_setting('track_activities') <> 'off'
UNION ALL SELECT 'it may create in the database' WHERE has_database_privilege(current_database(), 'CREATE, TEMPORARY')
UNION ALL SELECT 'it may connect to {DAGSTER_DATABASE}' FROM pg_database
  WHERE datname = '{DAGSTER_DATABASE}' AND datname <> current_database() AND has_database_privilege(oid, 'CONNECT')
UNION ALL SELECT 'it may create in schema ' || nspname FROM pg_namespace WHERE has_schema_privilege(oid, 'CREATE')
UNION ALL (
  SELECT 'it may change or read ' || c.oid::regclass FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE CASE
    WHEN n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast')
      THEN c.relkind IN ('r', 'v') AND n.nspname <> 'information_schema'
       AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'USAGE, UPDATE')
    WHEN c.relkind NOT IN ('r', 'p', 'v', 'm', 'f') THEN false
    ELSE has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
      OR (n.nspname NOT IN ('raw_data', 'analytics', 'analytics_models') AND has_schema_privilege(n.oid, 'USAGE')
          AND has_table_privilege(c.oid, 'SELECT'))
  END
  LIMIT 5)
UNION ALL (
  SELECT 'it may call ' || p.oid::regprocedure {_DANGEROUS} AND has_function_privilege(p.oid, 'EXECUTE') LIMIT 5)
"""  # noqa: S608 - constants


def setup_script() -> str:
    """The SQL that sets the role up: for this module where the login is a superuser, else for a person who is."""
    text = resources.files("meter_platform.typed_sql").joinpath("role.sql").read_text(encoding="utf-8")
    revocable = f"SELECT p.oid::regprocedure::text {_DANGEROUS} AND has_function_privilege(reader, p.oid, 'EXECUTE')"
    settings = ", ".join(f"('{name}', '{value}')" for name, value in SETTINGS.items())
    return text.replace("{dangerous_functions}", revocable).replace("{settings}", settings)


def set_up(connection: psycopg.Connection[Any], *, login: bool) -> bool:
    """Creates the role and revokes what it must not do, if this login is a superuser; quick where that has been done.

    Args:
        connection: of the platform's own account.
        login: let the role log in. Only for a server that trusts whoever reaches it: the role has no password.

    Returns:
        Whether it could.
    """
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is None or not row[0]:
        return False
    connection.execute(setup_script())
    if login:
        connection.execute(f"ALTER ROLE {READER_ROLE} LOGIN")
    return True


def faults(connection: psycopg.Connection[Any]) -> list[str]:
    """What the session may do that typed SQL must not, in words. Typed SQL runs only where the list is empty.

    Args:
        connection: a session of the reader role, within its transaction.
    """
    return [row[0] for row in connection.execute(_FAULTS)]
