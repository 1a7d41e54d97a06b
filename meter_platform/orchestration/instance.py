"""Dagster's own storage on the platform's Postgres server, whichever process reads `dagster.yaml`.

What belongs here: the classes that `dagster.yaml` names, and the instance that commands use. What does not: definitions.

Dagster makes these classes anew in every process it starts (daemon, webserver, code server, run workers); each finds
the server through the settings of its environment, and starts the embedded one if it has to.
"""

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Final, Self

import dagster as dg
import psycopg
import sqlalchemy.event
import sqlalchemy.exc
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from sqlalchemy.engine import Engine

from meter_platform.errors import PermanentError
from meter_platform.orchestration.dagster_home import config_directory
from meter_platform.orchestration.dagster_private import (
    ConfigurableClassData,
    DagsterPostgresException,
    LocalArtifactStorage,
    LocalComputeLogManager,
    create_pg_engine,
    set_pg_statement_timeout,
)
from meter_platform.orchestration.dead_runs import fail_dead_runs, report_interrupted
from meter_platform.orchestration.event_log import PlatformEventLog
from meter_platform.orchestration.interruption import Interruption
from meter_platform.orchestration.run_lock import RunLock
from meter_platform.postgres.connecting import make_engines_patient
from meter_platform.postgres.refusals import translated
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, dagster_url

_log: Final = logging.getLogger(__name__)

_EVENT_BATCH: Final = {"DAGSTER_EVENT_BATCH_SIZE": "1000"}
"""A run of a year stores an event for each of 365 dates of each table: in batches they take a tenth of the time. Dagster
reads this from the environment whenever it stores one, and a user may have set it otherwise."""

_CREATE_LOCK: Final = 0x64616773  # "dags"
_MIGRATE_LOCK: Final = 0x64616774
_LAST_TABLE: Final = "job_ticks"
"""A table of the storage that is made last: where it exists, all others do."""

_INSUFFICIENT_PRIVILEGE: Final = "42501"

NEEDED_CONNECTIONS: Final = 40
"""Connections that all processes of the platform have open at most, with two runs: see docs/operating/postgres.md."""

_STATEMENT_TIMEOUT_MS: Final = 60_000
_POOL_RECYCLE_SECONDS: Final = 3600
_POOL_OVERFLOW: Final = 20
_ENDS: Final = {dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED}


class PlatformRunStorage(PostgresRunStorage):
    """The runs. A process that starts one holds its lock until it has ended, or the process has.

    The lock is taken before a run counts as started, and given back after it counts as finished: a run that counts as
    running and whose lock nobody holds is dead. Every run passes here, whoever starts it: a command of ours or of
    Dagster's, or the daemon.

    Args:
        postgres_url: SQLAlchemy URL.
        engine: the connections of all of Dagster's storage.
    """

    def __init__(self, postgres_url: str, engine: Engine) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)  # the storage it is a part of has done so
        self._engine = engine
        self._under_way: dict[str, tuple[RunLock, Interruption]] = {}

    @property
    def lock_url(self) -> str:
        """The libpq URL of the database in which the locks are."""
        return "postgresql://" + self.postgres_url.partition("://")[2]

    def handle_run_event(self, run_id: str, event: dg.DagsterEvent, update_timestamp: datetime | None = None) -> None:
        """Keeps a run's status; takes its lock when it starts, and gives it back when it has ended."""
        if event.event_type == dg.DagsterEventType.RUN_START and run_id not in self._under_way:
            self._begin(run_id)
        super().handle_run_event(run_id, event, update_timestamp)
        if event.event_type in _ENDS:
            self._finish(run_id)

    def unfinished(self, run_ids: Collection[str]) -> set[str]:
        """Which of these runs do not count as ended."""
        runs = self.get_runs(dg.RunsFilter(run_ids=list(run_ids)))
        return {run.run_id for run in runs if not run.is_finished}

    def end_if_interrupted(self) -> None:
        """Raises where this process has got a signal that ends its run."""
        for _, interruption in self._under_way.values():
            interruption.check()

    def dispose(self) -> None:
        """Gives back what this process holds, and closes its connections."""
        for run_id in list(self._under_way):
            self._finish(run_id)
        self._engine.dispose()
        super().dispose()

    def _begin(self, run_id: str) -> None:
        lock = RunLock(self.lock_url, run_id)
        lock.take()
        interruption = Interruption(self.lock_url, partial(self._report_interrupted, run_id))
        interruption.watch()
        self._under_way[run_id] = lock, interruption
        if self.has_instance:
            # Dead runs must not count as running beside this one.
            try:
                fail_dead_runs(self._instance)
            except (psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
                _log.warning("Whether other runs are dead cannot be told: %s", type(error).__name__)

    def _finish(self, run_id: str) -> None:
        if found := self._under_way.pop(run_id, None):
            lock, interruption = found
            interruption.stop()
            lock.release()

    def _report_interrupted(self, run_id: str, received: str) -> None:
        """Puts on record that a signal ended the run, where it could not do so itself."""
        report_interrupted(self._instance, run_id, received)


class PlatformScheduleStorage(PostgresScheduleStorage):
    """Schedules and sensors.

    Args:
        postgres_url: SQLAlchemy URL.
        engine: the connections of all of Dagster's storage.
    """

    def __init__(self, postgres_url: str, engine: Engine) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)  # the storage it is a part of has done so
        self._engine = engine


