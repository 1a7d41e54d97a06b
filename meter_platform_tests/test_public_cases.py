"""Inputs from public bug reports, through the whole graph: the files, the reference database, every table, every check.

The cases stand beside the checkout (`../shared/cases`), with the right answer of each; expected values here are theirs.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meter_platform.orchestration.run import RunOutcome, run_dates
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.market import dagster_on_postgres
from meter_platform_tests.places import CASES

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(not CASES.exists(), reason="the cases are not the project's: ../shared/cases is absent"),
]

DAY = date(2021, 6, 1)


@dataclass
class Platform:
    """The platform on the files of one case."""

    database: Database
    settings: Settings

    def run(self, first: date = DAY, last: date | None = None) -> RunOutcome:
        return run_dates(self.settings, first, last or first)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def totals(self) -> tuple[int, Decimal]:
        """Readings and kWh stored; the half hours and the products say the same."""
        ((readings, kwh),) = self.rows(
            "SELECT count(*), coalesce(sum(consumption_delta), 0) FROM raw_data.raw_meter_readings"
        )
        for table in ("half_hourly_consumption", "daily_product_consumption"):
            ((total,),) = self.rows(f"SELECT coalesce(sum(total_consumption_kwh), 0) FROM analytics.{table}")  # noqa: S608
            assert total == kwh, table
        return readings, kwh

    def rejected(self) -> dict[str, int]:
        return dict(self.rows("SELECT reason, count(*)::int FROM raw_data.rejected_readings GROUP BY 1"))

    def received(self) -> list[tuple[Any, ...]]:
        """Received and expected half hours of each meterpoint that delivered anything, and date."""
        return self.rows(
            "SELECT received_readings, expected_readings FROM analytics.meterpoint_completeness "
            "WHERE received_readings + rejected_readings > 0 ORDER BY reference_date, meterpoint_id"
        )


@pytest.fixture(autouse=True)
def _instance(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs are those of a Dagster instance on the session's Postgres."""
    with dagster_on_postgres(home) as opened:
        monkeypatch.setattr("meter_platform.orchestration.run.instance", lambda: opened)
        yield


@pytest.fixture
def platform(request: pytest.FixtureRequest, database: Database, settings: Settings, tmp_path: Path) -> Platform:
    """The platform on a copy of a case's files, and on the cases' reference database."""
    reference = tmp_path / "reference.db"
    with sqlite3.connect(reference) as connection:
        connection.executescript((CASES / "reference.sql").read_text())
    connection.close()
    (case,) = CASES.glob(f"{request.param}-*")
    shutil.copytree(case / "readings", tmp_path / "readings")
    given = settings.replace(
        readings_url=str(tmp_path / "readings"), reference_url=f"sqlite:///{reference}", today=date(2021, 6, 4)
    )
    return Platform(database, given)


@pytest.mark.parametrize("platform", ["11"], indirect=True)
def test_11_a_register_that_ran_backwards_loses_both_halves_and_nothing_else(platform: Platform) -> None:
    outcome = platform.run()

    assert platform.totals() == (46, Decimal("9.0"))
    assert platform.rejected() == {"negative": 1, "impossible": 1}
    assert platform.received() == [(46, 48)]
    assert platform.rows(
        "SELECT consumption_delta::text FROM raw_data.raw_meter_readings WHERE interval_start = '2021-06-01 14:00Z'"
    ) in ([("0",)], [("0.000",)])
    assert "rejected_readings: rows_rejected" in outcome.concerns


@pytest.mark.parametrize("platform", ["13"], indirect=True)
def test_13_error_codes_beside_the_sentinel_are_told_apart(platform: Platform) -> None:
    outcome = platform.run()

    assert platform.totals() == (3, Decimal("47.01"))
    assert platform.rejected() == {"sentinel": 4, "impossible": 3}
    texts = {text for (text,) in platform.rows("SELECT raw_text FROM raw_data.rejected_readings")}
    assert any("1.6777215E4" in text for text in texts), "the text is kept as it was written"
    assert "2 improbable" in outcome.concerns["raw_meter_readings: improbable_values"]


@pytest.mark.parametrize("platform", ["14"], indirect=True)
def test_14_what_is_no_number_is_never_zero(platform: Platform) -> None:
    platform.run()

    assert platform.totals() == (41, Decimal("20.0"))
    assert platform.rejected() == {"not_a_number": 7}
    assert platform.received() == [(41, 48)]


@pytest.mark.parametrize("platform", ["25"], indirect=True)
def test_25_a_half_hour_that_nobody_ever_has_is_told_as_a_fault_of_the_query(platform: Platform) -> None:
    outcome = platform.run(DAY, date(2021, 6, 3))

    assert platform.totals() == (282, Decimal("56.4"))
    assert platform.received() == [(47, 48)] * 6
    assert any("same_half_hour_missing" in check for check in outcome.concerns)


