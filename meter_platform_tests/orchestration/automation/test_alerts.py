"""The sensor of alerts: what it tells by a real mail server and a real webhook, on a real Dagster instance."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from meter_platform.alerts import ledger
from meter_platform.orchestration.automation.alerts import alert_sensors
from meter_platform.orchestration.automation.incidents import events
from meter_platform.orchestration.composition import build_defs
from meter_platform.settings import Settings
from meter_platform_tests.alerts.servers import MailServer, WebServer, mail_server, web_server
from meter_platform_tests.market import Market, day_of


@dataclass
class Office:
    """The people who are told, and the sensor that tells them."""

    market: Market
    mail: MailServer
    web: WebServer
    cursor: str | None = None
    seen: int = field(default=0, repr=False)

    @property
    def settings(self) -> Settings:
        return self.market.settings

    def tick(self) -> SensorExecutionData:
        """The sensor looks, with the cursor that the tick before left."""
        defs = build_defs(self.settings)
        context = dg.build_sensor_context(
            instance=self.market.dagster, cursor=self.cursor, repository_def=defs.get_repository_def()
        )
        found = defs.resolve_sensor_def("alerts").evaluate_tick(context)
        self.cursor = found.cursor
        return found

    def told(self) -> list[str]:
        """The subjects of the mails of a tick; the webhook got as many messages."""
        self.tick()
        new = [str(mail["Subject"]).removeprefix("[Meter platform] ") for mail in self.mail.mails[self.seen :]]
        self.seen = len(self.mail.mails)
        assert len(self.web.posted) == self.seen
        return new

    @property
    def last_text(self) -> str:
        (part, _) = self.mail.mails[-1].iter_parts()
        return str(part.get_content()).replace("\r\n", "\n")


@pytest.fixture
def office(market: Market, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    # What has just been stored counts, and what is gone is over at once.
    monkeypatch.setattr(events, "_SETTLING", timedelta(0))
    monkeypatch.setattr(ledger, "SETTLED", timedelta(0))
    market.dagster.wipe()
    with ExitStack() as stack:
        mail, web = stack.enter_context(mail_server()), stack.enter_context(web_server())
        market.settings = market.settings.replace(
            alerts_smtp_url=f"smtp://localhost:{mail.port}?tls=no",
            alerts_email_to="ann@example.org",
            alerts_webhook_url=web.url,
            alerts_data_due_hours=0,
            dagster_ui_url="https://meters.example.org",
        )
        yield Office(market, mail, web)


def test_it_is_there_once_alerts_are_set_and_not_before() -> None:
    assert alert_sensors(Settings()) == []
    for more in ({"alerts_email_to": "ann@example.org"}, {"alerts_webhook_url": "x"}, {"alerts_heartbeat_url": "x"}):
        (sensor,) = alert_sensors(Settings().replace(**more))
        assert (sensor.name, sensor.default_status) == ("alerts", dg.DefaultSensorStatus.RUNNING)


def broken(market: Market) -> None:
    market.alter_reference("ALTER TABLE product RENAME COLUMN is_variable TO variable")


def mended(market: Market) -> None:
    market.alter_reference("ALTER TABLE product RENAME COLUMN variable TO is_variable")


@pytest.mark.whole
def test_a_failed_run_is_told_once_however_often_it_is_asked_for_and_once_when_it_is_over(office: Office) -> None:
    market = office.market
    broken(market)
    market.deliver("a.json", day_of("home-1", "2021-01-02", "0.1"))
    (failed,) = market.carry_out(market.tick().run_requests)
    assert not failed.success

    assert office.told() == ["Run failed: 2021-01-02"]
    text = office.last_text
    assert "  Reference dates  2021-01-02\n  Failed           raw_products" in text
    assert "lacks the column is_variable" in text
    assert f"Open the run in Dagster: https://meters.example.org/runs/{failed.run_id}\n" in text
    assert "meter-platform run --reference-date 2021-01-02\n" in text
    assert "home-1" not in text
    assert office.told() == []

    assert not market.run("2021-01-01", "2021-01-03", assets=["raw_products"]).success
    assert office.told() == ["Run failed: 2 dates from 2021-01-01 to 2021-01-03"], "the date between is told already"
    mended(market)
    assert market.run("2021-01-02", assets=["raw_meterpoints"]).success
    assert office.told() == [], "it has not what failed"
    assert market.run("2021-01-01", "2021-01-02", assets=["raw_products"]).success
    assert office.told() == ["Over: Run failed: 2021-01-02"]
    assert office.mail.mails[-1]["In-Reply-To"] == office.mail.mails[0]["Message-ID"]
    assert "2 have failed so far" in office.last_text
    assert market.run("2021-01-03", assets=["raw_products"]).success
    assert office.told() == ["Over: Run failed: 2 dates from 2021-01-01 to 2021-01-03"]
    assert json.loads(office.cursor or "")["ledger"]["entries"] == {}


@pytest.mark.whole
def test_a_run_that_dagster_tries_again_is_no_failure_yet(office: Office) -> None:
    def ends(tags: dict[str, str], status: dg.DagsterRunStatus) -> None:
        job = office.market.defs.resolve_implicit_global_asset_job_def()
        run = office.market.dagster.create_run_for_job(
            job, tags={"dagster/partition": "2021-01-02", **tags}, status=status
        )
        office.market.dagster.report_run_failed(run, "The run was ended by SIGTERM, in the middle of its work.")
        office.market.dagster.add_run_tags(run.run_id, tags)

    ends({"dagster/will_retry": "true"}, dg.DagsterRunStatus.STARTED)
    assert office.told() == []
    ends({"dagster/will_retry": "false"}, dg.DagsterRunStatus.STARTED)
    assert office.told() == ["Run failed: 2021-01-02"]
    assert "  Why              The run was ended by SIGTERM, in the middle of its work." in office.last_text


def test_a_check_that_fails_with_error_is_told_until_it_passes_and_one_that_warns_is_not(office: Office) -> None:
    def look() -> None:
        market.run_checks(dg.AssetSelection.checks_for_assets("half_hourly_consumption"))

    market = office.market
    market.change(
        "INSERT INTO analytics.half_hourly_consumption VALUES "
        "('2021-01-02 00:00Z', '2021-01-02', 1, 1, 1, 1, 0, '2021-01-03 00:00Z', 1, 1, 0)"
    )
    look()

    assert office.told() == ["Check failed: half_hourly_consumption.readings_conserved"]
    assert "2021-01-02" in office.last_text
    assert (
        "https://meters.example.org/assets/half_hourly_consumption?view=checks&checkDetail=readings_conserved"
        in office.last_text
    )
    look()
    assert office.told() == []
    market.change("DELETE FROM analytics.half_hourly_consumption")
    look()
    assert office.told() == ["Over: Check failed: half_hourly_consumption.readings_conserved"]


def evaluate(market: Market, check: str, severity: dg.AssetCheckSeverity, *, passed: bool) -> None:
    key = dg.AssetKey("raw_meter_readings")
    found = dg.AssetCheckEvaluation(asset_key=key, check_name=check, passed=passed, severity=severity, metadata={})
    market.dagster.report_runless_asset_event(found)


def test_a_date_that_its_failed_run_has_told_of_is_not_told_by_its_check_as_well(office: Office) -> None:
    broken(office.market)
    assert not office.market.run("2021-01-02", assets=["raw_products"]).success
    evaluate(office.market, "every_date_finished", dg.AssetCheckSeverity.ERROR, passed=False)
    evaluate(office.market, "data_age", dg.AssetCheckSeverity.WARN, passed=False)
    evaluate(office.market, "a_check_that_there_was", dg.AssetCheckSeverity.ERROR, passed=False)
    assert office.told() == ["Run failed: 2021-01-02"]
    mended(office.market)
    assert office.market.run("2021-01-02", assets=["raw_products"]).success

    assert office.told() == [
        "Over: Run failed: 2021-01-02",
        "Check failed: raw_meter_readings.every_date_finished",
    ], "one that is left for another reason is"


def test_data_that_is_late_is_told_once_until_it_has_come(office: Office) -> None:
    def come(day: str) -> None:
        market.change(
            "INSERT INTO raw_data.source_file_dates VALUES (1, %s, 1, 1, 0, 0, '2021-01-03 00:00Z', 0, 0)", day
        )

    market = office.market
    come("2021-01-02")
    market.settings = office.settings.replace(alerts_data_due_hours=9, today=date(2021, 1, 5))

    assert office.told() == ["Data is late: nothing since 2021-01-02"]
    assert "  Should be stored    2021-01-04\n  Dates missing       2" in office.last_text
    market.settings = office.settings.replace(today=date(2021, 1, 6))
    assert office.told() == []
    come("2021-01-05")
    assert office.told() == ["Over: Data is late: nothing since 2021-01-02"]


def test_a_mail_server_that_fails_loses_nothing_doubles_nothing_and_is_told_by_the_webhook(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_platform.orchestration.automation.alerts._UNSENT_AFTER", timedelta(0))
    monkeypatch.setattr(ledger, "FIRST_PAUSE", timedelta(0))
    broken(office.market)
    assert not office.market.run("2021-01-02", assets=["raw_products"]).success
    office.mail.reply = "451 come back later"

    said = office.tick().skip_message or ""
    assert "1 messages sent; a message by e-mail could not be sent and is tried again (localhost:" in said
    assert '451 "come back later"' in said
    office.tick()
    assert [post["text"].splitlines()[0] for post in office.web.posted] == [
        ":rotating_light: *Run failed: 2021-01-02*",
        ":rotating_light: *Alerts by e-mail do not arrive*",
    ]
    office.mail.reply = "250 OK"
    office.tick()
    office.tick()
    office.tick()

    assert [str(mail["Subject"]) for mail in office.mail.mails] == ["[Meter platform] Run failed: 2021-01-02"]
    assert [post["text"].splitlines()[0] for post in office.web.posted[2:]] == [
        ":white_check_mark: *Over: Alerts by e-mail do not arrive*"
    ]


@pytest.mark.whole
def test_a_flood_is_one_message(office: Office) -> None:
    broken(office.market)
    for day in (1, 3, 5, 7, 9):
        assert not office.market.run(f"2021-01-0{day}", assets=["raw_products"]).success

    assert office.told() == ["5 incidents: 5 began"]


def test_the_heart_beats_as_long_as_alerts_work(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server() as beats:
        office.market.settings = office.settings.replace(alerts_heartbeat_url=beats.url)
        office.tick()
        assert len(beats.asked) == 1
        beats.status = 500
        assert "the heartbeat was not taken (localhost:" in (office.tick().skip_message or "")
        beats.status = 200
        monkeypatch.setattr("meter_platform.orchestration.automation.alerts.failed_ticks", _cannot)
        said = office.tick().skip_message or ""
        assert "it could not be asked whether sensors and schedules work (OperationalError)" in said
        assert len(beats.asked) == 2, "not while a question cannot be asked"


def _cannot(*_: object) -> None:
    raise psycopg.OperationalError


def test_a_cursor_of_another_version_begins_anew(office: Office) -> None:
    office.cursor = '{"positions": 7}'

    assert office.told() == []
    assert json.loads(office.cursor or "")["positions"] == {}
