"""What a run plans is kept as Dagster itself would keep it, in fewer statements."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster_postgres import PostgresEventLogStorage
from sqlalchemy import event
from sqlalchemy.engine import Engine

from meter_platform.orchestration.instance import instance
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse.database import dagster_url

DAYS = dg.DailyPartitionsDefinition("2021-01-01")
DATES = [f"2021-03-{day:02}" for day in range(1, 32)]
RANGE = {"dagster/asset_partition_range_start": DATES[0], "dagster/asset_partition_range_end": DATES[-1]}


@dg.asset(partitions_def=DAYS)
def one() -> None: ...


@dg.asset(partitions_def=DAYS, deps=[one])
def two() -> None: ...


@dg.asset_check(asset=one)
def whole() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


JOB = dg.Definitions(assets=[one, two], asset_checks=[whole]).resolve_implicit_global_asset_job_def()


@pytest.fixture
def opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv(f"{PREFIX}HOME", str(home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with instance() as found:
        yield found


def kept(run_id: str) -> tuple[list[Any], list[Any], list[Any]]:
    """What is on record of a run's plan: events, executions of checks, assets; without numbers and the run's id."""
    with psycopg.connect(dagster_url(Settings.from_environment())) as connection:
        events = connection.execute(
            "SELECT replace(event, run_id, ''), dagster_event_type, timestamp, step_key, asset_key, partition "
            "FROM event_logs WHERE run_id = %s ORDER BY id",
            [run_id],
        ).fetchall()
        checks = connection.execute(
            "SELECT asset_key, check_name, partition, execution_status, replace(evaluation_event, run_id, ''), "
            "evaluation_event_timestamp, evaluation_event_storage_id - (SELECT min(id) FROM event_logs WHERE run_id = %s) "
            "FROM asset_check_executions WHERE run_id = %s ORDER BY id",
            [run_id, run_id],
        ).fetchall()
        assets = connection.execute(
            "SELECT asset_key, last_materialization_timestamp FROM asset_keys WHERE asset_key = ANY(%s) ORDER BY 1",
            [['["one"]', '["two"]']],
        ).fetchall()
    return events, checks, assets


def test_the_plan_of_a_range_is_kept_as_dagsters_own_storage_keeps_it(opened: dg.DagsterInstance) -> None:
    run = opened.create_run_for_job(JOB, tags=RANGE)
    events, checks, assets = kept(run.run_id)
    assert Counter(kind for _, kind, *_ in events) == {
        "ASSET_MATERIALIZATION_PLANNED": 2 * len(DATES),
        "ASSET_CHECK_EVALUATION_PLANNED": 1,
    }
    assert [partition for _, _, partition, *_ in checks] == DATES

    mine: Any = opened.event_log_storage
    theirs = PostgresEventLogStorage(mine.postgres_url, should_autocreate_tables=False)
    planned = [record.event_log_entry for record in opened.get_records_for_run(run.run_id).records]
    theirs.store_event_batch([entry._replace(run_id="theirs") for entry in planned])

    their_events, their_checks, their_assets = kept("theirs")
    assert sorted(their_events) == sorted(events)
    assert their_assets == assets
    assert [row[:6] for row in their_checks] == [row[:6] for row in checks]


def test_a_year_takes_few_statements(opened: dg.DagsterInstance) -> None:
    statements: list[str] = []

    def note(*arguments: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        statements.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        opened.create_run_for_job(JOB, tags=dict(zip(RANGE, ["2021-01-01", "2021-12-31"], strict=True)))
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert 0 < len(statements) < 60, "not one for each of 730 partitions"
