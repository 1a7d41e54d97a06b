"""Checks that fail with severity ERROR: one incident for each check, until it passes.

What belongs here: which evaluations count. What does not: the checks (`orchestration/checks/`). One that fails with WARN is
no incident: it says that the data is odd, which `meter-platform status` and the UI show.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from meter_platform.alerts.incident import Incident
from meter_platform.orchestration.automation.incidents.events import new_events
from meter_platform.orchestration.automation.incidents.words import check_link, told

KIND: Final = "check"

_ADVICE: Final = (
    "A check of this severity fails where the platform itself is at fault, or where somebody changed a table. Look before "
    "anyone uses the figures of these dates; the page of the check has examples."
)


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check whose last evaluation failed.

    Attributes:
        asset: by name, as its key is written.
        check: by name.
        began: when it failed first.
        found: what it found last.
        run_id: of the run that evaluated it last.
    """

    asset: str
    check: str
    began: datetime
    found: str
    run_id: str

    @property
    def key(self) -> dg.AssetCheckKey:
        """Dagster's name of it."""
        return dg.AssetCheckKey(dg.AssetKey.from_user_string(self.asset), self.check)

    @property
    def incident(self) -> Incident:
        """What is told of it."""
        return Incident(
            key=f"{KIND}:{self.asset}.{self.check}",
            kind=KIND,
            title=f"Check failed: {self.asset}.{self.check}",
            began=self.began,
            facts={"Found": self.found, "Dagster run": self.run_id},
            advice=_ADVICE,
            link=check_link(self.key),
            link_text="Open the check in Dagster",
        )


def failed_checks(
    instance: dg.DagsterInstance,
    known: Collection[FailedCheck],
    positions: dict[str, int],
    now: datetime,
    *,
    existing: Collection[dg.AssetCheckKey],
) -> list[FailedCheck]:
    """The checks that fail with severity ERROR.

    Args:
        instance: whose log has the evaluations.
        known: what the last call returned.
        positions: see `new_events`.
        now: the time.
        existing: checks that there are; one that was taken away is not failing any more.
    """
    failing = {failed.key: failed for failed in known if failed.key in existing}
    for record in new_events(instance, dg.DagsterEventType.ASSET_CHECK_EVALUATION, positions, now):
        event = record.event_log_entry.dagster_event
        found = event.event_specific_data if event else None
        if not isinstance(found, dg.AssetCheckEvaluation):
            continue
        key = found.asset_check_key
        if found.passed or found.severity is not dg.AssetCheckSeverity.ERROR:
            failing.pop(key, None)
        elif key in existing:
            failing[key] = FailedCheck(
                key.asset_key.to_user_string(),
                key.name,
                failing[key].began if key in failing else datetime.fromtimestamp(record.timestamp, UTC),
                told(found.description or "it did not pass"),
                record.run_id,
            )
    return list(failing.values())
