"""Assets of raw data: snapshots of the reference database, and what happens where it fails them."""

import sqlite3
import threading
from contextlib import closing
from datetime import datetime, timedelta

import dagster as dg
import pytest

from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.composition import build_defs
from meter_platform.reference import database
from meter_platform.settings import Settings
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.market import LONDON, Agreement, Market, failures

QUICKLY = dg.RetryPolicy(max_retries=3, delay=0.05)
"""As in production, but for the wait."""


def attempts(result: dg.ExecuteInProcessResult, step: str) -> int:
    """How often a step was begun."""
    begun = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_RESTARTED}
    return len(result.filter_events(lambda event: event.step_key == step and event.event_type in begun))


def stored(market: Market) -> list[tuple[object, ...]]:
    """The snapshot of agreements, with the times it was taken at."""
    return market.rows("SELECT * FROM raw_data.raw_agreements ORDER BY reference_date, agreement_id")


def facts(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    """The metadata of an asset's newest materialisation."""
    *_, event = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}


def test_every_asset_is_retried_with_growing_delays(settings: Settings) -> None:
    defs = build_defs(settings)

    for key in defs.resolve_all_asset_keys():
        policy = defs.resolve_assets_def(key).op.retry_policy
        assert policy is not None
        assert policy.max_retries == 3
        assert [policy.calculate_delay(attempt) for attempt in (1, 2)] != [None, None]
        assert policy.backoff is dg.Backoff.EXPONENTIAL
        assert policy.delay == 2


def test_a_snapshot_of_an_old_date_says_that_it_shows_the_source_as_it_is_now(market: Market) -> None:
    before = datetime.now(LONDON).date()
    found = facts(market.run("2021-01-01", "2021-01-03", assets=["raw_agreements"]), "raw_agreements")
    today = datetime.now(LONDON).date()

    assert found["snapshot_taken_on"] in {before.isoformat(), today.isoformat()}
    days = (today - datetime(2021, 1, 1).date()).days  # noqa: DTZ001 - a date
    assert found["days_after_reference_date"] in {days, days - 1}
    assert found["snapshot_note"] == (
        f"taken up to {found['days_after_reference_date']} days after the reference date: "
        "it shows the source as it is now, not as it was then"
    )


def test_a_snapshot_of_yesterday_is_of_its_time(market: Market) -> None:
    yesterday = datetime.now(LONDON).date() - timedelta(days=1)

    found = facts(market.run(yesterday.isoformat(), assets=["raw_products"]), "raw_products")

    assert found["days_after_reference_date"] in {1, 2}  # 2 where midnight has just passed
    assert ("snapshot_note" in found) == (found["days_after_reference_date"] == 2)


def test_a_snapshot_keeps_what_the_source_said_then(market: Market) -> None:
    assert market.run("2021-01-01", assets=["raw_agreements"]).success
    market.refresh([Agreement(2, "home-2", "P-FIX"), Agreement(3, "home-3", "P-FIX")])
    assert market.run("2021-01-02", assets=["raw_agreements"]).success

    assert [(str(row[1]), row[0]) for row in stored(market)] == [
        ("2021-01-01", 1),
        ("2021-01-02", 2),
        ("2021-01-02", 3),
    ]


class TestPermanentFaults:
    """A person has to act: no attempt is made twice, although the policy has production's long delays."""

    @pytest.mark.parametrize(
        ("script", "message"),
        [
            (
                "ALTER TABLE agreement RENAME COLUMN agreement_valid_to TO valid_to",
                'Table "agreement" of the reference database sqlite:///{path} lacks the column agreement_valid_to.',
            ),
            ("DROP TABLE agreement", 'The reference database sqlite:///{path} has no table "agreement".'),
            (
                "UPDATE agreement SET agreement_valid_from = '2020-13-01'",
                (
                    'Table "agreement" of the reference database sqlite:///{path}, row 1, column agreement_valid_from: '
                    "the value is not of type date32[day] (the row with agreement_id 1)."
                ),
            ),
        ],
        ids=["column", "table", "value"],
    )
    def test_a_source_of_another_form_fails_at_once_and_leaves_the_snapshot(
        self, market: Market, script: str, message: str
    ) -> None:
        assert market.run("2021-01-01", assets=["raw_agreements"]).success
        before = stored(market)
        market.alter_reference(script)

        failed = market.run("2021-01-01", assets=["raw_agreements"])

        assert failures(failed) == {"raw_agreements": message.format(path=market.reference)}
        assert attempts(failed, "raw_agreements") == 1
        assert stored(market) == before

    def test_a_broken_contract_shows_its_cases_and_leaves_the_snapshot(self, market: Market) -> None:
        assert market.run("2021-01-01", assets=["raw_products"]).success
        market.alter_reference("UPDATE product SET is_variable = 2")

        failed = market.run("2021-01-01", assets=["raw_products"])

        (event,) = failed.filter_events(lambda event: event.is_step_failure)
        assert event.step_failure_data.user_failure_data is not None
        cases = event.step_failure_data.user_failure_data.metadata["failure_cases"]
        assert isinstance(cases, dg.TableMetadataValue)
        assert [(case.data["column"], case.data["count"]) for case in cases.records] == [("is_variable", 3)]
        assert attempts(failed, "raw_products") == 1
        assert market.rows("SELECT max(is_variable) FROM raw_data.raw_products") == [(1,)]


