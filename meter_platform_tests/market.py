"""A small market: a supplier's files and reference database, and the platform that loads them into a real Postgres.

What belongs here: delivering input, ticks of the sensor, runs of the graph, and looking at tables. What does not: what a
file may hold (`intake/`), and what anything should lead to.
"""

import json
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from meter_platform.orchestration.composition import build_defs
from meter_platform.orchestration.instance import instance
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, open_database

LONDON: Final = ZoneInfo("Europe/London")

OLD: Final = datetime(2021, 11, 5, 7, tzinfo=UTC)
"""When files were written unless said otherwise: none of them can still be growing."""

FLEXIBLE: Final = ("P-FLEX", "Flexible", 1)
FIXED: Final = ("P-FIX", "Fixed", 0)
OUTGOING: Final = ("P-OUT", "Outgoing Fixed", 0)

Reading = tuple[str, str, str]
"""Meterpoint, local time, kWh, all as they are printed."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A row of the reference database."""

    agreement_id: int
    meterpoint: str
    product: str = "P-FLEX"
    since: str = "2020-01-01"
    until: str | None = None


@dg.logger
def quiet(_: dg.InitLoggerContext) -> logging.Logger:
    """Says nothing: Dagster's event log has it all."""
    logger = logging.getLogger("meter_platform_tests.quiet")
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False
    return logger


