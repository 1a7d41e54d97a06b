"""The job and the schedule that fetch readings."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.orchestration.automation.fetching import fetch_job, fetch_schedule
from meter_platform.settings import Settings
from meter_platform_tests.fetch.octopus import KEY, Octopus, serving

METER = ("1200010000017", "19L7654321")


@pytest.fixture
def api() -> Iterator[Octopus]:
    with serving() as api:
        api.readings = {METER: {"2021-10-20T23:00:00+00:00": "0.1", "2021-10-20T23:30:00+00:00": "0.2"}}
        yield api


@pytest.fixture
def settings(tmp_path: Path, api: Octopus) -> Settings:
    (tmp_path / "meters.csv").write_text(f"meterpoint,serial\n{METER[0]},{METER[1]}\n")
    (tmp_path / "feeds.toml").write_text(
        f"""[feeds.octopus]
        format = "octopus"
        paths = "octopus/{{meterpoint}}/{{serial}}/*.json"
        fetch = {{ meters = "meters.csv", url = "{api.url}" }}"""
    )
    folder = str(tmp_path / "readings")
    return Settings(home=tmp_path, readings_url=folder, feeds=tmp_path / "feeds.toml", fetch_keys=f"octopus:{KEY}")


def test_the_job_fetches_what_is_new(settings: Settings, tmp_path: Path) -> None:
    assert fetch_job(settings).execute_in_process().success
    (file,) = (tmp_path / "readings").rglob("*.json")
    assert file.parent == tmp_path / "readings" / "octopus" / METER[0] / METER[1]


def test_the_job_fails_where_a_meter_was_not_fetched(settings: Settings, api: Octopus) -> None:
    api.readings = {}
    assert not fetch_job(settings).execute_in_process(raise_on_error=False).success


@pytest.mark.parametrize("fetched", [True, False])
def test_the_schedule_asks_for_a_run_where_a_feed_is_fetched(settings: Settings, *, fetched: bool) -> None:
    schedule = fetch_schedule(settings if fetched else settings.replace(feeds=None))
    at = datetime(2021, 10, 21, 6, 40, tzinfo=UTC)
    data = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at))
    assert [request.run_key for request in data.run_requests or []] == (["2021-10-21T06"] if fetched else [])
    assert bool(data.skip_message) is not fetched