@pytest.mark.parametrize("platform", ["28"], indirect=True)
def test_28_a_home_that_nets_is_told_with_its_energy_and_nothing_is_clipped(platform: Platform) -> None:
    outcome = platform.run()

    assert platform.totals() == (4, Decimal("0.7"))
    assert platform.rejected() == {"negative": 6}
    assert platform.rows("SELECT sum(consumption_delta) FROM raw_data.rejected_readings") == [(Decimal("-4.4"),)]
    assert "rejected_readings: rows_rejected" in outcome.concerns


@pytest.mark.parametrize("platform", ["10"], indirect=True)
def test_10_a_register_in_place_of_energy_is_told(platform: Platform) -> None:
    outcome = platform.run()

    assert any("values_only_rise" in check for check in outcome.concerns)


@pytest.mark.parametrize("platform", ["08"], indirect=True)
def test_08_a_file_of_watt_hours_is_held_back_whole(platform: Platform) -> None:
    platform.run()

    assert platform.totals() == (0, Decimal(0))
    assert sum(platform.rejected().values()) == 48


def with_feeds(platform: Platform, tmp_path: Path, toml: str) -> Platform:
    """The platform with feeds."""
    (tmp_path / "feeds.toml").write_text(toml)
    return Platform(platform.database, platform.settings.replace(feeds=tmp_path / "feeds.toml"))


@pytest.mark.parametrize("platform", ["01"], indirect=True)
def test_01_two_labels_in_one_fleet_are_two_feeds(platform: Platform, tmp_path: Path) -> None:
    platform = with_feeds(
        platform,
        tmp_path,
        '[feeds.smets1]\nformat = "json"\npaths = "smets1_*.json"\n'
        '[feeds.smets2]\nformat = "json"\npaths = "smets2_*.json"\nlabel = "end"\n',
    )

    platform.run()

    assert platform.received() == [(48, 48), (48, 48)]
    assert platform.rows(
        "SELECT meterpoint_id, sum(consumption_delta), "
        "max(consumption_delta) FILTER (WHERE interval_start = '2021-06-01 17:00Z') "
        "FROM raw_data.raw_meter_readings GROUP BY 1 ORDER BY 1"
    ) == [("M01-SMETS1", Decimal("7.792"), Decimal(2)), ("M01-SMETS2", Decimal("7.792"), Decimal(2))]
    assert platform.rows("SELECT DISTINCT reference_date FROM raw_data.raw_meter_readings") == [(DAY,)]


@pytest.mark.parametrize("platform", ["02"], indirect=True)
def test_02_labels_that_are_utc_on_the_spring_clock_change(platform: Platform, tmp_path: Path) -> None:
    platform = with_feeds(platform, tmp_path, '[feeds.dcc]\nformat = "json"\npaths = "*.json"\nzone = "UTC"\n')

    platform.run(date(2021, 3, 28), date(2021, 3, 29))

    assert platform.rejected() == {}
    assert platform.rows(
        "SELECT reference_date, count(*), min(interval_start) FROM raw_data.raw_meter_readings GROUP BY 1 ORDER BY 1"
    ) == [
        (date(2021, 3, 28), 46, datetime(2021, 3, 28, 0, tzinfo=UTC)),
        (date(2021, 3, 29), 2, datetime(2021, 3, 28, 23, tzinfo=UTC)),
    ]


@pytest.mark.parametrize("platform", ["08"], indirect=True)
def test_08_watt_hours_of_a_feed_that_says_so(platform: Platform, tmp_path: Path) -> None:
    platform = with_feeds(platform, tmp_path, '[feeds.mini]\nformat = "json"\npaths = "*.json"\nunit = "Wh"\n')

    platform.run()

    assert platform.totals() == (48, Decimal("6.424"))


@pytest.mark.parametrize("platform", ["09"], indirect=True)
def test_09_average_power_of_a_feed_that_says_so(platform: Platform, tmp_path: Path) -> None:
    platform = with_feeds(
        platform, tmp_path, '[feeds.esb]\nformat = "json"\npaths = "*.json"\nunit = "kW"\nlabel = "end"\n'
    )

    platform.run()

    assert platform.totals() == (48, Decimal("14.8"))


@pytest.mark.parametrize("platform", ["19"], indirect=True)
@pytest.mark.parametrize(("register", "kwh"), [("import", "0.763"), ("export", "6.705")])
def test_19_a_feed_takes_one_of_two_registers_under_one_id(
    platform: Platform, tmp_path: Path, register: str, kwh: str
) -> None:
    platform = with_feeds(
        platform,
        tmp_path,
        f'[feeds.hdf]\nformat = "json"\npaths = "*.json"\nonly_register = "{register}"\n'
        'columns = { register = "direction" }\n',
    )

    platform.run()

    assert platform.totals() == (4, Decimal(kwh))
    assert platform.rejected() == {"other_quantity": 4}


