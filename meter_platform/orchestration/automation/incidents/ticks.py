"""Sensors and schedules whose last tick failed: one incident for each, until a tick succeeds.

What belongs here: which ticks count. What does not: what a sensor does. The sensor that tells incidents is among them, but
cannot tell of itself while it fails: see `docs/operating/alerts.md`.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from meter_platform.alerts.incident import Incident
from meter_platform.orchestration.automation.incidents.words import shown
from meter_platform.orchestration.dagster_private import InstigatorType

KIND: Final = "tick"

_SENSOR_MAY_FAIL_FOR: Final = timedelta(minutes=2)
"""A sensor ticks twice a minute, and the code server may just be starting again. A schedule's tick comes once a day."""

_LAST_TICKS: Final = 5
"""The newest may be at work, or skipped by Dagster."""

_ADVICE: Final = "Until it works again nothing is started by it. Its page has the error, and whatever it printed."


def failed_ticks(instance: dg.DagsterInstance, existing: Collection[str]) -> list[Incident]:
    """The sensors and schedules that run and whose last tick failed.

    Args:
        instance: where ticks are kept.
        existing: the names of the sensors and schedules that there are.
    """
    found = []
    for state in instance.all_instigator_state():
        if not state.is_running or state.name not in existing:
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=_LAST_TICKS)
        last = next((tick for tick in ticks if tick.is_completed), None)
        if last is None or not last.is_failure:
            continue
        is_sensor = state.instigator_type is InstigatorType.SENSOR
        what = "Sensor" if is_sensor else "Schedule"
        found.append(
            Incident(
                key=f"{KIND}:{state.name}",
                kind=KIND,
                title=f"{what} failed: {state.name}",
                began=datetime.fromtimestamp(last.timestamp, UTC),
                facts={"Why": shown(last.error)},
                advice=_ADVICE,
                link="/automation",
                link_text="Open automation in Dagster",
                tell_after=_SENSOR_MAY_FAIL_FOR if is_sensor else timedelta(0),
            )
        )
    return found
