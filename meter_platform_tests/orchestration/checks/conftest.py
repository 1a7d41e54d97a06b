"""What the tests of checks share: a small market that was loaded once, and a way to spoil it for one test.

A test makes its fault in a transaction that is rolled back, and the check looks through the same connection: faults cost
nothing, also those of DDL, and none is left behind. A test of files and runs has a copy of the market to itself.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import dagster as dg
import psycopg
import pytest

from meter_platform.orchestration.checks.asset_checks import CHECKS
from meter_platform.orchestration.checks.finding import Inspection
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform_tests.market import OLD, Agreement, Market, dagster_on_postgres, day_of

GOOD = (date(2021, 3, 27), date(2021, 3, 28), date(2021, 10, 31))
"""Whole days without a flaw: of 48, 46 and 50 half hours."""

ODD = date(2021, 3, 29)
"""A day with a rejected row and a correction."""

MARKET = [
    Agreement(1, "home-1"),
    Agreement(2, "home-2", "P-FIX"),
    Agreement(3, "solar-3", "P-OUT"),
    Agreement(4, "lapsed-4", until="2021-03-01"),
]
METERPOINTS = ("home-1", "home-2", "solar-3", "lapsed-4", "unknown-5")
KWH = {"home-1": "0.5", "home-2": "0.25", "solar-3": "0.125", "lapsed-4": "0.1"}


def everybody(day: str) -> list[tuple[str, str, str]]:
    """A day of every meterpoint of the market."""
    return [row for meterpoint, kwh in KWH.items() for row in day_of(meterpoint, day, kwh)]


_LOADED: Final = "checks_as_loaded"


@pytest.fixture(scope="session")
def market_settings(home: Path) -> Settings:
    """As `settings`, for fixtures that outlive a test."""
    return Settings(home=home, today=date(2021, 11, 1))


@pytest.fixture(scope="session")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster on the session's Postgres."""
    with dagster_on_postgres(home) as opened:
        yield opened


@pytest.fixture(scope="session")
def loaded(
    new_database: Callable[[str], Settings],
    market_settings: Settings,
    instance: dg.DagsterInstance,
    tmp_path_factory: pytest.TempPathFactory,
) -> Market:
    """Four homes, loaded for the good days and the odd one: once, for all modules. Each has its copy, see `copied`."""
    settings = market_settings.replace(postgres_url=new_database(_LOADED).postgres_url)
    market = Market(settings, tmp_path_factory.mktemp("market") / "input", instance)
    market.refresh(MARKET)
    for day in (*GOOD, ODD):
        market.deliver(f"{day}.json", everybody(day.isoformat()))
    market.deliver("rejected.json", [("home-1", "2021-03-29 12:00:00", "-1")])
    market.deliver("corrected.json", [("home-1", "2021-03-29 12:30:00", "0.75")], written=OLD + timedelta(days=1))
    for first, last in (("2021-03-27", "2021-03-29"), ("2021-10-31", None)):
        assert market.run(first, last, checks=False).success
    shutil.copytree(market.folder, market.folder.with_name("as loaded"))
    return market


@pytest.fixture(scope="session")
def copied(loaded: Market, instance: dg.DagsterInstance) -> Callable[[], Market]:
    """Makes a copy of the market as it was loaded, whatever the tests before have made of others."""
    url, numbers = str(loaded.settings.postgres_url), count(1)

    def copy() -> Market:
        name = f"checks_copy_{next(numbers)}"
        with psycopg.connect(database_url(url, "postgres"), autocommit=True) as connection:
            # The platform keeps an idle connection, and what has one is not copied.
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (_LOADED,))
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {_LOADED}")
        # Stored names of files have the folder in them, so that all copies share it.
        shutil.rmtree(loaded.folder)
        market = Market(loaded.settings.replace(postgres_url=database_url(url, name)), loaded.folder, instance)
        shutil.copytree(loaded.folder.with_name("as loaded"), loaded.folder, dirs_exist_ok=True)
        return market

    return copy


@pytest.fixture(scope="module")
def market(copied: Callable[[], Market]) -> Market:
    """The market as it was loaded, for the tests of a module that leave it as it is: see `look`."""
    return copied()


@pytest.fixture
def own_market(copied: Callable[[], Market]) -> Market:
    """The market as it was loaded, for one test, which may deliver files and run: no other looks at it."""
    return copied()


@dataclass
class Look:
    """What a check finds, through a connection that a test has spoilt the data with."""

    connection: psycopg.Connection[Any]
    settings: Settings
    under_way: set[date] = field(default_factory=set)

    def __call__(self, name: str, *dates: date, today: date | None = None) -> dg.AssetCheckResult:
        """Evaluates a check, named as asset.check, on dates; on the good ones unless given."""
        (check,) = [check for check in CHECKS if f"{check.table.name}.{check.name}" == name]
        settings = self.settings.replace(today=today) if today else self.settings
        inspection = Inspection(self.connection, dates or GOOD, settings, lambda: self.under_way)
        result = check.evaluate(inspection).result(check)
        for meterpoint in METERPOINTS:
            assert meterpoint not in repr(result), "metadata names no meterpoint"
        return result

    def change(self, statement: str, *values: object) -> int:
        """Spoils the data; says how many rows."""
        return self.connection.execute(statement.encode(), values).rowcount

    def number(self, query: str) -> int:
        """The one number that a query gives."""
        ((number,),) = self.connection.execute(query.encode()).fetchall()
        return int(number)


@pytest.fixture
def look(market: Market) -> Iterator[Look]:
    """A look at the market, of which nothing is left."""
    with market.database.connect() as connection:
        yield Look(connection, market.settings)
        connection.rollback()


def is_green(result: dg.AssetCheckResult) -> bool:
    """Whether a check found nothing, and says so in every way."""
    assert result.passed == (number(result, "failing_count") == 0)
    assert result.passed == ("failing_dates" not in result.metadata)
    return bool(result.passed)


def failing(result: dg.AssetCheckResult) -> dict[str, int]:
    """How much fails on each date, of a check that is red."""
    assert not is_green(result)
    shown = result.metadata["failing_dates"]
    assert isinstance(shown, dg.TableMetadataValue)
    found = {}
    for record in shown.records:
        day, count = record.data.values()
        found[str(day)] = int(count or 0)
    assert sum(found.values()) == number(result, "failing_count")
    return found


def examples(result: dg.AssetCheckResult) -> list[str]:
    """The examples of a check that is red."""
    shown = result.metadata["examples"]
    assert isinstance(shown, dg.MarkdownMetadataValue)
    return [line.removeprefix("- ") for line in (shown.md_str or "").splitlines()]


def number(result: dg.AssetCheckResult, name: str) -> float:
    """A figure of a check's metadata, as it is plotted."""
    value = result.metadata[name].value
    assert isinstance(value, int | float)
    return value
