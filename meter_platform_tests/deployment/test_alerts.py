"""People are told that something is wrong: the first thing that the stack does, for nothing is stored yet.

That they are told when it is over takes five minutes, so that `test_over.py` comes after other tests.
"""

import pytest

from meter_platform_tests.alerts.servers import MailServer, WebServer
from meter_platform_tests.deployment.stack import Stack, wait_for

pytestmark = pytest.mark.deployment


@pytest.mark.usefixtures("stack")
def test_late_data_is_told_by_mail_and_by_webhook(people: tuple[MailServer, WebServer]) -> None:
    mail, web = people

    wait_for("a mail has come", lambda: bool(mail.mails))
    wait_for("the webhook was called", lambda: bool(web.posted))

    assert "Data is late: no readings are stored" in str(mail.mails[0]["Subject"])
    assert mail.mails[0]["To"] == "ann@example.org"
    assert "Data is late: no readings are stored" in web.posted[0]["text"]


def test_the_command_sends_one_too(stack: Stack, people: tuple[MailServer, WebServer]) -> None:
    mail, web = people
    before = len(mail.mails), len(web.posted)

    stack.execute("code", "meter-platform", "alerts", "test")

    assert (len(mail.mails), len(web.posted)) == (before[0] + 1, before[1] + 1)