ESTIMATES = (
    '[feeds.e]\nformat = "json"\npaths = "*.json"\ncolumns = { quality = "quality", revised_at = "revised_at" }\n'
    'qualities = { A = "actual", E = "estimated" }\n'
)


@pytest.mark.parametrize("platform", ["18"], indirect=True)
@pytest.mark.parametrize("order", [("a_actual.json", "b_estimate.json"), ("b_estimate.json", "a_actual.json")])
def test_18_an_estimate_that_comes_after_the_actual_value_does_not_replace_it(
    platform: Platform, tmp_path: Path, order: tuple[str, str]
) -> None:
    """Whichever file is loaded first: the estimate was delivered a day later."""
    platform = with_feeds(platform, tmp_path, ESTIMATES)
    readings, waiting = tmp_path / "readings", tmp_path / "waiting"
    readings.rename(waiting)
    readings.mkdir()
    for name in order:
        written = datetime(2021, 6, 2 + (name == "b_estimate.json"), tzinfo=UTC).timestamp()
        os.utime(waiting / name, (written, written))
        (waiting / name).rename(readings / name)
        platform.run()

    assert platform.totals() == (2, Decimal("0.822"))
    assert platform.rows(
        "SELECT consumption_delta, quality FROM raw_data.raw_meter_readings ORDER BY interval_start"
    ) == [(Decimal("0.512"), "actual"), (Decimal("0.31"), "estimated")]
    assert platform.rows("SELECT consumption_delta, quality FROM raw_data.superseded_readings") == [
        (Decimal("0.3"), "estimated")
    ]
    for table in ("half_hourly_consumption", "daily_product_consumption", "meterpoint_completeness"):
        assert platform.rows(
            f"SELECT sum(actual_consumption_kwh), sum(estimated_consumption_kwh) FROM analytics.{table}"  # noqa: S608
        ) == [(Decimal("0.512"), Decimal("0.31"))], table


@pytest.mark.parametrize("platform", ["19"], indirect=True)
def test_19_both_registers_under_one_id_are_kept_apart(platform: Platform, tmp_path: Path) -> None:
    platform = with_feeds(
        platform, tmp_path, '[feeds.hdf]\nformat = "json"\npaths = "*.json"\ncolumns = { register = "direction" }\n'
    )

    outcome = platform.run()

    assert platform.totals() == (8, Decimal("7.468"))
    assert platform.rejected() == {}
    assert platform.rows("SELECT count(*) FROM raw_data.superseded_readings") == [(0,)]
    assert platform.rows(
        "SELECT sum(import_consumption_kwh), sum(export_consumption_kwh), max(meterpoint_count) "
        "FROM analytics.half_hourly_consumption"
    ) == [(Decimal("0.763"), Decimal("6.705"), 1)]
    assert platform.rows("SELECT export_consumption_kwh FROM analytics.daily_product_consumption") == [
        (Decimal("6.705"),)
    ]
    assert platform.received() == [(4, 48)], "half hours of the import register"
    assert not any("conserved" in name or "accounted" in name for name in outcome.concerns)


@pytest.mark.parametrize("platform", ["20"], indirect=True)
def test_20_the_meters_of_an_exchange_are_added_and_the_zeros_of_the_dead_one_count_for_nothing(
    platform: Platform, tmp_path: Path
) -> None:
    platform = with_feeds(
        platform, tmp_path, '[feeds.x]\nformat = "json"\npaths = "*.json"\ncolumns = { serial = "serial" }\n'
    )

    outcome = platform.run()

    readings, kwh = platform.totals()
    assert (readings, kwh) == (76, Decimal("12.3"))
    assert platform.received() == [(48, 48)]
    assert platform.rows(
        "SELECT zero_readings, largest_reading_kwh, stored_readings FROM analytics.meterpoint_completeness "
        "WHERE received_readings > 0"
    ) == [(0, Decimal("0.3"), 76)]
    assert platform.rows(
        "SELECT meterpoint_count, reading_count, total_consumption_kwh FROM analytics.half_hourly_consumption "
        "WHERE settlement_period = 21"
    ) == [(1, 2, Decimal("0.2"))]
    assert not any("conserved" in name or "accounted" in name for name in outcome.concerns)


@pytest.mark.parametrize("platform", ["30"], indirect=True)
def test_30_gas_stays_out_where_the_feed_says_which_rows_are_its_own(platform: Platform, tmp_path: Path) -> None:
    platform = with_feeds(
        platform, tmp_path, '[feeds.mixed]\nformat = "json"\npaths = "*.json"\nonly = { meterpoint_id = "*-ELEC" }\n'
    )

    platform.run(date(2021, 1, 15))

    assert platform.totals() == (1, Decimal("0.4"))
    assert platform.rejected() == {"other_quantity": 2}
