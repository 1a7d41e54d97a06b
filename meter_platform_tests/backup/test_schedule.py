"""When the next backup is due: at even distances, across restarts, and sooner after a failure."""

from datetime import UTC, datetime, timedelta

import pytest

from meter_platform.backup.errors import BackupError
from meter_platform.backup.schedule import due, duration, repeat
from meter_platform.errors import MeterPlatformError

NOW = datetime(2021, 11, 5, 7, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "length"), [("30s", 30 * MINUTE / 60), ("45m", 45 * MINUTE), ("24h", DAY), ("7d", 7 * DAY)]
)
def test_a_time_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "24", "h", "0h", "-1h", "1.5h", "1w", "24 h"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 30m, 24h or 7d"):
        duration(text)


@pytest.mark.parametrize(
    ("last", "failures", "waits"),
    [
        (None, 0, timedelta(0)),
        (NOW - 23 * HOUR, 0, HOUR),
        (NOW - 30 * HOUR, 0, timedelta(0)),
        (NOW - 30 * HOUR, 1, MINUTE),
        (NOW - 30 * HOUR, 3, 4 * MINUTE),
        (NOW - 30 * HOUR, 400, HOUR),
    ],
)
def test_it_is_due_a_day_after_the_last_and_after_failures_with_growing_pauses(
    last: datetime | None, failures: int, waits: timedelta
) -> None:
    assert due(last, DAY, failures, NOW) == NOW + waits


def test_a_failure_is_told_and_tried_again_and_the_rhythm_is_kept_after_it() -> None:
    time, done, told, slept = [NOW], [NOW - 20 * HOUR], list[str](), list[float]()
    outcomes = iter([True, False, False, True, None])

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time[0] += timedelta(seconds=seconds)

    def work() -> None:
        outcome = next(outcomes)
        if outcome is None:
            raise KeyboardInterrupt
        if not outcome:
            raise BackupError("the disk is full")
        done.append(time[0])

    def failed(error: MeterPlatformError) -> None:
        told.append(str(error))

    with pytest.raises(KeyboardInterrupt):
        repeat(DAY, lambda: done[-1], work, failed, sleep=sleep, clock=lambda: time[0])

    assert slept == [4 * 3600, 24 * 3600, 60, 120, 24 * 3600]
    assert told == ["the disk is full", "the disk is full"]


def test_a_signal_between_two_times_ends_it_without_an_error() -> None:
    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    def never(*_: object) -> None:
        pytest.fail("it was not due")

    repeat(DAY, lambda: NOW, never, never, sleep=sleep, clock=lambda: NOW)
