"""What the tests of alerts share: a message, and an authority that signs certificates."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import pytest
import trustme

from meter_platform.alerts.incident import Incident
from meter_platform.alerts.ledger import Notice
from meter_platform.alerts.message import Message, compose

EIGHT: Final = datetime(2021, 6, 8, 7, tzinfo=UTC)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """One that nobody trusts unless told to."""
    return trustme.CA()


@pytest.fixture
def message() -> Message:
    """That something is wrong."""
    incident = Incident(key="a", kind="run", title="Run failed: 2021-06-07", began=EIGHT, facts={"Why": "it is"})
    return compose([Notice(incident, EIGHT)], zone=ZoneInfo("Europe/London"), ui_url=None)