class TestFaultsThatPass:
    def test_a_source_that_is_absent_is_tried_again_and_then_said_to_be(
        self, market: Market, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(policies, "RETRIES", QUICKLY)
        assert market.run("2021-01-01", assets=["raw_agreements"]).success
        before = stored(market)
        market.reference.unlink()

        failed = market.run("2021-01-01", assets=["raw_agreements"])

        assert attempts(failed, "raw_agreements") == 4
        assert failures(failed)["raw_agreements"].endswith(
            f"The reference database {market.reference} is not there: check METER_PLATFORM_REFERENCE_URL.\n"
        )
        assert stored(market) == before

    def test_a_source_in_the_middle_of_its_refresh_is_tried_again(
        self, market: Market, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(policies, "RETRIES", QUICKLY)
        market.alter_reference("DELETE FROM agreement")

        failed = market.run("2021-01-01", assets=["raw_agreements"])

        assert attempts(failed, "raw_agreements") == 4
        assert "is empty: is it in the middle of its refresh?" in failures(failed)["raw_agreements"]

    def test_a_locked_source_is_read_once_it_is_free(self, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(policies, "RETRIES", dg.RetryPolicy(max_retries=20, delay=0.5))
        monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)
        assert market.run("2021-01-01", assets=["raw_agreements"]).success
        before = stored(market)
        with closing(sqlite3.connect(market.reference, isolation_level=None, check_same_thread=False)) as refresh:
            refresh.execute("BEGIN EXCLUSIVE")
            refresh.execute("UPDATE agreement SET agreement_id = 9")

            def commit_after_an_attempt() -> None:
                retried = dg.DagsterEventType.STEP_UP_FOR_RETRY
                eventually(
                    lambda: any(
                        market.dagster.all_logs(run.run_id, of_type=retried) for run in market.dagster.get_runs(limit=1)
                    )
                )
                refresh.execute("COMMIT")

            commit = threading.Thread(target=commit_after_an_attempt)
            commit.start()

            recovered = market.run("2021-01-01", assets=["raw_agreements"])
            commit.join()

        assert recovered.success, failures(recovered)
        assert attempts(recovered, "raw_agreements") > 1
        assert [row[0] for row in before] == [1]
        assert [row[0] for row in stored(market)] == [9]


class TestKeptByTheLoad:
    def test_rejected_and_replaced_readings_are_reported_for_their_dates(self, market: Market) -> None:
        market.deliver(
            "one.json",
            [
                ("home-1", "2021-01-01 00:00:00", "0.5"),
                ("home-1", "2021-01-01 00:30:00", "-1"),
                ("home-1", "2021-01-02 00:30:00", "-1"),
            ],
        )
        market.deliver("two.json", [("home-1", "2021-01-01 00:00:00", "0.25")])

        result = market.run("2021-01-01", assets=["raw_meter_readings", "rejected_readings", "superseded_readings"])

        rows = {name: facts(result, name)["dagster/row_count"] for name in ("rejected_readings", "superseded_readings")}
        assert rows == {"rejected_readings": 1, "superseded_readings": 1}
        found = facts(result, "raw_meter_readings")
        assert found["dagster/row_count"] == 1
        assert (found["files_read"], found["rows_read"], found["rows_rejected"]) == (2, 4, 2)
