"""The new events of one type in Dagster's log, each once, in the order in which they were stored.

What belongs here: where reading goes on. What does not: what an event means.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

import dagster as dg

FIRST_LOOK: Final = timedelta(days=1)
"""How far back the first look goes: whoever turns alerts on is told what this morning's run came to."""

_SETTLING: Final = timedelta(seconds=2)
"""How old an event has to be: what two processes store at the same time may become visible in the other order."""

_MOST_EVENTS: Final = 5_000
"""Of one type in one look; the next look goes on."""


def new_events(
    instance: dg.DagsterInstance,
    kind: dg.DagsterEventType,
    positions: dict[str, int],
    now: datetime,
    *,
    is_ready: Callable[[dg.EventLogRecord], bool] = lambda _: True,
) -> list[dg.EventLogRecord]:
    """The events of a type that are new since the last call; notes how far they go.

    Args:
        instance: whose log.
        kind: the type of the events.
        positions: by type, the number of the last event that was returned.
        now: the time.
        is_ready: whether all is known of an event; one of which it is not is left, with those after it, for later.
    """
    position = positions.get(kind.value)
    asked = dg.EventRecordsFilter(
        kind,
        after_cursor=position,
        after_timestamp=(now - FIRST_LOOK).timestamp() if position is None else None,
    )
    settled = (now - _SETTLING).timestamp()
    found = list(
        takewhile(
            lambda record: record.timestamp < settled and is_ready(record),
            instance.event_log_storage.get_event_records(asked, limit=_MOST_EVENTS, ascending=True),
        )
    )
    if found:
        positions[kind.value] = found[-1].storage_id
    return found
