"""What `/metrics` says of a small market: each number worked out by hand."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster._core.scheduler.instigation import TickStatus

from meter_platform.feeds.validation import Reason
from meter_platform.metrics import dagster_storage, server, stored_data
from meter_platform.metrics.collector import platform_collector
from meter_platform.warehouse import tables
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.market import Market, day_of
from meter_platform_tests.metrics.scraped import exporter_login, heartbeat, scraped, tick
from meter_platform_tests.metrics.troubled_market import HOME, OTHER, troubled_market
from meter_platform_tests.places import ROOT

NOON = datetime(2021, 1, 8, 12, tzinfo=UTC).timestamp()
HOUR = 3600.0


@pytest.fixture(scope="module")
def market(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A small market in which something is wrong of each kind."""
    with troubled_market(home, tmp_path_factory.mktemp("market")) as market:
        yield market


@pytest.fixture(scope="module")
def found(market: Market) -> dict[str, float]:
    """What a scrape says of it as it is at first. A test that changes what is counted asks for this before."""
    return scraped(market.settings)


@pytest.mark.parametrize(
    ("series", "value"),
    {
        # The end of 2 January in London.
        "meter_newest_reference_date_timestamp_seconds": datetime(2021, 1, 3, tzinfo=UTC).timestamp(),
        "meter_pending_reference_dates": 1,
        "meter_failed_partitions": 1,
        # 96 and 47 accepted rows, one of them replaced by that of the correction, which is stored.
        'meter_readings_rows{outcome="stored"}': 96 + 47,
        'meter_readings_rows{outcome="replaced"}': 1,
        'meter_readings_rows{outcome="rejected"}': 1,
        'meter_readings_rows{outcome="pending"}': 48,
        'meter_readings_rows{outcome="redelivered"}': 0,
        'meter_readings_rows{outcome="withdrawn"}': 0,
        'meter_readings_rows{outcome="pruned"}': 0,
        'meter_rejected_rows{reason="negative"}': 1,
        'meter_rejected_rows{reason="future"}': 0,
        'meter_source_files{outcome="read"}': 4,
        'meter_source_files{outcome="malformed"}': 1,
        'meter_source_files{outcome="held_back"}': 0,
        "meter_completeness_ratio": 95 / 96,
        "meter_newest_reference_date_consumption_kwh": 48 * 0.5 + 47 * 0.25,
        'dagster_runs{status="success"}': 1,
        'dagster_runs{status="queued"}': 0,
        'meter_asset_check_status{asset="rejected_readings",check="rows_rejected",status="warn"}': 1,
        'meter_asset_check_status{asset="rejected_readings",check="rows_rejected",status="passed"}': 0,
        'meter_asset_check_status{asset="raw_meter_readings",check="rows_accounted_for",status="passed"}': 1,
    }.items(),
)
def test_a_number_is_what_was_counted_by_hand(found: dict[str, float], series: str, value: float) -> None:
    assert found[series] == pytest.approx(value, rel=1e-12)


def test_times_are_those_of_the_run(market: Market, found: dict[str, float]) -> None:
    (run,) = market.dagster.get_run_records()
    assert run.start_time
    assert run.end_time

    assert found['dagster_run_last_duration_seconds{job_name="__ASSET_JOB",status="success"}'] == pytest.approx(
        run.end_time - run.start_time
    )
    for series in (
        'meter_asset_last_materialization_timestamp_seconds{asset="half_hourly_consumption"}',
        'meter_asset_check_last_evaluation_timestamp_seconds{asset="raw_meter_readings",check="data_age"}',
    ):
        assert run.start_time <= found[series] <= run.end_time


def test_a_scrape_goes_through_no_readings(market: Market) -> None:
    def scans(of: str) -> int:
        ((count,),) = market.rows(
            "SELECT sum(seq_scan + coalesce(idx_scan, 0))::bigint FROM pg_stat_user_tables "
            "WHERE schemaname || '.' || relname LIKE %s",
            of,
        )
        return int(count)

    readings, accounts = scans("raw_data_partitions.%"), scans("raw_data.partition_versions")
    scraped(market.settings)
    # A session's scans are counted when it has ended.
    eventually(lambda: scans("raw_data.partition_versions") > accounts)
    assert scans("raw_data_partitions.%") == readings


def test_nothing_names_a_meterpoint_or_a_file(market: Market) -> None:
    text = server.once(platform_collector(market.settings))

    assert not [word for word in (HOME, OTHER, ".json", str(market.folder)) if word in text]


