"""Deliveries that public bug reports are about, as they came: what is stored, and what is told."""

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.discover import discover
from meter_platform.ingestion.tree import Effort
from meter_platform.orchestration.checks.deliveries import conflicts_in_files
from meter_platform.orchestration.checks.finding import Inspection
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.ingestion import delivered
from meter_platform_tests.places import CASES

pytestmark = pytest.mark.skipif(
    not CASES.exists(), reason="the cases are not the project's to publish: put them into ../shared/cases"
)

FIRST, THIRD = date(2021, 6, 1), date(2021, 6, 3)


class Case:
    """Deliveries of a case, one after another, loaded for a few days."""

    def __init__(self, database: Database, settings: Settings, folder: Path) -> None:
        self.database = database
        self.settings = settings.replace(today=date(2021, 6, 5))
        self.folder = folder
        folder.mkdir()

    def deliver(self, case: str, name: str, written: str) -> None:
        (source,) = CASES.glob(f"{case}-*/readings/{name}")
        shutil.copy(source, self.folder)
        moment = datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()
        os.utime(self.folder / name, (moment, moment))

    def load(self, dates: Sequence[date] = (FIRST, THIRD)) -> frozenset[date]:
        return delivered.load(self.database, self.settings, self.folder, dates).unchanged

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def values(self) -> list[Decimal]:
        return [
            v for (v,) in self.rows("SELECT consumption_delta FROM raw_data.raw_meter_readings ORDER BY interval_start")
        ]

    def superseded(self) -> list[Decimal]:
        return [
            v
            for (v,) in self.rows("SELECT consumption_delta FROM raw_data.superseded_readings ORDER BY interval_start")
        ]


@pytest.fixture
def case(database: Database, settings: Settings, tmp_path: Path) -> Case:
    return Case(database, settings, tmp_path / "readings")


@pytest.mark.parametrize("runs", [1, 2])
def test_15_a_null_does_not_erase(case: Case, runs: int) -> None:
    case.deliver("15", "a_first.json", "2021-06-02 06:00")
    if runs == 2:
        case.load()
    case.deliver("15", "b_second.json", "2021-06-03 06:00")
    case.load()
    case.load()
    assert case.values() == [Decimal("0.5"), Decimal("0.7")]
    assert case.superseded() == [Decimal("0.6")]
    assert case.rows("SELECT reason FROM raw_data.rejected_readings") == [("not_a_number",)]


def test_16_a_zero_that_is_filled_in_later(case: Case) -> None:
    case.deliver("16", "a_early.json", "2021-06-02 06:00")
    case.load()
    case.deliver("16", "b_late.json", "2021-06-03 06:00")
    assert case.load() == {THIRD}
    assert case.values() == [Decimal("0.734"), Decimal(0), Decimal("0.512")]
    assert case.superseded() == [Decimal(0), Decimal(0)]


@pytest.mark.parametrize(
    ("name", "stored", "rejected", "told"),
    [
        ("19/hdf_like.json", (0, Decimal(0)), 8, "8 rows of source file 1, 7.468 kWh between them, 1 of them say 0"),
        # The old meter goes on at 0 after the exchange: the half hours of both are held back.
        (
            "20/exchange.json",
            (20, Decimal("4.0")),
            56,
            "56 rows of source file 1, 8.3 kWh between them, 27 of them say 0",
        ),
    ],
)
def test_19_and_20_two_registers_or_meters_in_one_file_are_told(
    case: Case, name: str, stored: tuple[int, Decimal], rejected: int, told: str
) -> None:
    case.deliver(*name.split("/"), "2021-06-02 06:00")
    case.load()
    assert (len(case.values()), sum(case.values())) == stored
    assert case.superseded() == []
    assert case.rows("SELECT reason, count(*) FROM raw_data.rejected_readings GROUP BY 1") == [
        ("conflict_in_file", rejected)
    ]
    with case.database.connect() as connection:
        finding = conflicts_in_files(Inspection(connection, [FIRST], case.settings, dict))
    assert finding.failing == {FIRST: rejected}
    assert list(finding.examples) == [f"{FIRST}: {told}"]


def test_31_a_late_day_is_loaded_although_it_is_older_than_what_was_read_last(case: Case) -> None:
    case.deliver("31", "a_0603.json", "2021-06-04 06:00")
    case.load([THIRD])
    case.deliver("31", "b_0601_late.json", "2021-06-02 06:00")
    found = discover(case.database, case.settings, ReadingFolder(str(case.folder)), seconds=60, effort=Effort())
    assert found is not None
    assert list(found.pending) == [FIRST]
    assert case.load() == {THIRD}
    assert case.rows(
        "SELECT reference_date, count(*), sum(consumption_delta) FROM raw_data.raw_meter_readings GROUP BY 1 ORDER BY 1"
    ) == [(FIRST, 48, Decimal("9.6")), (THIRD, 48, Decimal("4.8"))]
