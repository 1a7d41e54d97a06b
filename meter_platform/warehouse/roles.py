"""The logins of a given server, each with what it needs and no more: made by the platform, or by a DBA from the printed SQL.

What belongs here: which roles there are and what each may do. What does not: the role that typed SQL runs as
(`typed_sql/role.py`), what the metrics read (`exporter_grants.py`), and the embedded server, which has one account.

| role | may |
|---|---|
| `meter_owner` | own the platform's database and tables; nobody logs in as it |
| `meter_loader` | become the owner, and nothing else: runs, the daemon, the code server, the app, migrations |
| `meter_dagster` | own Dagster's database; it cannot see the platform's |
| `meter_exporter` | read some columns of both, none of which names a meterpoint, for five seconds at a time |
| `meter_backup` | copy the server's files, and note that it did; it can read no table |
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from meter_platform.errors import LockHeldError, PermanentError
from meter_platform.warehouse.exporter_grants import (
    DAGSTER_COLUMNS,
    DATA_COLUMNS,
    DATA_FUNCTIONS,
    EXPORTER_MEMBER_OF,
    EXPORTER_ROLE,
    EXPORTER_SETTINGS,
)

OWNER: Final = "meter_owner"
LOADER: Final = "meter_loader"
DAGSTER: Final = "meter_dagster"
BACKUP: Final = "meter_backup"
LOGINS: Final = (LOADER, DAGSTER, EXPORTER_ROLE, BACKUP)

_NO_RIGHTS: Final = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"

_ATTRIBUTES: Final[Mapping[str, str]] = {
    OWNER: "NOLOGIN NOREPLICATION",
    LOADER: "LOGIN NOREPLICATION",
    DAGSTER: "LOGIN NOREPLICATION",
    EXPORTER_ROLE: "LOGIN NOREPLICATION CONNECTION LIMIT 5",
    BACKUP: "LOGIN REPLICATION CONNECTION LIMIT 5",
}

_SCHEMAS: Final = ("raw_data", "analytics", "analytics_models", "raw_data_partitions", "operations")
"""As `tables.SCHEMAS`, which takes long to import; a test holds the two together."""

_PASSWORD_FILE: Final = "{role}_password"  # noqa: S105 - the name of a file

_KINDS: Final = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE"}

_NOT_THEIRS: Final = """
SELECT relkind, nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'S') AND relowner <> to_regrole(%s)
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i') AND relkind = 'S')
ORDER BY 2, 3"""
"""What is to change hands; the sequence of a column follows its table."""

_TRIES: Final = 5
"""How often the whole is tried where others use the tables meanwhile."""


def set_up(data: psycopg.Connection[Any], dagster: psycopg.Connection[Any], passwords: Mapping[str, str]) -> list[str]:
    """Makes the roles and gives them their rights, also where that was done before.

    A password is sent as its digest (SCRAM), so that neither the server nor its log ever has it.

    Args:
        data: to the platform's database, as a superuser; its tables are there.
        dagster: to Dagster's database, as a superuser.
        passwords: of logins, by role. A login without one keeps what it has.

    Returns:
        The tables that are not there yet, so that the metrics cannot read them: give the command again later.

    Raises:
        PermanentError: this login may not do it.
        LockHeldError: others use the tables all the time.
    """
    for _ in range(_TRIES):
        try:
            return [*_in_data(data, passwords), *_in_dagster(dagster)]
        except psycopg.errors.InsufficientPrivilege as error:
            raise PermanentError(
                "This login may not make roles: give a superuser's in METER_PLATFORM_POSTGRES_URL for this command, or have "
                "who runs the server do it (`meter-platform migrate --roles --print` has the SQL)."
            ) from error
        except psycopg.errors.DeadlockDetected:
            continue  # every table changes hands in one transaction; who has two of them in another order may win
    raise LockHeldError(
        f"Other sessions used the tables at each of {_TRIES} tries: end what uses the database (runs, the daemon, the app), "
        "then give the command again."
    )


def _in_data(data: psycopg.Connection[Any], passwords: Mapping[str, str]) -> list[str]:
    with data.transaction():
        for statement in cluster_statements():
            data.execute(statement)
        for role, password in passwords.items():
            digest = data.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            data.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(digest.decode()))
            )
        for statement in data_statements(data.info.dbname):
            data.execute(statement)
        _change_hands(data, _SCHEMAS, OWNER)
        return list(_grant_columns(data, DATA_COLUMNS))


def _in_dagster(dagster: psycopg.Connection[Any]) -> list[str]:
    with dagster.transaction():
        for statement in dagster_statements(dagster.info.dbname):
            dagster.execute(statement)
        _change_hands(dagster, ("public",), DAGSTER)
        return list(_grant_columns(dagster, DAGSTER_COLUMNS))


def script(data: str, dagster: str) -> Iterator[str]:
    """The same as SQL for psql, to be read and run by a superuser.

    Args:
        data: the name of the platform's database.
        dagster: the name of Dagster's.
    """
    yield "-- The logins of the meter platform. Run it with psql as a superuser, after `meter-platform migrate`; running it"
    yield "-- again changes nothing. Passwords: \\password meter_loader, and so on."
    yield from (f"{statement.as_string(None)};" for statement in cluster_statements())
    yield f"\\connect {sql.Identifier(data).as_string(None)}"
    yield from (f"{statement.as_string(None)};" for statement in data_statements(data))
    yield _changing_hands(_SCHEMAS, OWNER)
    yield from (f"{statement.as_string(None)};" for statement in _column_grants(DATA_COLUMNS))
    yield f"\\connect {sql.Identifier(dagster).as_string(None)}"
    yield from (f"{statement.as_string(None)};" for statement in dagster_statements(dagster))
    yield _changing_hands(("public",), DAGSTER)
    yield from (f"{statement.as_string(None)};" for statement in _column_grants(DAGSTER_COLUMNS))


def passwords_in(folder: Path) -> dict[str, str]:
    """The passwords of logins, each from the file `<role>_password` of a folder, such as one of mounted secrets.

    Raises:
        PermanentError: there is none, or one cannot be read or is empty.
    """
    found = {}
    for role in LOGINS:
        path = folder / _PASSWORD_FILE.format(role=role)
        try:
            found[role] = path.read_text(encoding="utf-8").rstrip("\r\n")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise PermanentError(f"The password in {path} cannot be read: {type(error).__name__}.") from None
        if not found[role]:
            raise PermanentError(f"The file {path} is empty: it is to hold the password of {role}.")
    if not found:
        raise PermanentError(
            f"There is no password in {folder}: a file is called {_PASSWORD_FILE.format(role=LOADER)}."
        )
    return found


def cluster_statements() -> Iterator[sql.Composed]:
    """The roles, with what each may do on the server as a whole."""
    for role, attributes in _ATTRIBUTES.items():
        name = sql.Identifier(role)
        yield sql.SQL("DO $$ BEGIN IF to_regrole({}) IS NULL THEN CREATE ROLE {}; END IF; END $$").format(
            sql.Literal(role), name
        )
        yield sql.SQL("ALTER ROLE {} {} {}").format(name, sql.SQL(_NO_RIGHTS), sql.SQL(attributes))
    yield sql.SQL("GRANT {} TO {}").format(sql.Identifier(OWNER), sql.Identifier(LOADER))
    # Whatever it makes is the owner's.
    yield sql.SQL("ALTER ROLE {} SET role = {}").format(sql.Identifier(LOADER), sql.Literal(OWNER))
    yield sql.SQL("GRANT {} TO {}").format(sql.Identifier(EXPORTER_MEMBER_OF), sql.Identifier(EXPORTER_ROLE))
    for setting, value in EXPORTER_SETTINGS.items():
        yield sql.SQL("ALTER ROLE {} SET {} = {}").format(
            sql.Identifier(EXPORTER_ROLE), sql.Identifier(setting), sql.Literal(value)
        )


def data_statements(database: str) -> Iterator[sql.Composed]:
    """Who may do what in the platform's database, columns apart.

    Args:
        database: its name.
    """
    yield from _database(database, OWNER, [EXPORTER_ROLE, BACKUP])
    for schema in _SCHEMAS:
        yield sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(sql.Identifier(schema), sql.Identifier(OWNER))
    yield from _nothing(EXPORTER_ROLE, _SCHEMAS)
    yield from _nothing(BACKUP, _SCHEMAS)
    yield from _may_enter(EXPORTER_ROLE, DATA_COLUMNS)
    for function in DATA_FUNCTIONS:
        yield sql.SQL("GRANT EXECUTE ON FUNCTION pg_catalog.{} TO {}").format(
            sql.SQL(function), sql.Identifier(EXPORTER_ROLE)
        )
    yield sql.SQL("GRANT USAGE ON SCHEMA operations TO {}").format(sql.Identifier(BACKUP))
    yield sql.SQL("GRANT INSERT ON operations.log TO {}").format(sql.Identifier(BACKUP))


def dagster_statements(database: str) -> Iterator[sql.Composed]:
    """Who may do what in Dagster's database, columns apart.

    Args:
        database: its name.
    """
    yield from _database(database, DAGSTER, [EXPORTER_ROLE])
    yield sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC").format()
    yield from _nothing(EXPORTER_ROLE, ["public"])
    yield from _may_enter(EXPORTER_ROLE, DAGSTER_COLUMNS)


def _database(database: str, owner: str, guests: Iterable[str]) -> Iterator[sql.Composed]:
    name = sql.Identifier(database)
    yield sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(owner))
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name)
    for guest in guests:
        yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(guest))


def _nothing(role: str, schemas: Iterable[str]) -> Iterator[sql.Composed]:
    """What an earlier version granted and this one does not."""
    for schema in schemas:
        yield sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}").format(
            sql.Identifier(schema), sql.Identifier(role)
        )


def _may_enter(role: str, columns: Mapping[str, tuple[str, ...]]) -> Iterator[sql.Composed]:
    for schema in dict.fromkeys(table.partition(".")[0] for table in columns):
        yield sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), sql.Identifier(role))


def _column_grants(columns: Mapping[str, tuple[str, ...]]) -> Iterator[sql.Composed]:
    for table, names in columns.items():
        yield sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.Identifier(*table.split(".")),
            sql.Identifier(EXPORTER_ROLE),
        )


def _grant_columns(connection: psycopg.Connection[Any], columns: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Grants columns of those tables that are there, and says which are not."""
    for (table, names), grant in zip(columns.items(), _column_grants(columns), strict=True):
        ((there,),) = connection.execute(
            "SELECT count(*) = %s FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = ANY(%s)",
            [len(names), table, list(names)],
        ).fetchall()
        if there:
            connection.execute(grant)
        else:
            yield table


def _change_hands(connection: psycopg.Connection[Any], schemas: Iterable[str], owner: str) -> None:
    for kind, schema, name in connection.execute(_NOT_THEIRS, [list(schemas), owner]).fetchall():
        connection.execute(
            sql.SQL("ALTER {} {} OWNER TO {}").format(
                sql.SQL(_KINDS[kind]), sql.Identifier(schema, name), sql.Identifier(owner)
            )
        )


def _changing_hands(schemas: Iterable[str], owner: str) -> str:
    """The same for psql, which runs what a query returns."""
    kinds = " ".join(f"WHEN '{kind}' THEN '{word}'" for kind, word in _KINDS.items())
    query = _NOT_THEIRS.replace("%s", "{}").strip()
    wanted = sql.SQL(query).format(sql.Literal(list(schemas)), sql.Literal(owner)).as_string(None)
    return (
        f"SELECT format('ALTER %s %I.%I OWNER TO {owner}', CASE relkind {kinds} END, nspname, relname)\n"
        f"FROM ({wanted}) AS found \\gexec"
    )
