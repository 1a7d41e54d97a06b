"""A small market whose models are built by dbt."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from meter_platform.settings import Settings
from meter_platform.warehouse import models
from meter_platform.warehouse.database import open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.market import Agreement, Market, Reading, dagster_on_postgres, day_of
from meter_platform_tests.places import ROOT

TINY = "0.00000000000000000001"
"""Twenty decimals: whatever rounds on the way shows."""

THURSDAY, FRIDAY, SATURDAY = "2021-06-03", "2021-06-04", "2021-06-05"


def readings_of(day: str, *, home_1: str = "0.1") -> list[Reading]:
    """What four homes use in each half hour of a day."""
    return [
        *day_of("home-1", day, home_1),
        *day_of("home-2", day, "0.2"),
        *day_of("home-3", day, "0.3"),
        *day_of("stranger", day, TINY),
    ]


def drop_models(market: Market) -> None:
    """As if no model had ever been built."""
    with market.database.connect() as connection:
        for name, _ in models.dated_tables(connection):
            connection.execute(f"DROP TABLE analytics_models.{name} CASCADE")


@pytest.fixture(scope="module")
def market(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Three days of four homes.

    home-1 switches from Flexible to Fixed on Saturday. home-2, in the Midlands, leaves on Friday. home-3 exports. The
    reference database knows no stranger.
    """
    settings = Settings(home=home, today=date(2021, 6, 8)).replace(transformations=str(ROOT / "transformations"))
    empty(open_database(settings))
    with dagster_on_postgres(home) as instance:
        market = Market(settings, tmp_path_factory.mktemp("market"), instance)
        market.refresh(
            [
                Agreement(1, "home-1", until=SATURDAY),
                Agreement(2, "home-1", product="P-FIX", since=SATURDAY),
                Agreement(3, "home-2", until=FRIDAY),
                Agreement(4, "home-3", product="P-OUT"),
            ]
        )
        market.alter_reference("UPDATE meterpoint SET region = 'Midlands' WHERE meterpoint_id = 'home-2'")
        for day in (THURSDAY, FRIDAY, SATURDAY):
            market.deliver(f"{day}.json", readings_of(day))
        yield market
        drop_models(market)
        empty(market.database)
