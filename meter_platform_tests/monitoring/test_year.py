"""A scrape of a year of 10,000 meterpoints: it looks at accounts, never at readings.

It takes 0.13 s of the server's processor time, and under a second on two quiet cores. The bound here is one that only a
wrong plan breaks, for the machine may be busy.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meter_platform.embedded_postgres import server
from meter_platform.embedded_postgres.names import DAGSTER_DATABASE
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, open_database
from meter_platform_tests.market import dagster_on_postgres
from meter_platform_tests.metrics.scraped import scraped
from meter_platform_tests.places import ROOT

pytestmark = pytest.mark.usefixtures("_asked_for")

SECONDS = 5.0
HERE = Path(__file__).parent
APP = ROOT / "meter_platform_tests" / "app"


@pytest.fixture
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A server of its own with a year in it."""
    home = tmp_path_factory.mktemp("y")
    settings = Settings(home=home)
    data = open_database(settings)
    with dagster_on_postgres(home):
        pass
    dagster = Database(database_url(data.url, DAGSTER_DATABASE))
    for database, files in ((data, (APP / "year.sql", HERE / "year.sql")), (dagster, (HERE / "dagster_year.sql",))):
        text = "".join(file.read_text() for file in files)
        for name, value in (("first", "2025-01-01"), ("last", "2025-12-31"), ("meterpoints", "10000")):
            text = text.replace("{" + name + "}", value)
        with database.connect() as connection:
            connection.execute(text.encode())
        with database.connect(autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
    yield settings
    server.stop(home)


def test_a_year_is_scraped_in_bounded_time(year: Settings) -> None:
    scraped(year)
    found = scraped(year)
    took = {name: seconds for name, seconds in found.items() if name.startswith("meter_exporter_collector_duration")}

    assert {value for name, value in found.items() if "_success{" in name} == {1}
    assert found['meter_readings_rows{outcome="stored"}'] == 365 * 50 * 9600
    print({name: round(seconds, 3) for name, seconds in took.items()}, sum(took.values()))  # noqa: T201 - shown with -s
    assert sum(took.values()) < SECONDS
