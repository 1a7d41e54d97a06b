"""Dates that a run did not finish, from end to end: what is told of them, and who asks for them again."""

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from meter_platform import status
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.orchestration import partition_store
from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.automation import again
from meter_platform.warehouse import database as database_module
from meter_platform.warehouse import tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.partitions import StoreReport
from meter_platform.warehouse.tables import Table
from meter_platform_tests.commands import start
from meter_platform_tests.forked import Forked
from meter_platform_tests.market import OLD, Market, day_of, evaluations, failures

FINISHED = "raw_meter_readings.every_date_finished"
DELETED = "raw_meter_readings.files_deleted_unloaded"
PATIENCE = 120


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a minute, and a step fails at once."""
    monkeypatch.setattr(again, "FIRST_PAUSE", timedelta(0))
    monkeypatch.setattr(policies, "RETRIES", dg.RetryPolicy(max_retries=0))


def told(market: Market) -> list[str]:
    """What `meter-platform status` says of dates that are not finished, and of files and tables that are not there."""
    kinds = ("Unfinished", "Deleted", "Missing", "Failed")
    return [line for line in status.report(market.settings) if line.startswith(kinds)]


def figures(market: Market) -> dict[str, tuple[Decimal, Decimal]]:
    """The energy of the readings, and of the half hours, of each date."""
    found = market.rows(
        "SELECT reference_date::text, sum(consumption_delta), (SELECT sum(total_consumption_kwh) "
        "FROM analytics.half_hourly_consumption AS half_hour WHERE half_hour.reference_date = reading.reference_date) "
        "FROM raw_data.raw_meter_readings AS reading GROUP BY reference_date"
    )
    return {day: (readings, half_hours) for day, readings, half_hours in found}


def checked(market: Market, name: str) -> dg.AssetCheckEvaluation:
    """A check, executed by hand."""
    asset, check = name.split(".")
    return market.run_checks(dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(asset), check)))[name]


def examples(found: dg.AssetCheckEvaluation) -> str:
    return str(found.metadata["examples"].value)


@contextmanager
def run_in_a_process(market: Market, day: str) -> Iterator[Forked]:
    """`meter-platform run` as its users start it."""
    process = start(
        market.settings.home, "run", "--reference-date", day,
        READINGS_URL=str(market.settings.readings_url), REFERENCE_URL=str(market.settings.reference_url),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.close()


def end_dead_runs(dagster: dg.DagsterInstance) -> None:
    """What whoever starts next does with a run whose process has gone."""
    for run in dagster.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        dagster.report_run_failed(run)


@pytest.mark.whole
def test_a_run_killed_once_its_readings_are_stored_is_told_and_asked_for_again(market: Market) -> None:
    market.deliver("a.json", day_of("home-1", "2021-02-05", "0.1"))
    assert market.run("2021-02-05", checks=False).success
    market.deliver("a.json", day_of("home-1", "2021-02-05", "0.2"), written=OLD + timedelta(days=1))

    with market.database.connect() as someone, run_in_a_process(market, "2021-02-05") as process:
        # The run gets as far as its first figures, and not further.
        someone.execute("LOCK TABLE analytics.half_hourly_consumption, analytics.meterpoint_completeness IN SHARE MODE")
        deadline = time.monotonic() + PATIENCE
        while figures(market)["2021-02-05"][0] != Decimal("9.6"):
            assert process.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait().returncode == -signal.SIGKILL
    end_dead_runs(market.dagster)

    assert figures(market) == {"2021-02-05": (Decimal("9.6"), Decimal("4.8"))}
    assert told(market)[0].startswith("Unfinished 2021-02-05: older than their input: ")
    market.deliver("b.json", day_of("home-1", "2021-02-06", "0.1"))
    red = evaluations(market.run("2021-02-06"))[FINISHED]
    assert red.severity is dg.AssetCheckSeverity.ERROR
    assert examples(red).startswith("- 2021-02-05: older than their input: ")
    (request,) = market.tick().run_requests
    assert request.partition_key == "2021-02-05"

    (result,) = market.carry_out([request])

    assert result.success, failures(result)
    assert evaluations(result)[FINISHED].passed
    assert figures(market)["2021-02-05"] == (Decimal("9.6"), Decimal("9.6"))
    assert told(market) == []
    assert market.tick().skip_message == "nothing new in 2 files"


@pytest.mark.whole
def test_a_locked_reference_database_is_asked_for_again_until_it_is_unlocked(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_platform.reference.database._BUSY_SECONDS", 0)
    market.deliver("a.json", day_of("home-1", "2021-08-02", "0.1"))
    (request,) = market.tick().run_requests
    with closing(sqlite3.connect(market.reference)) as source:
        source.execute("BEGIN EXCLUSIVE")
        (failed,) = market.carry_out([request], checks=False)
        assert "is it absent, locked" in failures(failed)["raw_products"]
        (line, *_) = told(market)
        assert line.startswith("Unfinished 2021-08-02: never built: ")
        assert "raw_products failed for a reason that may pass, and is tried again (The reference database" in line
        (once_more,) = market.tick().run_requests
        assert once_more.run_key != request.run_key, "Dagster never runs a run key twice"
        (failed,) = market.carry_out([once_more], checks=False)
        assert not failed.success
        monkeypatch.setattr(again, "FIRST_PAUSE", timedelta(hours=1))
        market.carry_out(market.tick().run_requests, checks=False)
        waiting = market.tick()
        assert waiting.run_requests == []
        assert "1 dates not finished, and asked for again from " in (waiting.skip_message or "")
        assert "database is locked" in (waiting.skip_message or "")
        source.rollback()
    an_hour_later(market)

    (request,) = market.tick().run_requests

    (result,) = market.carry_out([request])
    assert result.success, failures(result)
    assert evaluations(result)[FINISHED].passed
    assert figures(market) == {"2021-08-02": (Decimal("4.8"), Decimal("4.8"))}
    assert told(market) == []
    assert market.tick().skip_message == "nothing new in 1 files"
    assert json.loads(market.cursor or "") == {}


def an_hour_later(market: Market) -> None:
    """The sensor's cursor, as if an hour had gone by."""
    state = json.loads(market.cursor or "{}")
    for tries in state["tries"].values():
        tries["next"] = OLD.isoformat()
    market.cursor = json.dumps(state)