@contextmanager
def dagster_on_postgres(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance that Dagster's own commands use, on the session's server, with nothing in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METER_PLATFORM_HOME", str(home))
        patch.delenv("DAGSTER_HOME", raising=False)
        with instance() as opened:
            opened.wipe()
            opened.wipe_all_schedules()
            opened.wipe_daemon_heartbeats()
            yield opened


def day_of(meterpoint: str, day: str, kwh: str, zone: ZoneInfo = LONDON) -> list[Reading]:
    """A reading for each half hour of a local day, by naive local time."""
    start = datetime.combine(date.fromisoformat(day), datetime.min.time(), zone).astimezone(UTC)
    readings = []
    while (local := start.astimezone(zone)).date() == date.fromisoformat(day):
        readings.append((meterpoint, f"{local:%Y-%m-%d %H:%M:%S}", kwh))
        start += timedelta(minutes=30)
    return readings


@dataclass
class Market:
    """The input of a small market and the platform on it.

    Attributes:
        settings: of the platform; `readings_url` and `reference_url` are set here.
        folder: a place for the input.
        dagster: where runs are kept.
    """

    settings: Settings
    folder: Path
    dagster: dg.DagsterInstance
    cursor: str | None = None
    _defs: dg.Definitions | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Begin with an empty folder and a reference database of one home."""
        self.readings.mkdir(parents=True, exist_ok=True)
        self.settings = self.settings.replace(
            readings_url=str(self.readings), reference_url=f"sqlite:///{self.reference}"
        )
        self.refresh([Agreement(1, "home-1")])

    @property
    def readings(self) -> Path:
        return self.folder / "readings"

    @property
    def reference(self) -> Path:
        return self.folder / "reference.db"

    @property
    def database(self) -> Database:
        return open_database(self.settings)

    @property
    def defs(self) -> dg.Definitions:
        if self._defs is None:
            self._defs = build_defs(self.settings, loggers={"console": quiet})
        return self._defs

    def deliver(self, name: str, readings: Iterable[Reading], *, written: datetime = OLD) -> None:
        """A file is delivered, or delivered anew."""
        rows = ",".join(f'["{meterpoint}","{time}",{kwh}]' for meterpoint, time, kwh in readings)
        columns = json.dumps(["meterpoint_id", "interval_start", "consumption_delta"])
        self.deliver_text(name, f'{{"columns":{columns},"data":[{rows}]}}', written=written)

    def deliver_text(self, name: str, text: str, *, written: datetime = OLD) -> None:
        """A file is delivered that may be no document."""
        (self.readings / name).write_text(text)
        self.touch(name, written)

    def touch(self, name: str, written: datetime) -> None:
        """A file's modification time changes, and nothing else."""
        os.utime(self.readings / name, (written.timestamp(), written.timestamp()))

    def refresh(
        self,
        agreements: Sequence[Agreement],
        *,
        meterpoints: Sequence[str] | None = None,
        products: Sequence[tuple[str, str, int]] = (FLEXIBLE, FIXED, OUTGOING),
    ) -> None:
        """The reference database is written anew."""
        self.reference.unlink(missing_ok=True)
        known = meterpoints if meterpoints is not None else sorted({row.meterpoint for row in agreements})
        with closing(sqlite3.connect(self.reference)) as source:
            source.executescript(
                "CREATE TABLE agreement (agreement_id INTEGER, agreement_valid_from DATE, agreement_valid_to DATE, "
                "product_id TEXT, meterpoint_id TEXT, account_id TEXT);"
                "CREATE TABLE product (display_name TEXT, is_variable INTEGER, id INTEGER, product_id TEXT);"
                "CREATE TABLE meterpoint (region TEXT, meterpoint_id TEXT);"
            )
            source.executemany(
                "INSERT INTO agreement VALUES (?, ?, ?, ?, ?, 'account')",
                [(row.agreement_id, row.since, row.until, row.product, row.meterpoint) for row in agreements],
            )
            source.executemany(
                "INSERT INTO product VALUES (?, ?, ?, ?)",
                [(name, variable, number, key) for number, (key, name, variable) in enumerate(products)],
            )
            source.executemany("INSERT INTO meterpoint VALUES ('London', ?)", [(name,) for name in known])
            source.commit()

    def alter_reference(self, script: str) -> None:
        """Someone changes the reference database."""
        with closing(sqlite3.connect(self.reference)) as source:
            source.executescript(script)

    def tick(self) -> SensorExecutionData:
        """The sensor looks, with the cursor that the tick before left."""
        sensor = self.defs.resolve_sensor_def("new_reading_files")
        context = dg.build_sensor_context(instance=self.dagster, cursor=self.cursor, definitions=self.defs)
        found = sensor.evaluate_tick(context)
        self.cursor = found.cursor
        return found

    def carry_out(self, requests: Iterable[dg.RunRequest], *, checks: bool = True) -> list[dg.ExecuteInProcessResult]:
        """Runs what a tick or a schedule asked for; see `run`."""
        return [self._execute(request.tags, request.asset_selection, checks=checks) for request in requests]

    def run(
        self, first: str, last: str | None = None, *, assets: Sequence[str] = (), checks: bool = True
    ) -> dg.ExecuteInProcessResult:
        """Materialises assets for a date or a range of dates.

        Args:
            first: the date, or the first of a range.
            last: the last of a range.
            assets: those whose tables are made; all unless given.
            checks: whether their checks are executed, too, which take as long as all the rest: for who looks at tables
                alone.
        """
        tags = (
            {"dagster/partition": first}
            if last is None
            else {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        )
        return self._execute(tags, [dg.AssetKey(name) for name in assets] or None, checks=checks)

    def run_checks(
        self, selection: dg.AssetSelection | None = None, *, day: str | None = None
    ) -> dict[str, dg.AssetCheckEvaluation]:
        """Executes checks alone, without a partition unless a day is given."""
        tags = {"dagster/partition": day} if day else {}
        job = dg.define_asset_job("checks", selection or dg.AssetSelection.all_asset_checks())
        defs = dg.Definitions.merge(self.defs, dg.Definitions(jobs=[job]))
        return evaluations(self._outcome(defs.resolve_job_def("checks"), tags, None))

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.database.connect() as connection:
            return connection.execute(query.encode(), values).fetchall()

    def change(self, statement: str, *values: object) -> int:
        """Someone changes the database; returns how many rows."""
        with self.database.connect() as connection:
            return connection.execute(statement.encode(), values).rowcount

    def _execute(
        self, tags: Mapping[str, str], assets: Sequence[dg.AssetKey] | None, *, checks: bool
    ) -> dg.ExecuteInProcessResult:
        job = self.defs.resolve_implicit_global_asset_job_def()
        if not checks:
            every = job.asset_layer.executable_asset_keys
            job, assets = job.get_subset(asset_selection=set(assets or every), asset_check_selection=set()), None
        return self._outcome(job, tags, assets)

    def _outcome(
        self, job: dg.JobDefinition, tags: Mapping[str, str], assets: Sequence[dg.AssetKey] | None
    ) -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            instance=self.dagster,
            tags=dict(tags),
            asset_selection=assets,
            run_config={"loggers": {"console": {}}},
            raise_on_error=False,
        )


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """What the checks of a run found, by asset and check."""
    assert result.success, failures(result)
    return {
        f"{found.asset_key.to_user_string()}.{found.check_name}": found
        for found in result.get_asset_check_evaluations()
    }


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Each failed step, and why."""
    found = {}
    for event in result.filter_events(lambda event: event.is_step_failure):
        user, error = event.step_failure_data.user_failure_data, event.step_failure_data.error
        while error and error.cause and (error.cls_name or "").startswith(("Dagster", "RetryRequested")):
            error = error.cause
        found[event.step_key or ""] = (user.description if user else None) or (error.message if error else "")
    return found
