"""E-mail, by a real mail server: with and without a login, by STARTTLS, by TLS from the start, and where it fails."""

import socket
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
import trustme

from meter_platform.alerts import mail as mail_module
from meter_platform.alerts.errors import ChannelSettingsError, UndeliverableError
from meter_platform.alerts.mail import Mail, Server
from meter_platform.alerts.message import Message
from meter_platform_tests.alerts.servers import PASSWORD, USER, Security, mail_server, trusted

LOGIN: Final = f"{quote(USER)}:{quote(PASSWORD, safe='')}@"
TO: Final = "ann@example.org, Ben <ben@example.org>"


def url(security: Security, port: int, login: str = "") -> str:
    scheme = "smtps" if security == "tls" else "smtp"
    return f"{scheme}://{login}localhost:{port}{'?tls=no' if security == 'none' else ''}"


@pytest.mark.parametrize(("security", "login"), [("none", ""), ("starttls", ""), ("starttls", LOGIN), ("tls", LOGIN)])
def test_a_message_arrives(
    message: Message, authority: trustme.CA, tmp_path: Path, security: Security, login: str
) -> None:
    with mail_server(security=security, login=bool(login), authority=authority) as server, trusted(authority, tmp_path):
        said = Mail(url(security, server.port, login), TO, USER).send(message)

        (mail,) = server.mails

    assert said == f"localhost:{server.port} took it for 2 of 2 addresses"
    assert mail["From"] == f"Meter platform <{USER}>"
    assert mail["To"] == "ann@example.org, ben@example.org"
    assert mail["Subject"] == "[Meter platform] Run failed: 2021-06-07"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{message.identity}@example.org>"
    text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    assert text == message.text
    assert html == message.html


def test_it_comes_from_the_first_who_gets_it_where_nothing_else_is_set(message: Message) -> None:
    with mail_server() as server:
        Mail(url("none", server.port), TO).send(message)

    assert server.mails[0]["From"] == "Meter platform <ann@example.org>"


def failure(message: Message, url: str, to: str = TO) -> str:
    with pytest.raises((UndeliverableError, ChannelSettingsError)) as error:
        Mail(url, to).send(message)
    assert PASSWORD not in str(error.value)
    assert quote(PASSWORD, safe="") not in str(error.value)
    return str(error.value)


def test_a_certificate_is_verified(message: Message, authority: trustme.CA) -> None:
    with mail_server(security="starttls", login=True, authority=authority) as server:
        said = failure(message, url("starttls", server.port, LOGIN))

    assert said.startswith(f"The certificate of localhost:{server.port} cannot be trusted: ")
    assert said.endswith("name the file with its certificate in SSL_CERT_FILE.")


def test_what_a_server_refuses_is_said_with_the_setting_to_look_at(
    message: Message, authority: trustme.CA, tmp_path: Path
) -> None:
    with mail_server(security="starttls", login=True, authority=authority) as server:
        port = server.port
        with trusted(authority, tmp_path):
            assert "refused the login: 535 " in failure(message, url("starttls", port, "someone:else1@"))
            assert "refused the sender ann@example.org: 530 " in failure(message, url("starttls", port))
            server.reply = "554 no spam here"
            assert 'refused the message: 554 "no spam here".' in failure(message, url("starttls", port, LOGIN))
            server.refused = {"ben@example.org"}
            server.reply = "250 OK"
            said = Mail(url("starttls", port, LOGIN), TO).send(message)
            assert said.endswith('took it for 1 of 2 addresses; it refused ben@example.org: 550 "no such user"')
            every = failure(message, url("starttls", port, LOGIN), to="ben@example.org")
            assert 'refused every address (ben@example.org: 550 "no such user")' in every
            assert "does not speak TLS from the start: use the scheme smtp " in failure(message, url("tls", port))
        assert len(server.mails) == 1


def test_a_server_that_offers_less_than_is_asked_for_gets_no_message_and_no_password(message: Message) -> None:
    with mail_server() as server:
        assert "does not offer STARTTLS: use the scheme smtps" in failure(message, url("starttls", server.port, LOGIN))
        assert server.mails == []


def test_a_server_that_is_away_or_silent_is_said_to_be(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_module, "STEP_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert f"localhost:{port} did not answer within 0 seconds." in failure(message, url("none", port))
    assert f"localhost:{port} cannot be reached: Connection refused." in failure(message, url("none", port))
    assert "cannot be reached: " in failure(message, "smtp://mail.invalid")


@pytest.mark.parametrize(
    "wrong",
    [
        "mail.example.org",
        "https://mail.example.org",
        f"smtp://{USER}:{PASSWORD}@mail.example.org",
        "smtp://user@mail.example.org",
        "smtp://user:geheim#1@mail.example.org",
        "smtp://mail.example.org?tls=perhaps",
    ],
)
def test_a_url_that_can_be_read_in_two_ways_is_refused_and_not_shown(message: Message, wrong: str) -> None:
    said = failure(message, wrong)

    assert said.startswith(
        "METER_PLATFORM_ALERTS_SMTP_URL is written wrongly: write it as smtp://user:password@host:587"
    )
    assert "geheim" not in said


def test_a_login_is_never_sent_in_the_open(message: Message) -> None:
    assert "a password is never sent in the open" in failure(message, url("none", 25, LOGIN))


@pytest.mark.parametrize(
    "to", ["", "ann", "ann@", "@example.org", "ann@example.org, ben", "ann@example.org\nBcc: x@y.z"]
)
def test_what_is_no_address_is_named(message: Message, to: str) -> None:
    assert failure(message, "smtp://localhost", to).startswith("METER_PLATFORM_ALERTS_EMAIL_TO=")


def test_each_way_has_its_usual_port_and_an_address_may_be_a_number() -> None:
    assert [Server.of(f"{way}").port for way in ("smtp://h", "smtps://h", "smtp://h?tls=no", "smtp://h:26")] == [
        587,
        465,
        25,
        26,
    ]
    assert Server.of("smtps://a%40b:p%25w@[::1]:2465") == Server("::1", 2465, "TLS", "a@b", "p%w")
    assert "p%w" not in repr(Server.of("smtps://a%40b:p%25w@[::1]:2465"))