def test_a_request_that_led_to_nothing_is_made_again_after_a_pause(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "FIRST_PAUSE", timedelta(hours=1))
    market.deliver("a.json", day_of("home-1", "2021-08-02", "0.1"))
    (request,) = market.tick().run_requests
    # Its run fails in the queue, before it has begun: nothing of it is on record but Dagster's word.
    waiting = market.tick()
    assert waiting.run_requests == []
    assert "1 dates wait for runs that were asked for before, or go on" in (waiting.skip_message or "")
    an_hour_later(market)

    (second,) = market.tick().run_requests

    assert second.partition_key == request.partition_key == "2021-08-02"
    assert second.run_key != request.run_key, "Dagster leaves out a key that it has had"
    (result,) = market.carry_out([second], checks=False)
    assert result.success, failures(result)
    assert market.tick().run_requests == []


@pytest.mark.whole
def test_a_reference_database_of_another_form_is_asked_for_again_once_it_has_changed(market: Market) -> None:
    market.alter_reference("ALTER TABLE product RENAME COLUMN is_variable TO variable")
    market.deliver("a.json", day_of("home-1", "2021-08-02", "0.1"))
    (failed,) = market.carry_out(market.tick().run_requests, checks=False)
    assert "lacks the column is_variable" in failures(failed)["raw_products"]

    for _ in range(3):
        waiting = market.tick()
        assert waiting.run_requests == []
        assert "1 dates failed by their input, and wait for other input or a run by hand" in (
            waiting.skip_message or ""
        )
    (line, *_) = told(market)
    assert "raw_products failed for a reason that stays, until its input or a setting changes" in line
    red = checked(market, FINISHED)
    assert "2021-08-02: never built: raw_products, active_agreements and 3 other tables" in examples(red)
    assert red.metadata["dates_that_wait_for_other_input"].value == 1

    market.alter_reference("ALTER TABLE product RENAME COLUMN variable TO is_variable")
    (result,) = market.carry_out(market.tick().run_requests, checks=False)
    assert result.success, failures(result)
    assert checked(market, FINISHED).passed
    assert told(market) == []


