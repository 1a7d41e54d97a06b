"""Readings in every format through the whole graph: equal analytics to the last digit, on the days of both clock changes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meter_platform.orchestration.run import run_dates
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.feeds.reading import write
from meter_platform_tests.feeds.written import FORMATS, HALF_HOUR, LONDON
from meter_platform_tests.market import Agreement, Market, dagster_on_postgres

DAY = date(2021, 10, 31)
BEGIN = datetime(2021, 10, 30, 23, tzinfo=UTC)
"""When the day of 50 half hours begins in London."""


@pytest.fixture
def market(home: Path, database: Database, settings: Settings, tmp_path: Path) -> Iterator[Market]:  # noqa: ARG001 - empty tables
    with dagster_on_postgres(home) as dagster:
        yield Market(settings.replace(today=date(2021, 11, 2), feeds=tmp_path / "feeds.toml"), tmp_path, dagster)


Kwh = Mapping[tuple[int, datetime], Decimal]
"""By number of the home and start."""


def deliver(market: Market, kwh: Kwh) -> None:
    """Delivers readings in every format, newest first in every second one; a product for each format, with the same homes."""
    homes = sorted({home for home, _ in kwh})
    toml, agreements = [], []
    for number, (kind, written_as) in enumerate(FORMATS.items()):
        readings = {(f"{kind}-{home}", start): value for (home, start), value in kwh.items()}
        written = written_as(readings, kind, falling=number % 2 == 1)
        toml.append(written.toml)
        (market.readings / kind).mkdir()
        for name, content in written.files.items():
            write(market.readings / kind / name, content)
        agreements += [Agreement(10 * number + home, f"{kind}-{home}", product=kind) for home in homes]
    (market.folder / "feeds.toml").write_text("\n".join(toml))
    market.refresh(agreements, products=[(kind, kind, 0) for kind in FORMATS])


@pytest.mark.whole
def test_a_year_in_every_format_is_equal_analytics(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meter_platform.orchestration.run.instance", lambda: market.dagster)
    first, last = date(2021, 1, 1), date(2021, 12, 31)
    starts = [datetime(2021, 1, 1, tzinfo=UTC) + number * HALF_HOUR for number in range(365 * 48)]
    kwh = {(1, start): Decimal(number * 7919 % 1_999_993) / 10**6 for number, start in enumerate(starts)}
    deliver(market, kwh)

    outcome = run_dates(market.settings.replace(today=date(2022, 1, 2)), first, last)

    assert outcome.succeeded, outcome.errors
    of_day: Counter[date] = Counter()
    for (_, start), value in kwh.items():
        of_day[start.astimezone(LONDON).date()] += value
    assert market.rows(
        "SELECT reference_date, product_display_name, total_consumption_kwh FROM analytics.daily_product_consumption "
        "ORDER BY 1, 2"
    ) == [(day, kind, of_day[day]) for day in sorted(of_day) for kind in sorted(FORMATS)]
    assert market.rows(
        "SELECT datetime, meterpoint_count, total_consumption_kwh FROM analytics.half_hourly_consumption ORDER BY 1"
    ) == [(start, len(FORMATS), len(FORMATS) * kwh[1, start]) for start in starts]
    assert market.rows(
        "SELECT DISTINCT expected_readings - received_readings FROM analytics.meterpoint_completeness"
    ) == [(0,)]


def test_equal_readings_in_every_format_are_equal_analytics(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meter_platform.orchestration.run.instance", lambda: market.dagster)
    kwh = {
        (home, BEGIN + number * HALF_HOUR): Decimal(f"{number % 7}.{number:03}00{home}")
        for home in (1, 2)
        for number in range(50)
    }
    deliver(market, kwh)

    outcome = run_dates(market.settings, DAY, DAY)

    assert outcome.succeeded, outcome.errors

    def rows(query: str) -> list[tuple[Any, ...]]:
        return market.rows(query)

    total = sum(kwh.values())
    assert rows(
        "SELECT product_display_name, meterpoint_count, total_consumption_kwh "
        "FROM analytics.daily_product_consumption ORDER BY 1"
    ) == [(kind, 2, total) for kind in sorted(FORMATS)]
    assert rows(
        "SELECT datetime, meterpoint_count, total_consumption_kwh, settlement_period "
        "FROM analytics.half_hourly_consumption ORDER BY 1"
    ) == [
        (
            BEGIN + number * HALF_HOUR,
            2 * len(FORMATS),
            len(FORMATS) * sum(kwh[home, BEGIN + number * HALF_HOUR] for home in (1, 2)),
            number + 1,
        )
        for number in range(50)
    ]
    assert rows(
        "SELECT DISTINCT expected_readings, received_readings FROM analytics.meterpoint_completeness "
        "WHERE reference_date = '2021-10-31'"
    ) == [(50, 50)]
    assert rows("SELECT DISTINCT outcome FROM raw_data.source_files") == [("read",)]
    assert (
        rows(
            "SELECT source_file_id FROM raw_data.source_files "
            "WHERE rows_in_file <> rows_stored + rows_rejected + rows_redelivered + rows_replaced + rows_pending"
        )
        == []
    )
