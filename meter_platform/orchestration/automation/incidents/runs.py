"""Failed runs. One incident is a failed run and all that were asked for in its place, until one of them has succeeded.

What belongs here: which failures are the same, and when one is over. What does not: whether a run is asked for again
(`again.py`, and Dagster's run retries).

A failure is of the run's reference dates. It is over when each of them has been in a run that succeeded, with the tables
that failed. A run that has no dates is over when a run of its job has succeeded. A run that Dagster is about to try again
is no failure yet.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

import dagster as dg

from meter_platform.alerts.incident import Incident
from meter_platform.orchestration.automation.incidents.events import new_events
from meter_platform.orchestration.automation.incidents.words import dates, run_link, shown, told
from meter_platform.orchestration.dead_runs import INTERRUPTED, WHY
from meter_platform.orchestration.partitions import dates_of_run
from meter_platform.warehouse.tables import ASSET_TABLES

KIND: Final = "run"

_WILL_RETRY: Final = "dagster/will_retry"
"""Dagster's tag on a failed run; "true" where the daemon starts another in its place."""

_DECIDED_AFTER: Final = timedelta(minutes=1)
"""A failure without the tag is told after so long: what was to set it may have been killed."""

_UNNAMED: Final = "__"
"""How the names of jobs begin that Dagster makes: a run of theirs is of assets that somebody chose."""

_NAMED: Final = 3
"""Failed steps that a message names."""

_AGAIN: Final = (
    "The platform asks for these dates again by itself: later where the reason may pass, else once the input or a setting has "
    "changed. Nobody has to wait for it: mend what the reason names, then meter-platform run --reference-date {first}{last}"
)
_BY_HAND: Final = "Mend what the reason names. A run of this job that succeeds ends the incident."


@dataclass(slots=True)
class FailedRun:
    """What failed and has not succeeded since.

    Attributes:
        run_id: of the first run that failed.
        title: what failed.
        began: when.
        days: reference dates that have not been in a run since that succeeded; none of a run without dates.
        job: the job's name, where the run has no dates.
        tables: that a run has to have to end it; none where it failed as a whole.
        last_run_id: of the run that failed last.
        count: how many runs have failed.
        steps: what failed in the last of them.
        why: the reason of the last of them.
    """

    run_id: str
    title: str
    began: datetime
    days: set[date] = field(default_factory=set)
    job: str = ""
    tables: set[str] = field(default_factory=set)
    last_run_id: str = ""
    count: int = 0
    steps: list[str] = field(default_factory=list)
    why: str = ""

    @property
    def incident(self) -> Incident:
        """What is told of it."""
        facts = {"Reference dates": dates(sorted(self.days))} if self.days else {"Job": self.job}
        if self.steps:
            named = self.steps if len(self.steps) <= _NAMED else self.steps[: _NAMED - 1]
            facts["Failed"] = ", ".join(named) + (
                f" and {len(self.steps) - len(named)} other steps" if named != self.steps else ""
            )
        facts["Why"] = self.why
        if self.count > 1:
            facts["Runs"] = f"{self.count:,} have failed so far"
        facts["Dagster run"] = self.last_run_id
        first, last = (min(self.days), max(self.days)) if self.days else (None, None)
        return Incident(
            key=f"{KIND}:{self.run_id}",
            kind=KIND,
            title=self.title,
            began=self.began,
            facts=facts,
            advice=_AGAIN.format(first=first, last=f" --to {last}" if last != first else "") if first else _BY_HAND,
            link=run_link(self.last_run_id),
            link_text="Open the run in Dagster",
        )


def failed_runs(
    instance: dg.DagsterInstance, known: list[FailedRun], positions: dict[str, int], now: datetime
) -> list[FailedRun]:
    """The runs that have failed and not been made good.

    Args:
        instance: where runs are kept.
        known: what the last call returned.
        positions: see `new_events`.
        now: the time.
    """

    def is_decided(record: dg.EventLogRecord) -> bool:
        """Whether Dagster has said if it tries again: it does so just after it has stored the failure."""
        run = instance.get_run_by_id(record.run_id)
        late = now.timestamp() - record.timestamp > _DECIDED_AFTER.total_seconds()
        return late or run is None or not instance.run_retries_enabled or _WILL_RETRY in run.tags

    ended = [
        *new_events(instance, dg.DagsterEventType.RUN_FAILURE, positions, now, is_ready=is_decided),
        *new_events(instance, dg.DagsterEventType.RUN_SUCCESS, positions, now),
    ]
    for record in sorted(ended, key=lambda record: record.storage_id):
        run, event = instance.get_run_by_id(record.run_id), record.event_log_entry.dagster_event
        if run is None or event is None:
            continue  # somebody deleted it
        if event.event_type == dg.DagsterEventType.RUN_SUCCESS:
            known = _without(known, run)
        elif run.tags.get(_WILL_RETRY) != "true":
            known = _with(known, instance, run, event, datetime.fromtimestamp(record.timestamp, UTC))
    return known


def _without(known: list[FailedRun], run: dg.DagsterRun) -> list[FailedRun]:
    """What a run that succeeded has not made good."""
    days, chosen = set(dates_of_run(run.tags)), run.asset_selection
    names = None if chosen is None else {key.path[-1] for key in chosen}
    left = []
    for failed in known:
        has_what_failed = names is None or failed.tables <= names
        if has_what_failed:
            failed.days -= days
        is_over = not days and failed.job == _job(run) if failed.job else not failed.days
        if not (has_what_failed and is_over):
            left.append(failed)
    return left


def _with(
    known: list[FailedRun], instance: dg.DagsterInstance, run: dg.DagsterRun, event: dg.DagsterEvent, at: datetime
) -> list[FailedRun]:
    """What has failed, a run that failed included: where it is about the same dates it is the same failure."""
    days = set(dates_of_run(run.tags))
    same = [
        failed for failed in known if failed.days & days or (not days and not failed.days and failed.job == _job(run))
    ]
    rest = days.difference(*(failed.days for failed in same))
    if rest or not same:
        what = dates(sorted(rest)) if rest else _job(run)
        new = FailedRun(run.run_id, f"Run failed: {what}", at, days=rest, job="" if rest else _job(run))
        same.append(new)
        known = [*known, new]
    steps, why = _reason(instance, run.run_id, event)
    for failed in same:
        failed.last_run_id, failed.steps, failed.why = run.run_id, steps, why
        failed.tables = {table.name for table in ASSET_TABLES}.intersection(steps)
        failed.count += 1
    return known


def _reason(instance: dg.DagsterInstance, run_id: str, event: dg.DagsterEvent) -> tuple[list[str], str]:
    """The steps that failed, and the reason of the first."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    failures = [entry.dagster_event for entry in entries if entry.dagster_event]
    steps = list(dict.fromkeys(failure.step_key for failure in failures if failure.step_key))
    if failures:
        data = failures[0].step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return steps, told(data.user_failure_data.description)  # of a `dg.Failure`: the platform words them itself
        return steps, shown(data.error)
    message = event.message or ""
    # Of a run that ended without a step's failure the platform says itself why, where it knows.
    if message.startswith((WHY, INTERRUPTED)):
        return [], message
    failure = event.event_specific_data
    return [], shown(getattr(failure, "error", None))


def _job(run: dg.DagsterRun) -> str:
    return "assets that have no date" if run.job_name.startswith(_UNNAMED) else run.job_name