@pytest.mark.whole
def test_a_dropped_table_is_made_again_and_its_dates_are_asked_for(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.deliver("a.json", [row for day in (1, 2) for row in day_of("home-1", f"2021-01-0{day}", "0.5")])
    assert market.run("2021-01-01", "2021-01-02", checks=False).success
    market.change("DROP TABLE analytics.unattributed_consumption")
    assert told(market)[0].startswith("Missing    analytics.unattributed_consumption: ")
    monkeypatch.setattr(policies, "RETRIES", dg.RetryPolicy(max_retries=3))

    monkeypatch.setattr(database_module, "_TABLES_SECONDS", 10 * PATIENCE)
    process = Market(market.settings, market.folder, market.dagster)  # one that saw it before
    unmade = process.run("2021-01-01", checks=False)

    assert "unattributed_consumption" in failures(unmade)["unattributed_consumption"]
    assert "somebody dropped it" in failures(unmade)["unattributed_consumption"]
    assert not unmade.filter_events(lambda event: event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY)
    monkeypatch.setattr(database_module, "_TABLES_SECONDS", -1)  # a while later
    (request,) = market.tick().run_requests
    assert "never built: unattributed_consumption" in told(market)[0]
    (result,) = market.carry_out([request], checks=False)
    assert result.success, failures(result)
    assert told(market) == []
    assert market.tick().run_requests == []


@pytest.mark.whole
def test_dropped_readings_are_read_again_from_their_files(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    market.deliver("a.json", day_of("home-1", "2021-01-01", "0.5"))
    market.deliver("b.json", day_of("home-1", "2021-01-01", "0.25")[:10], written=OLD + timedelta(days=1))
    market.deliver("c.json", day_of("home-1", "2021-01-01", "0.25")[:5], written=OLD + timedelta(days=2))
    assert market.run("2021-01-01", checks=False).success
    files = (
        "SELECT url, rows_stored, rows_replaced, rows_redelivered, rows_pending FROM raw_data.source_files ORDER BY 1"
    )
    before, kept = figures(market), market.rows(files)
    assert [counts for _, *counts in kept] == [[38, 10, 0, 0], [10, 0, 0, 0], [0, 0, 5, 0]]
    market.change("DROP TABLE raw_data.raw_meter_readings")  # with the tables of its dates
    monkeypatch.setattr(database_module, "_TABLES_SECONDS", -1)  # a while later

    (request,) = market.tick().run_requests
    assert told(market)[0].startswith("Unfinished 2021-01-01: gone: raw_meter_readings")
    (result,) = market.carry_out([request])

    assert result.success, failures(result)
    assert (figures(market), market.rows(files)) == (before, kept)
    assert evaluations(result)["raw_meter_readings.rows_accounted_for"].passed
    assert told(market) == []


@pytest.mark.whole
def test_a_file_deleted_before_it_was_loaded_is_told_and_waits_for_nothing(market: Market) -> None:
    rows = day_of("home-1", "2021-01-01", "0.5")
    market.deliver("a.json", rows)
    market.deliver("b.json", day_of("home-2", "2021-01-01", "0.5"))
    (request,) = market.tick().run_requests
    (market.readings / "a.json").unlink()
    # One that was overwritten is not missed: what came in its place is loaded.
    market.deliver("b.json", day_of("home-2", "2021-01-01", "0.25"), written=OLD + timedelta(days=1))

    (result,) = market.carry_out([request])

    assert result.success, failures(result)
    red = evaluations(result)[DELETED]
    assert red.severity is dg.AssetCheckSeverity.WARN
    assert red.description == "48 rows of files that were deleted before they were loaded on 2021-01-01"
    assert "a.json" not in repr(red)
    assert evaluations(result)[FINISHED].passed
    assert told(market)[0].startswith("Deleted    48 rows of 1 reference dates were in files that were deleted before ")
    assert not [line for line in status.report(market.settings) if line.startswith("Pending")]
    found = market.tick()
    assert found.run_requests == []
    assert found.skip_message == "nothing new in 1 files; 1 deleted before all of their rows were loaded"

    market.deliver("a.json", rows)
    assert len(market.tick().run_requests) == 1, "it is back"
    (result,) = market.carry_out([request])
    assert evaluations(result)[DELETED].passed
    assert figures(market) == {"2021-01-01": (Decimal("36.00"), Decimal("36.00"))}
    assert told(market) == []


@pytest.mark.whole
def test_rejected_rows_that_come_later_leave_the_completeness_of_their_date_unfinished(market: Market) -> None:
    market.deliver("a.json", day_of("home-1", "2021-01-01", "0.5"))
    market.deliver("b.json", day_of("home-1", "2021-01-02", "0.5"))
    market.carry_out(market.tick().run_requests, checks=False)
    market.deliver("late.json", [("home-1", "2021-01-01 00:00:00", "-1")])

    (request,) = market.tick().run_requests

    assert request.partition_key == "2021-01-01"
    assert "older than their input: meterpoint_completeness" in told(market)[0]
    market.carry_out([request], checks=False)
    assert market.rows("SELECT reference_date::text, rejected_readings FROM analytics.meterpoint_completeness ORDER BY 1") == [
        ("2021-01-01", 1), ("2021-01-02", 0)
    ]  # fmt: skip
    assert told(market) == []


@pytest.mark.whole
def test_other_rules_lead_to_the_same_dates_again_with_their_snapshots_as_they_are(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.deliver("a.json", [row for day in (1, 2) for row in day_of("home-1", f"2021-01-0{day}", "0.5")])
    market.carry_out(market.tick().run_requests, checks=False)
    taken = market.rows("SELECT DISTINCT loaded_at FROM raw_data.raw_agreements")
    monkeypatch.setattr("meter_platform.warehouse.lineage._rules_of", lambda module: f"another {module}")

    (request,) = market.tick().run_requests

    assert request.tags["dagster/asset_partition_range_end"] == "2021-01-02"
    market.carry_out([request], checks=False)
    assert market.rows("SELECT DISTINCT loaded_at FROM raw_data.raw_agreements") == taken
    assert told(market) == []
    assert market.tick().run_requests == []


@pytest.mark.whole
def test_what_is_published_while_a_rule_computes_is_not_claimed_to_have_been_read(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.deliver("a.json", day_of("home-1", "2021-01-01", "0.5"))
    market.carry_out(market.tick().run_requests, checks=False)
    market.deliver("b.json", day_of("home-2", "2021-01-01", "0.5"))
    replace_rows = partition_store.replace_rows

    def published_meanwhile(database: Database, table: Table, *arguments: Any, **more: Any) -> StoreReport:  # noqa: ANN401 - handed on
        if table is tables.HALF_HOURLY_CONSUMPTION:
            folder = ReadingFolder(str(market.readings))
            ReadingsLoad(market.settings, folder, log=lambda _: None).store(database, [date(2021, 1, 1)])
        return replace_rows(database, table, *arguments, **more)

    monkeypatch.setattr(partition_store, "replace_rows", published_meanwhile)
    assert market.run("2021-01-01", assets=["half_hourly_consumption"], checks=False).success

    # It may have read them, or not; the next run has.
    assert "older than their input: half_hourly_consumption, meterpoint_completeness" in told(market)[0]


@pytest.mark.whole
def test_other_dates_runs_that_go_on_are_none_of_a_checks_business(market: Market) -> None:
    market.deliver("a.json", day_of("home-1", "2021-01-01", "0.5"))
    assert market.run("2021-01-01", assets=["raw_meter_readings"], checks=False).success
    assert not checked(market, FINISHED).passed
    run = market.dagster.create_run_for_job(
        market.defs.resolve_implicit_global_asset_job_def(),
        tags={"dagster/partition": "2021-01-01"},
        status=dg.DagsterRunStatus.STARTED,
    )

    assert checked(market, FINISHED).passed
    waiting = market.tick()
    assert waiting.run_requests == []
    assert "1 dates wait for runs that were asked for before, or go on" in (waiting.skip_message or "")
    market.dagster.report_run_failed(run)
    assert not checked(market, FINISHED).passed
    assert len(market.tick().run_requests) == 1
