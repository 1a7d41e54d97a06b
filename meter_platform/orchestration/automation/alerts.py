"""The sensor that tells people what is wrong, and when it is over: by e-mail, by a webhook, or both.

What belongs here: asking what is wrong, what is kept between two ticks, and what a tick says. What does not: the questions
(`incidents/`), which message is due, and sending (`alerts/`).

All that was told is in the sensor's cursor, which Dagster stores when the tick has ended. A process that is killed between
a mail server's yes and that moment sends a message again, with the same identity; it never loses one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
import psycopg
import pydantic
import sqlalchemy as sa

from meter_platform.alerts.delivery import Outcome, beat, channels, send_due
from meter_platform.alerts.incident import Incident
from meter_platform.alerts.ledger import Ledger
from meter_platform.errors import MeterPlatformError
from meter_platform.orchestration.automation.incidents.checks import KIND as CHECK
from meter_platform.orchestration.automation.incidents.checks import FailedCheck, failed_checks
from meter_platform.orchestration.automation.incidents.late_data import KIND as LATE
from meter_platform.orchestration.automation.incidents.late_data import late_data
from meter_platform.orchestration.automation.incidents.runs import KIND as RUN
from meter_platform.orchestration.automation.incidents.runs import FailedRun, failed_runs
from meter_platform.orchestration.automation.incidents.ticks import KIND as TICK
from meter_platform.orchestration.automation.incidents.ticks import failed_ticks
from meter_platform.orchestration.checks.whole_dates import every_date_finished
from meter_platform.settings import Settings

INTERVAL_SECONDS: Final = 30

_QUESTIONS: Final = {
    RUN: "whether runs have failed",
    CHECK: "whether checks fail",
    TICK: "whether sensors and schedules work",
    LATE: "whether data is late",
}
_UNANSWERED_AFTER: Final = timedelta(minutes=5)
"""A question that cannot be asked for so long is an incident of its own: a server that restarts is none."""

_UNSENT_AFTER: Final = timedelta(minutes=10)
"""A channel that fails for so long is one, too, which the other channels tell."""


@dataclass(slots=True)
class FailingChannel:
    """A channel whose last message was not taken.

    Attributes:
        since: when that began.
        why: in words.
    """

    since: datetime
    why: str


@dataclass(slots=True)
class State:
    """What is kept between two ticks.

    Attributes:
        positions: how far Dagster's log has been read, by the type of events.
        runs: failed runs.
        checks: failed checks.
        failing: channels that fail, by name.
        ledger: what has been told.
    """

    positions: dict[str, int] = field(default_factory=dict)
    runs: list[FailedRun] = field(default_factory=list)
    checks: list[FailedCheck] = field(default_factory=list)
    failing: dict[str, FailingChannel] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)


_STATE: Final = pydantic.TypeAdapter(State)


def alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor; none where neither a channel nor a heartbeat is set."""
    if not channels(settings) and not settings.alerts_heartbeat_url:
        return []

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people by e-mail or a webhook of failed runs, failed checks, sensors and schedules that fail and "
        "data that is late: one message when it begins and one when it is over.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        repository = context.repository_def
        assert repository is not None  # noqa: S101 - Dagster gives it to every tick
        state = _remembered(context)
        now = datetime.now(UTC)
        unanswered = _look(context.instance, settings, state, repository, now)
        outcome = _tell(settings, state, now)
        unbeaten = None if unanswered or state.failing else _beat(settings)
        return dg.SensorResult(
            cursor=_STATE.dump_json(state).decode(),
            skip_reason="; ".join(_said(state, outcome, unanswered, unbeaten)),
        )

    return [alerts]


def _remembered(context: dg.SensorEvaluationContext) -> State:
    if context.cursor is None:
        return State()
    try:
        return _STATE.validate_json(context.cursor)
    except pydantic.ValidationError:
        context.log.warning("What was told before is not known any more: the cursor is of another version.")
        return State()


