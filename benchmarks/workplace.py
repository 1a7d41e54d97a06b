"""Where the contenders work: one embedded server with a home of its own, warm, and as good as new before each run.

What belongs here: starting and stopping that server, emptying it, and the environment of commands that use it. What
does not: measuring.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from meter_platform.embedded_postgres import server
from meter_platform.orchestration.dagster_home import CONFIG_FILE, config_directory
from meter_platform.settings import PREFIX, Settings

_KEPT: Final = {f"{PREFIX}PG_BIN"}
"""The only setting of a person's own platform that holds here too: where Postgres's programs are."""

_CHILDREN: Final = """
SELECT child.relnamespace::regnamespace::text, child.relname
FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
WHERE parent.relkind = 'p' AND child.relkind = 'r'
"""
_TABLES: Final = """
SELECT relnamespace::regnamespace::text, relname FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text IN ('raw_data', 'analytics')
  AND relname <> 'schema_version'
"""
_CONTENDERS: Final = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'bench_')"


@dataclass(frozen=True, slots=True)
class Workplace:
    """The running server and its folders.

    Attributes:
        home: the platform's home.
        scratch: files that contenders make outside of the timing, and what they print.
        url: libpq URL of the platform's database.
    """

    home: Path
    scratch: Path
    url: str

    def clear(self) -> None:
        """Takes away what contenders have stored, and has the server write the rest to disk.

        The platform's tables and its file catalogue are then empty; what Dagster knows of earlier runs stays.
        """
        with closing(psycopg.connect(self.url, autocommit=True)) as connection:
            for (schema,) in connection.execute(_CONTENDERS).fetchall():
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            if children := _identifiers(connection, _CHILDREN):
                connection.execute(sql.SQL("DROP TABLE {}").format(children))
            if tables := _identifiers(connection, _TABLES):
                connection.execute(sql.SQL("TRUNCATE {}").format(tables))
            connection.execute("CHECKPOINT")


@contextmanager
def workplace(cache: Path) -> Iterator[Workplace]:
    """Starts the server, with the platform's tables as they are defined now, and stops it at the end."""
    # Heavy, and a contender that starts commands does without.
    from meter_platform.warehouse import tables  # noqa: PLC0415 - see above
    from meter_platform.warehouse.database import Database  # noqa: PLC0415 - see above

    home, scratch = cache.absolute() / "home", cache.absolute() / "scratch"
    for folder in (home, scratch):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        url = server.ensure_running(home, pg_bin=Settings.from_environment().pg_bin)
        with psycopg.connect(url) as connection:
            # The cache may be older than a contract.
            for schema in tables.SCHEMAS:
                connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        Database(url).create_tables()
        yield Workplace(home, scratch, url)
    finally:
        server.stop(home)


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The environment of a command of the platform: this home, these settings, and none of the person's own."""
    dagster_home = home / "dagster"
    dagster_home.mkdir(exist_ok=True)
    shutil.copyfile(config_directory() / CONFIG_FILE, dagster_home / CONFIG_FILE)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX) or name in _KEPT}
    own = {f"{PREFIX}{name}": value for name, value in settings.items()}
    return {**inherited, f"{PREFIX}HOME": str(home), "DAGSTER_HOME": str(dagster_home), **own}


def _identifiers(connection: psycopg.Connection[tuple[str, str]], query: str) -> sql.Composed | None:
    found = connection.execute(sql.SQL(query)).fetchall()
    return sql.SQL(", ").join(sql.Identifier(*names) for names in found) if found else None
