"""A real Prometheus scrapes real metrics of a platform: every query of every panel and rule has something to show."""

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.metrics.dagster_storage import DAEMONS
from meter_platform.warehouse import operations
from meter_platform_tests.alerts.servers import mail_server, web_server
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.market import Market
from meter_platform_tests.metrics.scraped import heartbeat, tick
from meter_platform_tests.metrics.troubled_market import troubled_market
from meter_platform_tests.monitoring.files import panel_queries, rules, selectors
from meter_platform_tests.monitoring.live import alertmanager, answer, asked, metrics_of, prometheus

pytestmark = [
    pytest.mark.usefixtures("_asked_for"),
    pytest.mark.skipif(
        not (shutil.which("prometheus") and shutil.which("prometheus-alertmanager")),
        reason="Prometheus and Alertmanager are not installed (Debian: prometheus, prometheus-alertmanager)",
    ),
]

QUERIES = sorted(
    {query for _, query in panel_queries()}
    | {rule["expr"] for rule in rules() if "record" in rule}
    # An alert's whole expression has an answer where it fires: what it selects has one always.
    | {selector for rule in rules() for selector in selectors(rule["expr"])}
)


@pytest.fixture(scope="module")
def market(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A platform at work: runs, checks, ticks, daemons, a backup of two days ago."""
    with troubled_market(home, tmp_path_factory.mktemp("market")) as market:
        now = time.time()
        for daemon in DAEMONS:
            heartbeat(market.dagster, daemon, now)
        tick(market.dagster, "new_reading_files", "SENSOR", "SUCCESS", now)
        tick(market.dagster, "every_morning", "SCHEDULE", "SUCCESS", now)
        job = market.defs.resolve_implicit_global_asset_job_def()
        market.dagster.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
        began = datetime.now(UTC) - timedelta(days=2)
        done = operations.Done(
            operation="backup", started_at=began, finished_at=began, succeeded=True, detail="", size_bytes=1
        )
        with market.database.connect() as connection:
            operations.write(connection, done)
        yield market


@pytest.fixture(scope="module")
def server(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prometheus, after it has scraped often enough for every rate."""
    with (
        metrics_of(market.settings.home) as scraping,
        prometheus(tmp_path_factory.mktemp("prometheus"), scraping=scraping) as url,
    ):
        eventually(lambda: bool(answer(url, "count_over_time(meter:data_age_seconds[1m]) > 3")))
        yield url


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_an_answer(server: str, query: str) -> None:
    eventually(lambda: bool(answer(server, query)))


def test_a_query_for_what_is_not_there_has_none(server: str) -> None:
    assert answer(server, "meter_no_such_metric") == []


def test_every_rule_is_evaluated_and_what_is_wrong_is_told(server: str) -> None:
    def states() -> dict[str, str]:
        groups = asked(f"{server}/api/v1/rules")["data"]["groups"]
        every = [rule for group in groups for rule in group["rules"]]
        assert {rule["name"]: rule.get("lastError") for rule in every if rule["health"] == "err"} == {}
        return {rule["name"]: rule["state"] for rule in every if rule["type"] == "alerting"}

    wrong = {
        # The market is one of January 2021, and its last backup is two days old; nobody tried a restore.
        "MeterDataStale": "pending",
        "MeterBackupOld": "pending",
        "MeterRestoreDrillOld": "pending",
        "MeterCheckWarned": "pending",
        "MeterPartitionsFailed": "pending",
        "MeterFilesQuarantined": "firing",
        "Watchdog": "firing",
    }
    eventually(lambda: {name: state for name, state in states().items() if state != "inactive"} == wrong)


def test_what_follows_from_another_alert_is_not_told_as_well(tmp_path: Path) -> None:
    def alert(name: str, **labels: str) -> dict[str, object]:
        return {"labels": {"alertname": name, "severity": "critical", **labels}}

    with alertmanager(tmp_path) as address:
        url = f"http://{address}/api/v2/alerts"
        late = alert("MeterCheckWarned", check="data_age", asset="raw_meter_readings")
        other = alert("MeterCheckWarned", check="completeness", asset="meterpoint_completeness")
        asked(url, [alert("MeterDataStale"), late, other, alert("Watchdog")])

        def silent() -> set[tuple[str, str | None]]:
            return {
                (each["labels"]["alertname"], each["labels"].get("check"))
                for each in asked(url)
                if each["status"]["state"] == "suppressed"
            }

        eventually(lambda: silent() == {("MeterCheckWarned", "data_age")})
        asked(url, [alert("MeterMetricsDown")])
        eventually(
            lambda: (
                silent()
                == {("MeterDataStale", None), ("MeterCheckWarned", "data_age"), ("MeterCheckWarned", "completeness")}
            )
        )


def test_who_is_on_call_is_told_what_is_wrong_where_to_read_on_and_that_it_is_over(tmp_path: Path) -> None:
    begun = datetime.now(UTC)
    late = {
        "labels": {"alertname": "MeterDataStale", "severity": "critical"},
        "annotations": {
            "summary": "The newest reference date ended 2d ago",
            "description": "A date is due.",
            "runbook_url": "https://docs.example/operating/runbook/MeterDataStale.html",
        },
        "startsAt": begun.isoformat(),
    }
    with (
        mail_server() as mails,
        web_server() as slack,
        alertmanager(tmp_path, mail_port=mails.port, slack=slack.url) as address,
    ):
        asked(f"http://{address}/api/v2/alerts", [late])
        eventually(lambda: len(mails.mails) == len(slack.posted) == 1)
        asked(f"http://{address}/api/v2/alerts", [late | {"endsAt": datetime.now(UTC).isoformat()}])
        eventually(lambda: len(mails.mails) == len(slack.posted) == 2)

    assert [mail["To"] for mail in mails.mails] == ["meter-oncall@example.org"] * 2
    assert [mail["Subject"] for mail in mails.mails] == [
        "The newest reference date ended 2d ago",
        "Over: The newest reference date ended 2d ago",
    ]
    for mail in mails.mails:
        body = mail.get_body(("html",))
        assert body
        assert 'href="https://docs.example/operating/runbook/MeterDataStale.html"' in body.get_content()
    assert [document["attachments"][0]["title"] for document in slack.posted] == [
        "MeterDataStale",
        "Over: MeterDataStale",
    ]
