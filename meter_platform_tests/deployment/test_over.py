"""People are told when it is over: what `test_alerts.py` has seen begin, after the data has come."""

import pytest

from meter_platform_tests.alerts.servers import MailServer, WebServer
from meter_platform_tests.deployment.stack import PATIENCE, wait_for

pytestmark = pytest.mark.deployment

OVER_SECONDS = 420 * PATIENCE
"""An incident is over when it has been gone for five minutes."""


@pytest.mark.usefixtures("loaded")
def test_that_data_is_not_late_any_more_is_told_by_mail_and_by_webhook(people: tuple[MailServer, WebServer]) -> None:
    mail, web = people

    wait_for(
        "a mail says that it is over", lambda: any(is_over(str(each["Subject"])) for each in mail.mails), OVER_SECONDS
    )
    wait_for("so does the webhook", lambda: any(is_over(each["text"]) for each in web.posted))


def is_over(said: str) -> bool:
    return "late" in said and "over" in said.lower()
