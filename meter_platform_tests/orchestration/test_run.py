"""A run in this process: which dates it takes, and what it says of how it went."""

import gc
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.errors import SettingsError
from meter_platform.orchestration.instance import instance
from meter_platform.orchestration.run import check_dates, run_dates, stored
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.embedded_postgres.servers import eventually

FIRST = date(2021, 1, 1)


@pytest.fixture
def here(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Settings:  # noqa: ARG001 - the database is emptied
    """The session's platform as this process's environment names it, which runs take their Dagster instance from."""
    monkeypatch.setenv(f"{PREFIX}HOME", str(settings.home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return Settings.from_environment()


@pytest.fixture
def _without_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meter_platform.orchestration.assets.policies.RETRIES", dg.RetryPolicy(max_retries=0))


def test_dates_are_those_from_the_first_reference_date_to_yesterday(settings: Settings) -> None:
    yesterday = datetime.now(settings.zone).date() - timedelta(days=1)

    check_dates(settings, FIRST, FIRST)
    check_dates(settings, FIRST, yesterday)
    for first, last in (
        (FIRST - timedelta(days=1), FIRST),
        (FIRST, yesterday + timedelta(days=1)),
        (yesterday, yesterday - timedelta(days=1)),
    ):
        with pytest.raises(SettingsError):
            check_dates(settings, first, last)


def test_each_finished_step_is_told_and_counted(here: Settings) -> None:
    told: list[tuple[str, int, int]] = []

    outcome = run_dates(here, FIRST, FIRST, step_done=lambda *step: told.append(step))

    assert outcome.succeeded
    assert [count for _, count, _ in told] == list(range(1, 13))
    assert {total for _, _, total in told} == {12}
    assert {name for name, _, _ in told} == set(outcome.seconds)
    assert outcome.total_seconds > max(outcome.seconds.values()) > 0
    assert {row.table: row.rows for row in stored(here, FIRST, FIRST)}["raw_data.raw_meterpoints"] == 60


@pytest.mark.usefixtures("_without_retries")
def test_a_step_that_fails_is_named_with_a_sentence_and_what_does_not_need_it_is_stored(
    here: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.db"
    monkeypatch.setenv(f"{PREFIX}REFERENCE_URL", f"sqlite:///{missing}")

    outcome = run_dates(Settings.from_environment(), FIRST, FIRST)

    assert not outcome.succeeded
    assert outcome.errors == dict.fromkeys(
        ("raw_agreements", "raw_products", "raw_meterpoints"),
        f"The reference database {missing} is not there: check METER_PLATFORM_REFERENCE_URL.",
    )
    rows = {row.table: row.rows for row in stored(here, FIRST, FIRST)}
    assert rows["raw_data.raw_meter_readings"] > 0
    assert rows["analytics.active_agreements"] == 0


@pytest.mark.whole
def test_runs_of_one_process_leave_no_connection_behind_that_waits_for_the_collector(
    here: Settings, database: Database
) -> None:
    with database.connect(autocommit=True) as connection:

        def sessions() -> int:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            ).fetchone()
            assert row is not None
            return int(row[0])

        before = sessions()
        gc.disable()
        try:
            for _ in range(2):
                run_dates(here, FIRST, FIRST)
            # An Arrow connection or two wait to be used again; a session that is closed takes a moment to go.
            eventually(lambda: sessions() <= before + 2)
            for _ in range(20):
                with instance() as opened:
                    assert opened.get_runs_count() > 0
            eventually(lambda: sessions() <= before + 2)
        finally:
            gc.enable()
