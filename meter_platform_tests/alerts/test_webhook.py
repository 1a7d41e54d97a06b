"""A webhook, by a real web server."""

import socket
from pathlib import Path

import pytest
import trustme

from meter_platform.alerts import webhook as webhook_module
from meter_platform.alerts.errors import ChannelSettingsError, UndeliverableError
from meter_platform.alerts.message import Message
from meter_platform.alerts.webhook import Webhook
from meter_platform_tests.alerts.servers import trusted, web_server


def failure(message: Message, url: str) -> str:
    with pytest.raises((UndeliverableError, ChannelSettingsError)) as error:
        Webhook(url).send(message)
    assert "geheim" not in str(error.value)
    return str(error.value)


def test_a_message_arrives_in_slacks_notation(message: Message) -> None:
    with web_server() as server:
        said = Webhook(server.url).send(message)

    assert said.endswith(" took it (HTTP 200)")
    assert server.posted == [{"text": message.slack}]
    assert server.asked == ["/services/T0/B0/geheim"]
    assert "geheim" not in said + repr(Webhook(server.url)) + Webhook(server.url).place


def test_a_certificate_is_verified(message: Message, authority: trustme.CA, tmp_path: Path) -> None:
    with web_server(authority=authority) as server:
        assert "its certificate cannot be trusted (" in failure(message, server.url)
        with trusted(authority, tmp_path):
            Webhook(server.url).send(message)

    assert len(server.posted) == 1


@pytest.mark.parametrize(("status", "answer"), [(404, b"no_service"), (500, b""), (302, b"")])
def test_a_refusal_is_said_with_the_setting_to_look_at(message: Message, status: int, answer: bytes) -> None:
    with web_server() as server:
        server.status, server.answer = status, answer
        said = failure(message, server.url)

    quoted = f': "{answer.decode()}"'.replace("_", r"\_") if answer else ""
    assert f" answered HTTP {status}" in said
    assert said.endswith(". Look at METER_PLATFORM_ALERTS_WEBHOOK_URL.")
    assert ("no" in said) == bool(quoted)
    assert server.asked == ["/services/T0/B0/geheim"], "no redirection is followed"


def test_a_server_that_is_away_or_silent_is_said_to_be(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_module, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://localhost:{silent.getsockname()[1]}/geheim"
        assert "cannot be reached: it did not answer within 0 seconds" in failure(message, url)
    assert "cannot be reached: Connection refused." in failure(message, url)


@pytest.mark.parametrize(
    "url", ["hooks.example/geheim", "ftp://geheim", "https://me:geheim@host/x", "https://", "http://[geheim"]
)
def test_what_is_no_url_of_a_web_server_is_refused(message: Message, url: str) -> None:
    assert failure(message, url) == (
        "METER_PLATFORM_ALERTS_WEBHOOK_URL is no URL of a web server: it begins with https://."
    )
