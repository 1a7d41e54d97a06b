"""Does something again and again, at even distances: for a container or a service that takes backups.

What belongs here: when it is due. What does not: what is done. Where a system has timers of its own (systemd, cron,
Kubernetes) they call the command without `--every`.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from meter_platform.errors import MeterPlatformError

_DURATION: Final = re.compile(r"(\d+)([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)
"""After a failure: a full disk is not made room on within seconds, and a night is too long to wait."""


def duration(text: str) -> timedelta:
    """A time such as `24h`, `30m` or `7d`.

    Raises:
        ValueError: it is none, or of no length.
    """
    found = _DURATION.fullmatch(text)
    if not found or not int(found[1]):
        raise ValueError("write it as 30m, 24h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def due(last: datetime | None, every: timedelta, failures: int, now: datetime) -> datetime:
    """When it is to be done next.

    Args:
        last: when it was last done with success; `None` where it never was.
        every: how often it is to be done.
        failures: how often it has failed since.
        now: the time.
    """
    if failures:
        pause: timedelta = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
        return now + min(pause, every)
    return max(now, last + every) if last else now


def repeat(
    every: timedelta,
    last: Callable[[], datetime | None],
    work: Callable[[], None],
    failed: Callable[[MeterPlatformError], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Works whenever it is due, until a signal (`KeyboardInterrupt`) ends it; returns where it came between two times.

    Args:
        every: how often.
        last: says when it was last done, also before this process began.
        work: what is done.
        failed: is told of an error, after which it is tried again with growing pauses.
        sleep: waits for some seconds.
        clock: says what time it is.
    """
    failures = 0
    while True:
        now = clock()
        try:
            sleep(max(0.0, (due(last(), every, failures, now) - now).total_seconds()))
        except KeyboardInterrupt:
            return  # nothing was under way
        try:
            work()
            failures = 0
        except MeterPlatformError as error:
            failures += 1
            failed(error)
