"""`meter-platform alerts test`: one message by every channel, and what came of it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meter_platform.cli import main
from meter_platform.settings import PREFIX
from meter_platform_tests.alerts.servers import mail_server, web_server


def alerts_test(folder: Path, **settings: str) -> Result:
    """What the command says in such an environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in settings.items():
            patch.setenv(f"{PREFIX}{name}", value)
        return CliRunner().invoke(main, ["alerts", "test"])


def test_one_message_by_every_channel(tmp_path: Path) -> None:
    with mail_server() as mail, web_server() as web, web_server() as beats:
        (tmp_path / "webhook").write_text(f"{web.url}\n")
        done = alerts_test(
            tmp_path,
            ALERTS_SMTP_URL=f"smtp://localhost:{mail.port}?tls=no",
            ALERTS_EMAIL_TO="ann@example.org",
            ALERTS_WEBHOOK_URL_FILE=str(tmp_path / "webhook"),
            ALERTS_HEARTBEAT_URL=beats.url,
            DAGSTER_UI_URL="https://meters.example.org",
        )

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"e-mail: localhost:{mail.port} took it for 1 of 1 addresses",
        f"webhook: {web.url.split('/')[2]} took it (HTTP 200)",
        "heartbeat: it was taken (HTTP 200)",
    ]
    assert mail.mails[0]["Subject"] == "[Meter platform] This is a test"
    assert "<https://meters.example.org/overview|Open Dagster>" in web.posted[0]["text"]


def test_what_cannot_be_sent_is_said_and_the_others_are_tried(tmp_path: Path) -> None:
    with web_server() as web:
        done = alerts_test(tmp_path, ALERTS_EMAIL_TO="ann@example.org", ALERTS_WEBHOOK_URL=web.url)

    assert done.exit_code == 1
    assert done.stderr.startswith("e-mail: METER_PLATFORM_ALERTS_SMTP_URL is written wrongly: write it as smtp://user")
    assert done.stdout.startswith("webhook: localhost:")
    assert len(web.posted) == 1


def test_where_alerts_are_off_it_says_what_to_set(tmp_path: Path) -> None:
    done = alerts_test(tmp_path)

    assert done.exit_code == 1
    assert done.stderr == (
        "Error: Alerts are off: set METER_PLATFORM_ALERTS_SMTP_URL and METER_PLATFORM_ALERTS_EMAIL_TO for e-mail, or "
        "METER_PLATFORM_ALERTS_WEBHOOK_URL for a webhook.\n"
    )