def test_a_file_that_is_corrected_is_quarantined_no_longer(market: Market, found: dict[str, float]) -> None:
    market.deliver("broken.json", day_of(OTHER, "2021-01-03", "0.5"), written=datetime(2021, 11, 7, tzinfo=UTC))
    market.tick()
    now = scraped(market.settings)

    assert found['meter_source_files{outcome="malformed"}'] == 1
    assert now['meter_source_files{outcome="malformed"}'] == 0
    assert now['meter_source_files{outcome="read"}'] == 5
    assert now["meter_pending_reference_dates"] == 1  # the same date as before


def test_ticks_heartbeats_and_waiting_runs_are_told(market: Market) -> None:
    instance = market.dagster
    heartbeat(instance, "SENSOR", NOON)
    for status, at in (("SKIPPED", NOON - HOUR), ("SKIPPED", NOON), ("FAILURE", NOON - 2 * HOUR)):
        tick(instance, "new_reading_files", "SENSOR", status, at)
    job = market.defs.resolve_implicit_global_asset_job_def()
    begun = time.time()
    waiting = instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
    started = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    try:
        found = scraped(market.settings)
    finally:
        for run in (waiting, started):
            instance.delete_run(run.run_id)

    assert found['dagster_daemon_last_heartbeat_timestamp_seconds{daemon="sensor"}'] == NOON
    sensor = 'dagster_instigator_last_tick_timestamp_seconds{{name="new_reading_files",status="{}",type="sensor"}}'
    assert [found[sensor.format(status)] for status in ("skipped", "failure", "success")] == [NOON, NOON - 2 * HOUR, 0]
    assert found['dagster_runs{status="not_started"}'] == 1
    assert begun - 1 <= found["dagster_oldest_queued_run_timestamp_seconds"] <= time.time() + 1
    assert begun - 1 <= found["dagster_oldest_started_run_timestamp_seconds"] <= time.time() + 1


def test_few_meterpoints_tell_no_energy_where_few_are_protected(market: Market) -> None:
    few = scraped(market.settings.replace(minimum_meterpoints=3))

    assert few["meter_newest_reference_date_consumption_kwh"] != few["meter_newest_reference_date_consumption_kwh"]


def test_the_exporters_login_is_enough_and_reads_no_meterpoint(market: Market) -> None:
    own = scraped(market.settings)
    with exporter_login(market.database) as url:
        given = market.settings.replace(postgres_url=url)
        assert {name: value for name, value in scraped(given).items() if "_success{" in name and value == 0} == {}
        assert scraped(given).keys() == own.keys()
        with psycopg.connect(url) as connection:
            for query in (
                "SELECT meterpoint_id FROM analytics.meterpoint_completeness",
                "SELECT url FROM raw_data.source_file_versions",
                "SELECT raw_text FROM raw_data.rejected_readings",
                "SELECT * FROM raw_data.raw_meter_readings",
                "SELECT * FROM raw_data.raw_agreements",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(query.encode())
                connection.rollback()
        # Whoever may do more gives it up for the length of a scrape: without the grant the part fails.
        with market.database.connect(autocommit=True) as connection:
            connection.execute("REVOKE SELECT (reason) ON raw_data.rejected_readings FROM meter_exporter")
            assert scraped(market.settings)['meter_exporter_collector_success{collector="rejections"}'] == 0


def test_lists_are_those_of_who_owns_the_words(market: Market) -> None:
    (outcomes,) = tables.SOURCE_FILE_VERSIONS.pandera_schema.columns["outcome"].checks

    assert set(dagster_storage.DAEMONS) == set(market.dagster.get_required_daemon_types())
    assert set(dagster_storage.RUN_STATUSES) == {status.value for status in dg.DagsterRunStatus}
    assert set(dagster_storage.TICK_STATUSES) == {status.value for status in TickStatus}
    assert set(dagster_storage.ASSETS) == {table.name for table in tables.ASSET_TABLES}
    assert set(stored_data.REASONS) == {reason.value for reason in Reason}
    assert set(stored_data.FILE_OUTCOMES) == set(outcomes.statistics["allowed_values"])


def test_the_page_on_monitoring_lists_every_metric_with_its_labels(market: Market) -> None:
    page = (ROOT / "docs" / "operating" / "monitoring.md").read_text()
    listed = {
        name: {label for label in labels.replace(",", " ").split() if label}
        for name, labels in re.findall(r"^- `((?:meter|dagster)_\w+)`(?:, by ([\w, ]*))?:", page, re.MULTILINE)
    }
    tick(market.dagster, "new_reading_files", "SENSOR", "SKIPPED", NOON)
    served: dict[str, set[str]] = {}
    for series in scraped(market.settings):
        name, _, labels = series.partition("{")
        served.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))

    assert listed == served
    # Prometheus gives every series these, and would rename ours.
    assert not {"job", "instance"}.intersection(set().union(*served.values()))
