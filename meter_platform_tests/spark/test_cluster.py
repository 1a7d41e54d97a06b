"""A real cluster computes what Postgres computes, also when it loses a part of itself on the way."""

import signal
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from meter_platform.engines.protocol import lazy
from meter_platform.engines.spark import SparkEngine
from meter_platform.errors import PermanentError
from meter_platform.warehouse import lineage, tables
from meter_platform_tests.commands import environment_of
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.everywhere import Loaded
from meter_platform_tests.forked import Forked
from meter_platform_tests.spark import endless_run
from meter_platform_tests.spark.cluster import Cluster

DAY = date(2021, 1, 2)
NAME = tables.RAW_METER_READINGS.name
READINGS = lazy(tables.RAW_METER_READINGS)


class Partitions:
    """Readings of one date, of 0.1 and a bit."""

    name = "test"

    def __init__(self, rows: int) -> None:
        self._rows = rows

    @contextmanager
    def stream(
        self, table: str, versions: Mapping[date, int], columns: Sequence[str]
    ) -> Iterator[pa.RecordBatchReader]:
        assert (table, [*versions]) == (NAME, [DAY])
        values = {
            "reference_date": pa.array([DAY] * self._rows, pa.date32()),
            "consumption_delta": pa.array(["0.10000000000000000001"] * self._rows),
        }
        yield pa.table({name: values[name] for name in columns}).to_reader()


@pytest.fixture
def engine(spark: Cluster) -> Iterator[SparkEngine]:
    opened = SparkEngine(Partitions(10), url=spark.url)
    yield opened
    opened.close()


@pytest.mark.parametrize("source", ["postgres", "lake"])
def test_all_analytics_are_the_same_to_the_digit(loaded: Loaded, source: str) -> None:
    settings = loaded.settings
    found = loaded.computed(settings.replace(lake_url=loaded.in_lake()) if source == "lake" else settings)

    assert found.tables == loaded.expected
    shown = [each for rows in found.metadata.values() for each in rows]
    assert {each["engine"] for each in shown} == {"spark"}
    assert set(found.metadata) == set(lineage.INPUTS)
    assert source in {where for each in shown for where in each["read_from"].values()}
    assert all("== Physical Plan ==" in each["spark_plan"] for each in shown)
    assert not any(home in each["spark_plan"] for each in shown for home in ("home-1", "solar-3"))


def test_dates_that_are_put_away_are_the_same_to_the_digit(loaded: Loaded) -> None:
    with loaded.put_away() as settings:
        found = loaded.computed(settings)

    assert found.tables == loaded.expected
    assert {each["engine"] for rows in found.metadata.values() for each in rows} == {"spark"}
    for name in ("half_hourly_consumption", "meterpoint_completeness"):
        assert {each["read_from"][NAME] for each in found.metadata[name]} == {"lake"}


def test_the_link_leads_to_the_jobs_of_the_run(engine: SparkEngine) -> None:
    computation = engine.compute(READINGS.agg(n=READINGS.count()), {NAME: {DAY: 1}})
    assert [row for part in computation.rows for row in part.to_pylist()] == [{"n": 10}]

    with urllib.request.urlopen(computation.facts["spark_jobs"], timeout=60) as page:  # noqa: S310 - the page of a server of ours
        shown = page.read().decode()
    assert computation.facts["spark_session"] in shown
    assert computation.facts["spark_application"].startswith("app-")


def test_a_sum_that_does_not_fit_is_an_error_and_no_null(engine: SparkEngine) -> None:
    large = READINGS.agg(kwh=(READINGS.consumption_delta * 10**18).sum())
    with pytest.raises(PermanentError, match="Spark cannot compute this"):
        list(engine.compute(large, {NAME: {DAY: 1}}).rows)


def stays(spark: Cluster, *, at_work: bool) -> bool:
    """Whether the cluster is at work, or is not, for ten seconds: between two jobs of a query none runs."""
    for _ in range(20):
        if bool(spark.running_jobs()) is not at_work:
            return False
        time.sleep(0.5)
    return True


@pytest.mark.usefixtures("database")
def test_a_run_that_is_cancelled_ends_its_job(spark: Cluster, home: Path) -> None:
    with closing(Forked(endless_run.run, environment_of(home, ENGINE="spark", SPARK_URL=spark.url))) as run:
        eventually(lambda: stays(spark, at_work=True))
        assert "meter-platform-" in spark.running_jobs()[0]
        run.send_signal(signal.SIGTERM)
        eventually(lambda: run.printed == "cancelled\n")
        eventually(lambda: stays(spark, at_work=False))
        assert run.is_alive()


def test_an_executor_that_is_killed_in_the_middle_changes_nothing(spark: Cluster) -> None:
    engine = SparkEngine(Partitions(2_000), url=spark.url)
    energies = READINGS.select("consumption_delta")
    # Four million pairs, in several tasks.
    joined = energies.cross_join(energies.view(), rname="{name}_right")
    pairs = joined.agg(kwh=joined.consumption_delta.sum())
    killed = threading.Event()

    def kill() -> None:
        time.sleep(0.5)
        spark.executors()[0].kill()
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    (row,) = [row for part in engine.compute(pairs, {NAME: {DAY: 1}}).rows for row in part.to_pylist()]
    killer.join()
    engine.close()

    assert killed.is_set()
    assert row["kwh"] == 4_000_000 * Decimal("0.10000000000000000001")
