"""The main job on real input: the numbers that the case study states, by every way of running it, and again.

The expected numbers are those of the table in the case study's README, which were computed without this platform.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from meter_platform.orchestration.run import run_dates
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.commands import start_with
from meter_platform_tests.places import ROOT

CASE_STUDY = ROOT.parent / "shared/case_study"

pytestmark = pytest.mark.skipif(
    not CASE_STUDY.exists(), reason="the case study is not the project's to publish: put it into ../shared/case_study"
)

FIRST, LAST = date(2021, 1, 1), date(2021, 1, 3)


@dataclass(frozen=True, kw_only=True)
class Day:
    """A row of the case study's table."""

    active_agreements: int
    half_hours: int
    half_hours_kwh: Decimal
    products: int
    products_kwh: Decimal
    unattributed_readings: int
    unattributed_kwh: Decimal


EXPECTED = {
    date(2021, 1, 1): Day(
        active_agreements=94,
        half_hours=47,
        half_hours_kwh=Decimal("1679.778"),
        products=16,
        products_kwh=Decimal("1594.879"),
        unattributed_readings=282,
        unattributed_kwh=Decimal("84.899"),
    ),
    date(2021, 1, 2): Day(
        active_agreements=94,
        half_hours=48,
        half_hours_kwh=Decimal("1734.874"),
        products=16,
        products_kwh=Decimal("1666.667"),
        unattributed_readings=288,
        unattributed_kwh=Decimal("68.207"),
    ),
    date(2021, 1, 3): Day(
        active_agreements=94,
        half_hours=48,
        half_hours_kwh=Decimal("1847.223"),
        products=16,
        products_kwh=Decimal("1760.972"),
        unattributed_readings=288,
        unattributed_kwh=Decimal("86.251"),
    ),
}

STORED = """
SELECT reference_date, agreements, half_hours, half_hours_kwh, products, products_kwh, unattributed, unattributed_kwh
FROM (SELECT reference_date, count(*) AS agreements FROM analytics.active_agreements GROUP BY 1) AS a
JOIN (SELECT reference_date, count(*) AS half_hours, sum(total_consumption_kwh) AS half_hours_kwh
      FROM analytics.half_hourly_consumption GROUP BY 1) AS h USING (reference_date)
JOIN (SELECT reference_date, count(*) AS products, sum(total_consumption_kwh) AS products_kwh
      FROM analytics.daily_product_consumption GROUP BY 1) AS p USING (reference_date)
JOIN (SELECT reference_date, sum(reading_count) AS unattributed, sum(total_consumption_kwh) AS unattributed_kwh
      FROM analytics.unattributed_consumption GROUP BY 1) AS u USING (reference_date)
"""


