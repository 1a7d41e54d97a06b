"""How long each engine takes over the rules that go through all readings of a date, and what memory.

What belongs here: the date, and what is measured of it. What does not: loading it, and the program that computes
(`engine_run.py`), which is a process of its own for each engine, so that its memory can be told.

DuckDB reads the date out of Postgres and out of a lake. Sail stands in for Spark: one process, and no cluster; it reads the
lake's files itself, as a cluster does.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

from benchmarks.command import CommandFailedError
from benchmarks.goals import MB, Found, Goal, peak
from benchmarks.job import Outcome
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace
from meter_platform.lake.lake import Lake
from meter_platform.lake.stores import LakeStore
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, open_database

NAME: Final = "engines"
TITLE: Final = "Engines: the rules that go through all readings of a date"

DAY: Final = date(2021, 1, 2)
METERPOINTS: Final = 500_000
FEW_METERPOINTS: Final = 5_000

DUCKDB: Final = "duckdb, lake"

SAIL: Final = "sail, lake"

ENGINES: Final = {
    "postgres": (),
    "duckdb": ("duckdb",),
    DUCKDB: ("duckdb", "deltalake"),
    SAIL: ("pyspark", "pysail", "deltalake"),
}
"""Engines, with a lake or without, and the packages that each needs."""

RESULT: Final = "sail, a result of 5,000,000 rows"
RESULT_ROWS: Final = 5_000_000

AGAIN: Final = ("half hours, again", "meterpoints, again")
"""Those of the goals: DuckDB reads the readings in the lake's files each time, and has what Postgres alone has (agreements)."""

_FILL: Final = """
CREATE TABLE raw_data_partitions.bench_engines (LIKE raw_data.raw_meter_readings INCLUDING ALL);
INSERT INTO raw_data_partitions.bench_engines
SELECT (1200000000000 + meterpoint)::text, timestamptz '2021-01-02Z' + number * interval '30 minutes',
       date '2021-01-02', ((meterpoint * 7919 + number * 104729) %% 3000)::numeric / 1000,
       1, meterpoint * 48 + number + 1, now(), 'import', 'unknown', '', NULL
FROM generate_series(0::bigint, %(last)s) AS meterpoint, generate_series(0, 47) AS number;
ALTER TABLE raw_data.raw_meter_readings ATTACH PARTITION raw_data_partitions.bench_engines FOR VALUES IN ('2021-01-02');
INSERT INTO raw_data.raw_meterpoints
SELECT (1200000000000 + meterpoint)::text, date '2021-01-02', 'London', now() FROM generate_series(0, %(last)s) AS meterpoint;
INSERT INTO analytics.active_agreements
  (agreement_id, reference_date, meterpoint_id, display_name, is_variable, is_export, is_sole, loaded_at)
SELECT meterpoint, date '2021-01-02', (1200000000000 + meterpoint)::text, 'Flexible', true, meterpoint %% 20 = 0, true, now()
FROM generate_series(0, %(last)s) AS meterpoint;
INSERT INTO raw_data.partition_versions
  (reference_date, table_name, version, rows_stored, built_from, rules, loaded_at, whole_version)
SELECT date '2021-01-02', name, 1, (%(last)s + 1) * each, '', '', now(), 1
FROM (VALUES ('raw_meter_readings', 48), ('raw_meterpoints', 1)) AS filled(name, each);
"""


def goals(found: Found) -> Iterator[Goal]:
    """A columnar engine is quick on the files of a lake, and the client's memory does not grow with a result."""
    for phase in AGAIN:
        yield Goal(
            measure=f"24 million readings on DuckDB, from a lake: {phase}",
            wanted="≤ 2 s",
            found=found.median(NAME, DUCKDB, lambda run, phase=phase: run.phases.get(phase)),  # type: ignore[misc]
            bound=2,
            unit="s",
            case=NAME,
        )
    memory = found.median(NAME, RESULT, peak)
    yield Goal(
        measure="memory of the client of Spark, a result of 5 million rows",
        wanted="≤ 300 MB",
        found=None if memory is None else memory / MB,
        bound=300,
        unit="MB",
        case=NAME,
    )


def measure(place: Workplace, *, repeats: int, log: Log, meterpoints: int) -> Measured:
    """Measures each engine that is installed.

    Raises:
        CommandFailedError: with the end of what it printed.
    """
    files = place.scratch / "engines"
    outcomes: dict[str, list[Outcome]] = {}
    skipped = {
        name: f"{', '.join(packages)} is not installed"
        for name, packages in ENGINES.items()
        if not all(map(find_spec, packages))
    }
    place.clear()
    try:
        database = _fill(place, meterpoints)
        if DUCKDB not in skipped:
            Lake(LakeStore(str(files / "lake"))).catch_up(database, [DAY])
        for _ in range(repeats):
            for name in ENGINES.keys() - skipped.keys():
                outcomes.setdefault(name, []).append(_run(place, files, name, DAY.isoformat()))
                log(f"  {name}: {outcomes[name][-1].phases}")
            if SAIL not in skipped:
                outcomes.setdefault(RESULT, []).append(_run(place, files, SAIL, str(RESULT_ROWS)))
    finally:
        shutil.rmtree(files, ignore_errors=True)
        place.clear()
    amount = {"readings": meterpoints * 48}
    return Measured.now(NAME, title=TITLE, amount=amount, outcomes=outcomes, skipped=skipped, url=place.url)


def _fill(place: Workplace, meterpoints: int) -> Database:
    database = open_database(Settings(home=place.home, postgres_url=place.url))
    with psycopg.connect(place.url, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in filter(str.strip, _FILL.split(";")):
            cursor.execute(statement.encode(), {"last": meterpoints - 1} if "%(" in statement else None)
        cursor.execute("ANALYZE")
    return database


def _run(place: Workplace, files: Path, engine: str, what: str) -> Outcome:
    done = subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, "-m", "benchmarks.engine_run", engine, place.url, str(files), what],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailedError(f"{engine}: {done.stderr[-2000:]}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))