class PlatformStorage(DagsterPostgresStorage):
    """Runs, events and schedules in the database `dagster`, beside the platform's own.

    Connections are kept and used again: a run stores some 200 events, and Dagster would open three connections for
    each, which takes longer than the work of a small run. One is kept for all three; more are opened while they are
    needed at the same time.
    """

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url=postgres_url, inst_data=inst_data)
        engine = _engine(postgres_url)
        runs = PlatformRunStorage(postgres_url, engine)
        self._run_storage = runs
        self._event_log_storage = PlatformEventLog(
            postgres_url, engine, interrupt=runs.end_if_interrupted, unfinished=runs.unfinished
        )
        self._schedule_storage = PlatformScheduleStorage(postgres_url, engine)

    @classmethod
    def config_type(cls) -> Any:  # noqa: ANN401 - Dagster's signature
        """Takes no configuration: the environment says which server."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:  # noqa: ARG003 - Dagster's signature
        """Connects through psycopg 2, which Dagster's SQL is written for; SQLAlchemy 2.1 would take psycopg 3.

        Changes this process: see `_prepare_process`. Dagster calls this wherever it opens the instance.
        """
        _prepare_process()
        url = dagster_url(Settings.from_environment())
        database = Database(url)
        with _alone_while_tables_are_missing(database), _named(database):
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


def _prepare_process() -> None:
    """What a process needs that keeps runs on the platform's server: events in batches, and patient connections."""
    for name, value in _EVENT_BATCH.items():
        os.environ.setdefault(name, value)
    make_engines_patient()


def _engine(url: str) -> Engine:
    """Dagster's connections: one is kept."""
    engine = create_pg_engine(
        url, isolation_level="AUTOCOMMIT", pool_size=1, pool_recycle=_POOL_RECYCLE_SECONDS, max_overflow=_POOL_OVERFLOW
    )

    @sqlalchemy.event.listens_for(engine, "connect")
    def limit(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's
        set_pg_statement_timeout(connection, _STATEMENT_TIMEOUT_MS)

    return engine


@contextmanager
def _alone_while_tables_are_missing(database: Database) -> Iterator[None]:
    """Lets one process at a time create Dagster's tables: `dagster dev` starts several at once, which would collide."""
    with database.connect(autocommit=True) as connection:
        if connection.execute("SELECT to_regclass(%s)", [_LAST_TABLE]).fetchone() == (None,):
            connection.execute("SELECT pg_advisory_lock(%s)", [_CREATE_LOCK])  # ends with the connection
        _warn_of_few_connections(connection)
        yield


def _warn_of_few_connections(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int, "
        "(SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)"
    ).fetchone()
    limits = [limit for limit in row or () if limit >= 0]
    if limits and min(limits) < NEEDED_CONNECTIONS:
        _log.warning(
            "Postgres takes %s connections of this login, and the platform may need %s at a time: raise max_connections "
            "(or the login's CONNECTION LIMIT), or lower max_concurrent_runs in dagster.yaml.",
            min(limits),
            NEEDED_CONNECTIONS,
        )


@contextmanager
def _named(database: Database) -> Iterator[None]:
    """Translates errors of opening Dagster's storage into ones that say what to do."""
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, DagsterPostgresException) as error:
        if getattr(getattr(error, "orig", None), "pgcode", None) == _INSUFFICIENT_PRIVILEGE:
            raise PermanentError(
                f"Dagster keeps its runs in {database.shown}, in which this login may not create tables: make it the "
                "owner (ALTER DATABASE dagster OWNER TO <login>; ALTER SCHEMA public OWNER TO <login>), or drop that "
                "database where nothing else needs it."
            ) from None
        if known := translated(error, database.shown):
            raise known from None
        raise


def instance() -> dg.DagsterInstance:
    """The instance that Dagster's own commands use in this environment."""
    if os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()
    return dg.DagsterInstance.from_config(str(config_directory()))


def migrate_storage() -> None:
    """Takes Dagster's own storage to what the installed Dagster needs. One process does at a time; others wait."""
    with Database(dagster_url(Settings.from_environment())).connect(autocommit=True) as lock:
        lock.execute("SELECT pg_advisory_lock(%s)", [_MIGRATE_LOCK])  # ends with the connection
        with instance() as opened:
            opened.upgrade()