@pytest.fixture
def environment(home: Path, database: Database) -> dict[str, str]:  # noqa: ARG001 - the database is emptied
    """The case study's sources, and the session's server."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("METER_PLATFORM_") and name not in {"DAGSTER_HOME", "PYTHONWARNINGS"}
    }
    return kept | {
        "METER_PLATFORM_HOME": str(home),
        "METER_PLATFORM_TRANSFORMATIONS": "off",
        "METER_PLATFORM_READINGS_URL": str(CASE_STUDY / "readings"),
        "METER_PLATFORM_REFERENCE_URL": f"sqlite:///{CASE_STUDY / 'case_study.db'}",
    }


def command(environment: dict[str, str], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the environment from the repository's root, which has to succeed."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def stored(database: Database) -> dict[date, Day]:
    """What is in Postgres, as the case study states it."""
    with database.connect() as connection:
        return {
            day: Day(
                active_agreements=agreements,
                half_hours=half_hours,
                half_hours_kwh=half_hours_kwh,
                products=products,
                products_kwh=products_kwh,
                unattributed_readings=int(unattributed),
                unattributed_kwh=unattributed_kwh,
            )
            for (
                day,
                agreements,
                half_hours,
                half_hours_kwh,
                products,
                products_kwh,
                unattributed,
                unattributed_kwh,
            ) in connection.execute(STORED.encode())
        }


def everything(database: Database) -> list[str]:
    """Every analytics row, but for when it was computed."""
    tables = (
        "active_agreements",
        "half_hourly_consumption",
        "daily_product_consumption",
        "unattributed_consumption",
        "meterpoint_completeness",
    )
    with database.connect() as connection:
        return [
            text
            for table in tables
            for (text,) in connection.execute(
                f"SELECT (to_jsonb(t) - 'loaded_at')::text FROM analytics.{table} AS t ORDER BY 1".encode()  # noqa: S608 - our own names
            )
        ]


def test_the_whole_graph_gives_the_case_studys_table_and_again_the_same(
    database: Database, environment: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("METER_PLATFORM_HOME", "METER_PLATFORM_READINGS_URL", "METER_PLATFORM_REFERENCE_URL"):
        monkeypatch.setenv(name, environment[name])
    settings = Settings.from_environment().replace(today=settings.today)

    first = run_dates(settings, FIRST, LAST)
    assert (first.succeeded, first.errors) == (True, {})
    assert stored(database) == EXPECTED
    rows = everything(database)

    second = run_dates(settings, FIRST, LAST)
    assert (second.succeeded, second.errors) == (True, {})
    assert stored(database) == EXPECTED
    assert everything(database) == rows

    with database.connect() as connection:
        one = connection.execute
        # What the case study says of its input, and what follows from it.
        assert one(
            "SELECT count(*), sum(consumption_delta), min(interval_start) FROM raw_data.raw_meter_readings"
        ).fetchall() == [(14_300, Decimal("5261.875"), one("SELECT timestamptz '2021-01-01 00:30Z'").fetchall()[0][0])]
        assert one(
            "SELECT count(*), min(settlement_period) FROM analytics.half_hourly_consumption WHERE reference_date = '2021-01-01'"
        ).fetchall() == [(47, 2)]
        # 94 of 100 meterpoints have one agreement, the one that switches within these days too.
        assert one(
            "SELECT reference_date, sum(meterpoint_count)::int FROM analytics.daily_product_consumption GROUP BY 1 ORDER BY 1"
        ).fetchall() == [(day, 94) for day in EXPECTED]
        assert one("SELECT count(*) FROM analytics.daily_product_consumption WHERE is_export").fetchall() == [(3,)]
        assert one("SELECT count(*) FROM raw_data.rejected_readings").fetchall() == [(0,)]
        assert one("SELECT count(*) FROM raw_data.superseded_readings").fetchall() == [(0,)]
        assert one(
            "SELECT count(*), sum(rows_stored), sum(rows_redelivered) FROM raw_data.source_files"
        ).fetchall() == [(100, 14_300, 0)]
        assert one(
            "SELECT DISTINCT expected_readings, received_readings FROM analytics.meterpoint_completeness ORDER BY 1, 2"
        ).fetchall() == [(48, 47), (48, 48)]


@pytest.mark.whole
def test_the_command_prints_what_the_case_study_states_and_again_the_same(
    database: Database, environment: dict[str, str]
) -> None:
    arguments = ("run", "--reference-date", "2021-01-01", "--to", "2021-01-03")

    for _ in range(2):
        done = start_with(environment, *arguments).wait()
        assert done.returncode == 0, done.stdout + done.stderr
        printed = done.stdout
        assert all(re.fullmatch(r" *\d+ of \d+ \w+", line) for line in done.stderr.splitlines()), done.stderr
        lines = {re.sub(r"  +", "  ", line).rstrip() for line in printed.splitlines()}
        assert stored(database) == EXPECTED
        for day, expected in EXPECTED.items():
            assert f"{day}  analytics.active_agreements  94" in lines
            for table, rows, kwh in (
                ("half_hourly_consumption", expected.half_hours, expected.half_hours_kwh),
                ("daily_product_consumption", expected.products, expected.products_kwh),
                ("unattributed_consumption", 6, expected.unattributed_kwh),
            ):
                assert f"{day}  analytics.{table}  {rows}  {kwh}" in lines, printed
        assert "Stored in " in printed


@pytest.mark.whole
def test_dagster_materialises_one_date_from_the_repositorys_root(
    database: Database, environment: dict[str, str]
) -> None:
    command(
        environment,
        "dagster",
        "asset",
        "materialize",
        "--select",
        "*",
        "--partition",
        "2021-01-02",
        "-m",
        "meter_platform.definitions",
    )

    day = date(2021, 1, 2)
    assert stored(database) == {day: EXPECTED[day]}


@pytest.mark.whole
def test_dagster_materialises_a_range_from_the_repositorys_root(
    database: Database, environment: dict[str, str]
) -> None:
    command(
        environment,
        "dagster",
        "asset",
        "materialize",
        "--select",
        "*",
        "--partition-range",
        "2021-01-01...2021-01-03",
        "-m",
        "meter_platform.definitions",
    )

    assert stored(database) == EXPECTED
