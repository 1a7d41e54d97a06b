"""What the tests of metrics share: metrics as numbers, Dagster's ticks, and the exporter's login.

What belongs here: reading and arranging. What does not: what any number should be.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import dagster as dg
import psycopg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from meter_platform.embedded_postgres.names import DAGSTER_DATABASE
from meter_platform.metrics import server
from meter_platform.metrics.collector import platform_collector
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.exporter_grants import (
    DAGSTER_COLUMNS,
    DATA_COLUMNS,
    EXPORTER_MEMBER_OF,
    EXPORTER_ROLE,
)
from meter_platform_tests.databases import AFTER_AUTOVACUUM

_ORIGIN: Final = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("meter_platform.definitions"), "__repository__")


def scraped(settings: Settings) -> dict[str, float]:
    """What a scrape says: see `numbers`."""
    return numbers(server.once(platform_collector(settings)))


def numbers(text: str) -> dict[str, float]:
    """Each series with its value: `name` or `name{label="value",…}`, labels in order of their names."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def tick(instance: dg.DagsterInstance, name: str, kind: str, status: str, at: float) -> None:
    """A sensor or schedule has a tick."""
    origin = RemoteInstigatorOrigin(_ORIGIN, name)
    data = ScheduleInstigatorData("30 8 * * *") if kind == "SCHEDULE" else SensorInstigatorData()
    state = InstigatorState(origin, InstigatorType[kind], InstigatorStatus.RUNNING, data)
    if instance.get_instigator_state(state.instigator_origin_id, state.selector_id) is None:
        instance.add_instigator_state(state)
    instance.create_tick(
        TickData(
            state.instigator_origin_id,
            name,
            InstigatorType[kind],
            TickStatus[status],
            at,
            run_ids=[] if status == "SUCCESS" else None,
            error=SerializableErrorInfo("", [], None) if status == "FAILURE" else None,
            selector_id=state.selector_id,
        )
    )


def heartbeat(instance: dg.DagsterInstance, daemon: str, at: float) -> None:
    """A daemon is heard of."""
    instance.add_daemon_heartbeat(DaemonHeartbeat(at, daemon, "one", []))


@contextmanager
def exporter_login(database: Database) -> Iterator[str]:
    """The exporter's role with its grants and no others; gives the URL of its login, and takes it away again."""
    dagster = Database(database_url(database.url, DAGSTER_DATABASE))
    role = sql.Identifier(EXPORTER_ROLE)
    with database.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(EXPORTER_MEMBER_OF), role))
    try:
        for each, columns in ((database, DATA_COLUMNS), (dagster, DAGSTER_COLUMNS)):
            with each.connect() as connection:
                # Other tests on this server may have kept everybody out whom nothing lets in.
                name = sql.Identifier(connection.info.dbname)
                connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, role))
                _grant(connection, role, columns)
        # The embedded server lets everybody in who reaches it.
        yield database.url.replace("postgresql://meter_platform@", f"postgresql://{EXPORTER_ROLE}@")
    finally:
        for each in (database, dagster):
            with each.connect() as connection:
                connection.execute(AFTER_AUTOVACUUM)
                connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        with database.connect() as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


def _grant(connection: psycopg.Connection[Any], role: sql.Identifier, columns: Mapping[str, tuple[str, ...]]) -> None:
    for schema in {table.partition(".")[0] for table in columns}:
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), role))
    for table, names in columns.items():
        connection.execute(
            sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(
                sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(*table.split(".")), role
            )
        )
