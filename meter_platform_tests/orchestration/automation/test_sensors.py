"""The sensor on reading files: which runs it asks for, and what stands in the tables once they have run."""

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from meter_platform.errors import SourceUnavailableError
from meter_platform.ingestion import catalogue
from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.automation import sensors
from meter_platform.warehouse import sessions
from meter_platform_tests.market import LONDON, OLD, Agreement, Market, day_of, failures

SNAPSHOTS = {"raw_agreements", "raw_products", "raw_meterpoints", "active_agreements"}
LOADED_AGAIN = {
    "raw_meter_readings",
    "rejected_readings",
    "superseded_readings",
    "half_hourly_consumption",
    "daily_product_consumption",
    "unattributed_consumption",
    "meterpoint_completeness",
}


def dates(requests: Iterable[dg.RunRequest]) -> list[tuple[str, str]]:
    """The first and the last date of each request."""
    return [
        (request.partition_key, request.partition_key)
        if request.partition_key
        else (
            request.tags["dagster/asset_partition_range_start"],
            request.tags["dagster/asset_partition_range_end"],
        )
        for request in requests
    ]


def selected(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def by_product(market: Market) -> dict[tuple[str, str], Decimal]:
    found = market.rows(
        "SELECT reference_date::text, product_display_name, total_consumption_kwh FROM analytics.daily_product_consumption"
    )
    return {(day, product): kwh for day, product, kwh in found}


def by_day(market: Market) -> dict[str, tuple[int, Decimal]]:
    """Half hours and energy of each date."""
    found = market.rows(
        "SELECT reference_date::text, count(*), sum(total_consumption_kwh) FROM analytics.half_hourly_consumption "
        "GROUP BY 1"
    )
    return {day: (count, kwh) for day, count, kwh in found}


def load_times(market: Market, table: str) -> dict[str, datetime]:
    query = f"SELECT reference_date::text, max(loaded_at) FROM {table} GROUP BY 1"  # noqa: S608 - a table's name
    return dict(market.rows(query))


def carry_out(market: Market, requests: Iterable[dg.RunRequest]) -> None:
    """Every run has to succeed."""
    for result in market.carry_out(requests, checks=False):
        assert result.success, failures(result)


def test_it_runs_without_being_switched_on_and_looks_twice_a_minute(market: Market) -> None:
    sensor = market.defs.resolve_sensor_def("new_reading_files")

    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30


def test_an_empty_folder_is_nothing_to_do(market: Market) -> None:
    found = market.tick()

    assert found.run_requests == []
    assert found.skip_message == "nothing new in 0 files"


@pytest.mark.whole
def test_new_files_lead_to_runs_of_exactly_their_dates(market: Market) -> None:
    market.refresh([Agreement(1, "home-1"), Agreement(2, "home-2", "P-FIX")])
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5") + day_of("home-1", "2021-01-05", "0.25"))
    market.deliver("two.json", day_of("home-2", "2021-01-05", "0.125") + day_of("nobody", "2021-01-05", "0.001"))

    found = market.tick()

    assert dates(found.run_requests) == [("2021-01-01", "2021-01-01"), ("2021-01-05", "2021-01-05")]
    carry_out(market, found.run_requests)
    assert by_product(market) == {
        ("2021-01-01", "Flexible"): Decimal("24.0"),
        ("2021-01-05", "Flexible"): Decimal("12.0"),
        ("2021-01-05", "Fixed"): Decimal("6.0"),
    }
    assert by_day(market) == {"2021-01-01": (48, Decimal("24.0")), "2021-01-05": (48, Decimal("18.048"))}
    assert market.rows("SELECT total_consumption_kwh, reason FROM analytics.unattributed_consumption") == [
        (Decimal("0.048"), "no_agreement")
    ]
    assert market.rows("SELECT reference_date::text, count(*) FROM raw_data.raw_agreements GROUP BY 1 ORDER BY 1") == [
        ("2021-01-01", 2),
        ("2021-01-05", 2),
    ]


def test_the_same_files_never_lead_to_another_run(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    carry_out(market, market.tick().run_requests)

    assert market.tick().run_requests == []
    assert json.loads(market.cursor or "") == {}, "what is loaded need not be remembered"
    market.cursor = None  # someone resets the sensor
    assert market.tick().run_requests == []


def test_dates_that_are_asked_for_are_not_asked_for_again_while_they_wait(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))

    first, second = market.tick(), market.tick()

    assert len(first.run_requests) == 1
    assert second.run_requests == []
    assert second.skip_message == ("nothing new in 1 files; 1 dates wait for runs that were asked for before, or go on")


def test_a_reset_cursor_asks_under_the_same_run_key_so_that_a_waiting_run_is_not_doubled(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    (first,) = market.tick().run_requests
    market.cursor = None

    (second,) = market.tick().run_requests

    assert second.run_key == first.run_key


@pytest.mark.whole
def test_a_contiguous_backlog_is_one_ranged_run(market: Market) -> None:
    for day in ("2021-03-27", "2021-03-28", "2021-03-29"):
        market.deliver(f"{day}.json", day_of("home-1", day, "0.5"))

    found = market.tick()

    assert dates(found.run_requests) == [("2021-03-27", "2021-03-29")]
    carry_out(market, found.run_requests)
    assert by_day(market) == {
        "2021-03-27": (48, Decimal("24.0")),
        "2021-03-28": (46, Decimal("23.0")),
        "2021-03-29": (48, Decimal("24.0")),
    }


def test_a_corrected_file_leads_to_exactly_its_dates_again_and_leaves_their_snapshots_alone(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    market.deliver("two.json", day_of("home-1", "2021-01-02", "0.5"))
    carry_out(market, market.tick().run_requests)
    tables = [f"{'analytics' if name.startswith('active') else 'raw_data'}.{name}" for name in sorted(SNAPSHOTS)]
    snapshots = {table: load_times(market, table) for table in tables}
    readings = load_times(market, "raw_data.raw_meter_readings")
    products = load_times(market, "analytics.daily_product_consumption")
    market.refresh([Agreement(7, "home-1", "P-FIX")])  # the source has moved on since

    market.deliver("two.json", day_of("home-1", "2021-01-02", "0.25"), written=OLD + timedelta(days=1))
    found = market.tick()

    assert dates(found.run_requests) == [("2021-01-02", "2021-01-02")]
    assert selected(found.run_requests[0]) == LOADED_AGAIN
    carry_out(market, found.run_requests)
    assert by_product(market) == {
        ("2021-01-01", "Flexible"): Decimal("24.0"),
        ("2021-01-02", "Flexible"): Decimal("12.0"),
    }
    assert market.rows(
        "SELECT reference_date::text, count(*), sum(consumption_delta) FROM raw_data.superseded_readings GROUP BY 1"
    ) == [("2021-01-02", 48, Decimal("24.0"))]
    assert {table: load_times(market, table) for table in tables} == snapshots
    for before, table in ((readings, "raw_data.raw_meter_readings"), (products, "analytics.daily_product_consumption")):
        after = load_times(market, table)
        assert after["2021-01-01"] == before["2021-01-01"]
        assert after["2021-01-02"] > before["2021-01-02"]
    assert market.tick().run_requests == []


@pytest.mark.whole
def test_a_correction_that_is_taken_back_runs_again_though_its_content_has_run_before(market: Market) -> None:
    keys = []
    for day, kwh in enumerate(("0.5", "0.25", "0.5")):
        market.deliver("one.json", day_of("home-1", "2021-01-01", kwh), written=OLD + timedelta(days=day))
        requests = market.tick().run_requests
        keys += [request.run_key for request in requests]
        carry_out(market, requests)

    assert len(set(keys)) == 3, "Dagster never runs a run key twice"
    assert by_product(market) == {("2021-01-01", "Flexible"): Decimal("24.0")}


@pytest.mark.whole
def test_a_corrected_file_is_asked_for_while_the_run_of_its_first_version_still_waits(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    (first,) = market.tick().run_requests

    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.25"), written=OLD + timedelta(days=1))
    (second,) = market.tick().run_requests

    assert first.run_key != second.run_key
    carry_out(market, [first, second])
    assert by_product(market) == {("2021-01-01", "Flexible"): Decimal("12.0")}


@pytest.mark.whole
@pytest.mark.parametrize(("loads", "asked"), [(True, 0), (False, 1)])
def test_a_run_that_nobody_has_begun_loads_what_has_come_since(market: Market, *, loads: bool, asked: int) -> None:
    market.deliver("a.json", day_of("home-1", "2021-01-04", "0.5"))
    assert len(market.tick().run_requests or []) == 1
    table = "raw_meter_readings" if loads else "half_hourly_consumption"
    run = dg.DagsterRun(
        "all_tables",
        run_id=str(uuid.uuid4()),
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=RemoteJobOrigin(
            RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__"), "all_tables"
        ),
        asset_selection=frozenset({dg.AssetKey(table)}),
        tags={"dagster/partition": "2021-01-04"},
    )
    market.dagster.add_run(run)
    try:
        market.deliver("b.json", day_of("home-2", "2021-01-04", "0.5"))
        assert len(market.tick().run_requests or []) == asked
    finally:
        market.dagster.delete_run(run.run_id)
    # It has gone without loading anything.
    market.deliver("c.json", day_of("home-3", "2021-01-04", "0.5"))
    carry_out(market, market.tick().run_requests or [])
    assert by_day(market) == {"2021-01-04": (48, Decimal(72))}


@pytest.mark.whole
def test_a_file_that_was_only_touched_leads_to_nothing(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    assert market.run("2021-01-01", checks=False).success

    market.touch("one.json", OLD + timedelta(days=3))

    assert market.tick().run_requests == []


@pytest.mark.whole
def test_a_late_file_with_an_old_modification_time_is_found(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    carry_out(market, market.tick().run_requests)

    market.deliver("late.json", day_of("home-2", "2021-01-01", "0.25"), written=OLD - timedelta(days=300))
    found = market.tick()

    assert dates(found.run_requests) == [("2021-01-01", "2021-01-01")]
    carry_out(market, found.run_requests)
    assert by_day(market) == {"2021-01-01": (48, Decimal("36.0"))}


def test_dates_with_a_snapshot_stand_apart_from_those_without(market: Market) -> None:
    assert market.run("2021-01-02", assets=sorted(SNAPSHOTS), checks=False).success

    market.deliver("two.json", [row for day in (1, 2, 3, 4) for row in day_of("home-2", f"2021-01-0{day}", "0.25")])
    requests = market.tick().run_requests

    assert dates(requests) == [
        ("2021-01-01", "2021-01-01"),
        ("2021-01-02", "2021-01-02"),
        ("2021-01-03", "2021-01-04"),
    ]
    assert [selected(request) for request in requests] == [set(), LOADED_AGAIN, set()]


def test_a_day_that_is_not_over_waits_until_it_is(market: Market) -> None:
    today = datetime.now(LONDON).date().isoformat()
    market.deliver("today.json", day_of("home-1", today, "0.5")[:1])

    found = market.tick()

    assert found.run_requests == []
    assert found.skip_message == "1 new files hold rows of no date that is over"
    # Once the day is over, it has a partition.
    tomorrow = dg.DailyPartitionsDefinition("2021-01-01", timezone="Europe/London", end_offset=1)
    later = sensors.new_files_sensor(market.settings, tomorrow)
    result = later(dg.build_sensor_context(instance=market.dagster, cursor=market.cursor))
    assert isinstance(result, dg.SensorResult)
    assert dates(result.run_requests or []) == [(today, today)]


@pytest.mark.whole
def test_a_broken_file_neither_stops_the_sensor_nor_is_read_for_ever(market: Market) -> None:
    market.deliver_text("broken.json", '{"columns": ["meterpoint_id", "interval_start"')
    market.deliver("good.json", day_of("home-1", "2021-01-01", "0.5"))

    found = market.tick()

    assert dates(found.run_requests) == [("2021-01-01", "2021-01-01")]
    carry_out(market, found.run_requests)
    assert by_day(market) == {"2021-01-01": (48, Decimal("24.0"))}
    assert market.tick().skip_message == "nothing new in 2 files"
    assert market.rows("SELECT count(*), min(outcome) FROM raw_data.source_files WHERE url LIKE '%%/broken.json'") == [
        (1, "malformed")
    ]
    market.deliver("broken.json", day_of("home-1", "2021-01-02", "0.5"), written=OLD + timedelta(days=1))
    assert dates(market.tick().run_requests) == [("2021-01-02", "2021-01-02")]


def test_a_broken_file_alone_is_said_to_be_quarantined(market: Market) -> None:
    market.deliver_text("broken.json", "")

    assert market.tick().skip_message == "1 new files hold rows of no date that is over; 1 quarantined"


def test_files_that_nobody_reads_are_counted_and_not_named(market: Market) -> None:
    for name in ("1030061234567.csv", "1030061234568.csv", "day.JSON", "x.1030061234567", ".hidden.csv"):
        market.deliver_text(name, "x")

    assert market.tick().skip_message == (
        "nothing new in 0 files; "
        "4 files lie there that are not read (2 x .csv, 1 x .JSON, 1 x other): names end in .json"
    )


def test_a_half_written_file_is_left_for_the_next_look(market: Market) -> None:
    market.deliver_text("growing.json", '{"columns": ["meterpoint_id", "interval_start"', written=datetime.now(UTC))

    assert market.tick().skip_message == "nothing new in 1 files; 1 still being written"
    assert market.rows("SELECT * FROM raw_data.source_files") == []
    market.deliver("growing.json", day_of("home-1", "2021-01-01", "0.5"), written=datetime.now(UTC))
    assert dates(market.tick().run_requests) == [("2021-01-01", "2021-01-01")]


@pytest.mark.whole
def test_a_run_that_fails_is_not_repeated_for_ever_and_a_new_file_tries_again(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "RETRIES", dg.RetryPolicy(max_retries=1))
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    requests = market.tick().run_requests
    away = market.readings.rename(market.folder / "unmounted")

    (failed,) = market.carry_out(requests, checks=False)

    assert not failed.success
    assert "cannot be listed" in failures(failed)["raw_meter_readings"]
    away.rename(market.readings)
    assert [market.tick().run_requests for _ in range(3)] == [[], [], []]
    market.deliver("two.json", day_of("home-2", "2021-01-01", "0.25"))
    found = market.tick()
    assert dates(found.run_requests) == [("2021-01-01", "2021-01-01")]
    carry_out(market, found.run_requests)
    assert by_day(market) == {"2021-01-01": (48, Decimal("36.0"))}


@pytest.mark.whole
def test_a_run_whose_file_has_gone_leaves_nothing_that_is_asked_for_again(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    requests = market.tick().run_requests
    (market.readings / "one.json").unlink()

    carry_out(market, requests)

    assert market.tick().run_requests == []


@pytest.mark.whole
def test_ten_thousand_new_files_pass_in_bounded_ticks_without_loss(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10_000):
        day, half_hour = date(2021, 1, 1) + timedelta(days=number // 2500), number % 48
        time = f"{day} {half_hour // 2:02}:{half_hour % 2 * 30:02}:00"
        market.deliver(f"{number:05}.json", [(f"home-{number}", time, "0.001")])

    ticks, known = [], []
    for seconds in (0.0, 0.2, 20.0, 20.0):  # the first looks have no time to read them all
        monkeypatch.setattr(sensors, "SCAN_SECONDS", seconds)
        ticks.append(market.tick())
        known += market.rows("SELECT count(*) FROM raw_data.source_files")

    assert ticks[0].skip_message == "nothing new in 10,000 files; 10,000 left for the next scan"
    assert known == sorted(known)
    assert market.rows("SELECT count(*), sum(rows_pending) FROM raw_data.source_files") == [(10_000, 10_000)]
    requests = [request for tick in ticks for request in tick.run_requests]
    assert {day for first_and_last in dates(requests) for day in first_and_last} >= {"2021-01-01", "2021-01-04"}
    assert ticks[-1].run_requests == []
    for request in reversed(requests):
        if market.rows("SELECT count(*) FROM raw_data.source_file_dates WHERE loaded_at IS NULL") != [(0,)]:
            carry_out(market, [request])
    assert by_day(market) == {f"2021-01-0{n}": (48, Decimal("2.500")) for n in (1, 2, 3, 4)}
    assert market.tick().skip_message == "nothing new in 10,000 files"


def test_a_contiguous_backlog_of_a_thousand_dates_is_a_few_ranged_runs(market: Market) -> None:
    first = date(2021, 1, 1)
    market.deliver("all.json", [("home-1", f"{first + timedelta(days=n)} 12:00:00", "0.5") for n in range(1000)])

    found = market.tick()

    assert dates(found.run_requests) == [
        ("2021-01-01", "2022-01-01"),
        ("2022-01-02", "2023-01-02"),
        ("2023-01-03", "2023-09-27"),
    ]
    assert market.tick().run_requests == []


@pytest.mark.whole
def test_a_backlog_of_scattered_dates_is_asked_for_twenty_at_a_time_each_once(market: Market) -> None:
    scattered = [(date(2021, 1, 1) + timedelta(days=2 * n)).isoformat() for n in range(330)]
    market.deliver("all.json", [("home-1", f"{day} 12:00:00", "0.5") for day in scattered])

    ticks = []
    while requests := market.tick().run_requests:
        ticks.append(requests)

    assert [len(requests) for requests in ticks] == [20] * 16 + [10]
    assert [day for requests in ticks for day, _ in dates(requests)] == scattered


def test_while_another_process_reads_new_files_the_sensor_waits_its_turn(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    with sessions.begin(market.database) as another:
        catalogue.lock(another)

        found = market.tick()

        assert found.run_requests == []
        assert "another process is scanning the files" in (found.skip_message or "")
    assert len(market.tick().run_requests) == 1


def test_a_tick_that_has_to_wait_its_turn_keeps_what_was_asked_for_before(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    market.tick()
    with sessions.begin(market.database) as another:
        catalogue.lock(another)
        market.tick()

    assert market.tick().run_requests == []


def test_a_folder_that_is_not_there_fails_the_tick_with_its_name_and_the_next_one_recovers(market: Market) -> None:
    market.deliver("one.json", day_of("home-1", "2021-01-01", "0.5"))
    away = market.readings.rename(market.folder / "unmounted")

    with pytest.raises(SourceUnavailableError) as failed:
        market.tick()

    assert str(failed.value) == (
        f"The folder of reading files {market.readings} cannot be listed (No such file or directory): "
        "check METER_PLATFORM_READINGS_URL and the folder's permissions."
    )
    away.rename(market.readings)
    assert len(market.tick().run_requests) == 1
