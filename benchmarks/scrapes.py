"""A scrape of the metrics on a year of 10,000 meterpoints, whole and for each part.

`year.sql` and `year_accounts.sql` fill the tables as the rules and loads would have left them, `year_dagster.sql` those of
Dagster. What does not belong here: what a scrape says, and what it reads (`meter_platform_tests/metrics/`).
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from benchmarks import pages
from benchmarks.command import CommandFailedError
from benchmarks.job import Outcome
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace, environment
from meter_platform.embedded_postgres.names import DAGSTER_DATABASE
from meter_platform.metrics import server
from meter_platform.metrics.collector import platform_collector
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database

NAME: Final = "scrapes"
TITLE: Final = "A scrape of the metrics of a year"

_HERE: Final = Path(__file__).parent
_COPY: Final = "dagster_year"
_MAKE_DAGSTERS_TABLES: Final = "from meter_platform.orchestration.instance import instance\nwith instance(): pass\n"
_DURATION: Final = "meter_exporter_collector_duration_seconds"


def measure(place: Workplace, *, repeats: int, log: Log, meterpoints: int = pages.METERPOINTS) -> Measured:
    """Measures scrapes.

    Raises:
        CommandFailedError: a part of the metrics fails.
    """
    log(f"{TITLE}: filling the tables for {meterpoints:,} meterpoints")
    place.clear()
    data = Database(place.url)
    with data.connect() as connection:
        connection.execute((_HERE / "year_accounts.sql").read_bytes())
    pages.fill(data, meterpoints=meterpoints)
    outcomes: dict[str, list[Outcome]] = {}
    with _year_of_dagster(place) as dagster:
        collector = platform_collector(Settings(home=place.home, postgres_url=place.url, dagster_url=dagster))
        server.once(collector)  # what a session opens once is no part of it
        for number in range(repeats):
            began = perf_counter()
            text = server.once(collector)
            seconds = {"whole": perf_counter() - began} | _parts(text)
            if collector.failures:
                raise CommandFailedError(f"parts of the metrics failed: {collector.failures}")
            for part, took in seconds.items():
                outcomes.setdefault(part, []).append(Outcome(seconds=took))
            log(f"  {number + 1} of {repeats}: {seconds['whole']:.2f} s")
    place.clear()
    amount = {"meterpoints": meterpoints, "dates": (pages.LAST - pages.FIRST).days + 1}
    return Measured.now(NAME, title=TITLE, amount=amount, outcomes=outcomes, skipped={}, url=place.url)


@contextmanager
def _year_of_dagster(place: Workplace) -> Iterator[str]:
    """A copy of Dagster's database with a year of runs in it; gives its URL."""
    subprocess.run([sys.executable, "-c", _MAKE_DAGSTERS_TABLES], env=environment(place.home), check=True)  # noqa: S603 - our own program
    copy = Database(database_url(place.url, _COPY))
    with Database(place.url).connect(autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_COPY))
        connection.execute(drop)
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(_COPY), sql.Identifier(DAGSTER_DATABASE))
        )
        try:
            with copy.connect() as filling:
                filling.execute((_HERE / "year_dagster.sql").read_bytes())
            with copy.connect(autocommit=True) as filled:
                filled.execute("VACUUM ANALYZE")
            yield copy.url
        finally:
            connection.execute(drop)


def _parts(text: str) -> dict[str, float]:
    """How long each part took, as the scrape says itself."""
    return {
        sample.labels["collector"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == _DURATION
    }
