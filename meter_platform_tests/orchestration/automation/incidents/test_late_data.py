"""When readings are late."""

from datetime import UTC, date, datetime

import pytest

from meter_platform.orchestration.automation.incidents.late_data import due_date
from meter_platform.settings import Settings


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2021, 6, 8, 7, 59, tzinfo=UTC), date(2021, 6, 6)),  # 08:59 in London
        (datetime(2021, 6, 8, 8, 0, tzinfo=UTC), date(2021, 6, 7)),
        (datetime(2021, 1, 8, 8, 59, tzinfo=UTC), date(2021, 1, 6)),
        (datetime(2021, 1, 8, 9, 0, tzinfo=UTC), date(2021, 1, 7)),
        (datetime(2021, 3, 28, 8, 0, tzinfo=UTC), date(2021, 3, 27)),  # the clocks went forward at one
        (datetime(2021, 10, 31, 8, 59, tzinfo=UTC), date(2021, 10, 29)),  # and back at two
    ],
)
def test_a_date_is_due_nine_hours_after_its_end_by_the_clock_on_the_wall(now: datetime, due: date) -> None:
    assert due_date(Settings(), now) == due


def test_the_hours_are_a_setting_and_none_is_never() -> None:
    now = datetime(2021, 6, 8, 22, 0, tzinfo=UTC)

    assert due_date(Settings().replace(alerts_data_due_hours=0), now) is None
    assert due_date(Settings().replace(alerts_data_due_hours=24), now) == date(2021, 6, 6)
    assert due_date(Settings().replace(today=date(2021, 1, 8)), now) == date(2021, 1, 7)