def _look(
    instance: dg.DagsterInstance,
    settings: Settings,
    state: State,
    repository: dg.RepositoryDefinition,
    now: datetime,
) -> dict[str, str]:
    """Notes in the state what is wrong now. Each question fails alone.

    Returns:
        By kind, why a question could not be asked.
    """
    found: list[Incident] = []
    unanswered: dict[str, str] = {}
    existing = {each.name for each in repository.sensor_defs} | {each.name for each in repository.schedule_defs}

    def runs() -> Iterator[Incident]:
        state.runs = failed_runs(instance, state.runs, state.positions, now)
        yield from (failed.incident for failed in state.runs)

    def checks() -> Iterator[Incident]:
        known = repository.asset_graph.asset_check_keys
        state.checks = failed_checks(instance, state.checks, state.positions, now, existing=known)
        for failed in state.checks:
            told_by_its_run = failed.check == every_date_finished.__name__ and state.runs
            if not told_by_its_run or failed.incident.key in state.ledger.entries:
                yield failed.incident

    questions: dict[str, Callable[[], Iterator[Incident]]] = {
        RUN: runs,
        CHECK: checks,
        TICK: lambda: iter(failed_ticks(instance, existing)),
        LATE: lambda: iter(late_data(settings, now)),
    }
    for kind, question in questions.items():
        try:
            found += question()
        except (MeterPlatformError, psycopg.Error, sa.exc.SQLAlchemyError) as error:
            unanswered[kind] = str(error) if isinstance(error, MeterPlatformError) else type(error).__name__
    found += _own(state, unanswered, now)
    state.ledger.update(found, now, channels=[channel.name for channel in channels(settings)], unknown=unanswered)
    return unanswered


def _own(state: State, unanswered: dict[str, str], now: datetime) -> Iterator[Incident]:
    """Incidents of the alerts themselves."""
    for kind, why in unanswered.items():
        yield Incident(
            key=f"unanswered:{kind}",
            kind="unanswered",
            title=f"Alerts cannot tell {_QUESTIONS[kind]}",
            began=now,
            facts={"Why": why},
            advice="Until the question can be asked again nobody is told of what it would find.",
            tell_after=_UNANSWERED_AFTER,
        )
    for name, failing in state.failing.items():
        yield Incident(
            key=f"channel:{name}",
            kind="channel",
            title=f"Alerts by {name} do not arrive",
            began=failing.since,
            facts={"Why": failing.why},
            advice="Messages are kept for some three days and sent once they can be. To try: meter-platform alerts test.",
            tell_after=_UNSENT_AFTER,
            not_by=name,
        )


def _tell(settings: Settings, state: State, now: datetime) -> Outcome:
    """Sends what is due, and notes which channels fail."""
    every = channels(settings)
    outcome = send_due(state.ledger, every, settings, now)
    for channel in every:
        why = outcome.failures.get(channel.name)
        if why:
            since = state.failing[channel.name].since if channel.name in state.failing else now
            state.failing[channel.name] = FailingChannel(since, why)
        elif channel.name in outcome.worked or not state.ledger.is_behind(channel.name):
            state.failing.pop(channel.name, None)
    names = {channel.name for channel in every}
    state.failing = {name: each for name, each in state.failing.items() if name in names}
    return outcome


def _beat(settings: Settings) -> str | None:
    """Why the heartbeat could not be sent, if so."""
    try:
        beat(settings)
    except MeterPlatformError as error:
        return str(error)
    return None


def _said(state: State, outcome: Outcome, unanswered: dict[str, str], unbeaten: str | None) -> Iterator[str]:
    """What a tick did, in parts of a sentence."""
    yield f"{len(state.ledger.open()):,} incidents"
    if outcome.sent:
        yield f"{outcome.sent:,} messages sent"
    for name, why in outcome.failures.items():
        yield f"a message by {name} could not be sent and is tried again ({why})"
    for title in outcome.given_up:
        yield f'nobody is told "{title}" by a channel any more, for it was tried for days'
    for kind, why in unanswered.items():
        yield f"it could not be asked {_QUESTIONS[kind]} ({why})"
    if unbeaten:
        yield f"the heartbeat was not taken ({unbeaten})"
