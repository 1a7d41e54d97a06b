"""Dagster's own storage on the platform's Postgres server, whichever process reads `dagster.yaml`.

What belongs here: the classes that `dagster.yaml` names, and the instance that commands use. What does not: definitions.

Dagster makes these classes anew in every process it starts (daemon, webserver, code server, run workers); each finds
the server through the settings of its environment, and starts the embedded one if it has to.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

import dagster as dg
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from meter_platform.settings import Settings
from meter_platform.storage.connecting import make_engines_patient
from meter_platform.storage.dagster_home import config_directory
from meter_platform.storage.database import Database, dagster_url

# A run of a year stores an event for each of 365 dates of each table: together they take a tenth of the time that they
# take one by one. Dagster reads this from the environment, and a user may have set it otherwise.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")

make_engines_patient()

_CREATE_LOCK: Final = 0x64616773  # "dags"
_LAST_TABLE: Final = "job_ticks"
"""Of the storage that is made last: where it is, the others are."""

_STATEMENT_TIMEOUT_MS: Final = 60_000
_POOL_RECYCLE_SECONDS: Final = 3600
_POOL_OVERFLOW: Final = 20


class PlatformEventLog(PostgresEventLogStorage):
    """The event log, which knows what it has once seen of its own tables: Dagster asks a hundred times in a run.

    What is there is remembered, what is not is looked for again: a migration adds, it takes nothing away.
    """

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)  # the storage it is a part of has done so
        self._tables: set[str] = set()
        self._asset_columns: set[str] = set()

    def has_table(self, table_name: str) -> bool:
        """Whether there is such a table."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether the table of assets has such a column."""
        if column_name not in self._asset_columns and super().has_asset_key_col(column_name):
            self._asset_columns.add(column_name)
        return column_name in self._asset_columns


class PlatformStorage(DagsterPostgresStorage):
    """Runs, events and schedules in the database `dagster`, beside the platform's own.

    Connections are kept and used again: a run stores some 200 events, and Dagster would open three connections for
    each, which takes longer than the work of a small run.
    """

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url=postgres_url, inst_data=inst_data)
        self._event_log_storage = PlatformEventLog(postgres_url)
        for storage in (self.run_storage, self.event_log_storage, self.schedule_storage):
            storage.optimize_for_webserver(
                statement_timeout=_STATEMENT_TIMEOUT_MS,
                pool_recycle=_POOL_RECYCLE_SECONDS,
                max_overflow=_POOL_OVERFLOW,
            )

    @classmethod
    def config_type(cls) -> Any:  # noqa: ANN401 - Dagster's signature
        """Takes no configuration: the environment says which server."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:  # noqa: ARG003 - Dagster's signature
        """Connects through psycopg 2, which Dagster's SQL is written for; SQLAlchemy 2.1 would take psycopg 3."""
        url = dagster_url(Settings.from_environment())
        with _alone_while_tables_are_missing(Database(url)):
            return cls(postgres_url="postgresql+psycopg2://" + url.partition("://")[2], inst_data=inst_data)


class PlatformComputeLogs(LocalComputeLogManager):
    """What steps print, under the platform's home."""

    @classmethod
    def config_type(cls) -> Any:  # noqa: ANN401 - Dagster's signature
        """Takes no configuration."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:  # noqa: ARG003 - Dagster's signature
        """Uses the home that the environment names."""
        return cls(base_dir=str(Settings.from_environment().home / "compute_logs"), inst_data=inst_data)


class PlatformArtifacts(LocalArtifactStorage):
    """The few files Dagster keeps, under the platform's home."""

    @classmethod
    def config_type(cls) -> Any:  # noqa: ANN401 - Dagster's signature
        """Takes no configuration."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:  # noqa: ARG003 - Dagster's signature
        """Uses the home that the environment names."""
        return cls(base_dir=str(Settings.from_environment().home / "artifacts"), inst_data=inst_data)


@contextmanager
def _alone_while_tables_are_missing(database: Database) -> Iterator[None]:
    """Lets one process at a time create Dagster's tables: it starts several at once, which get in each other's way."""
    with database.connect(autocommit=True) as connection:
        if connection.execute("SELECT to_regclass(%s)", [_LAST_TABLE]).fetchone() == (None,):
            connection.execute("SELECT pg_advisory_lock(%s)", [_CREATE_LOCK])  # ends with the connection
        yield


def instance() -> dg.DagsterInstance:
    """The instance that Dagster's own commands use in this environment."""
    if os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()
    return dg.DagsterInstance.from_config(str(config_directory()))
