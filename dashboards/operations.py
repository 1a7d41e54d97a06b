"""The dashboard *Operations*: is it alive? Alerts, daemons, the queue, runs, ticks, the database, backups, the metrics."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.panels import curve, listing, page, row, value

_NEVER: Final = {"0": "never"}
"""What a time of 0 is, as a text."""

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def operations() -> Dashboard:
    """The dashboard; for who is on call."""
    empty = page(
        "operations",
        "Is it alive? Each alert that can show here has a page in the runbook.",
        since="now-24h",
        refresh="30s",
    )
    return _metrics(_server(_automation(_runs(_now(empty)))))


def _now(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(row("Now"))
        .with_panel(
            value(
                "Metrics",
                'up{job="meter-platform"}',
                "Whether the platform's metrics can be scraped. Where they cannot, nothing else here is true.",
                unit=units.Short,
                worrying=1,
                bad=0,
                texts={"0": "down", "1": "up"},
            )
        )
        .with_panel(
            value(
                "Slowest daemon",
                "max(dagster:daemon_age_seconds)",
                "When the daemon was heard of that has been silent longest. After 3 minutes it counts as dead.",
                unit=units.Seconds,
                worrying=1.5 * _MINUTE,
                bad=3 * _MINUTE,
            )
        )
        .with_panel(
            value(
                "Oldest waiting run",
                "dagster:queue_age_seconds",
                "For how long the run has waited that waits longest. From half an hour on somebody is told.",
                unit=units.Seconds,
                worrying=10 * _MINUTE,
                bad=_HOUR / 2,
            )
        )
        .with_panel(
            value(
                "Age of the last backup",
                "meter:backup_age_seconds",
                "Since a backup last ended well. From 26 hours on somebody is told.",
                unit=units.Seconds,
                worrying=_DAY,
                bad=26 * _HOUR,
            )
        )
        .with_panel(
            listing(
                "Alerts",
                'sum by (alertname, severity, alertstate) (ALERTS{alertname=~"(Meter|Dagster).+|Watchdog"})',
                "What is wrong now, and what may become so (pending). The watchdog is always on.",
                unit=units.Short,
                nothing="Nothing, not even the watchdog: are rules evaluated?",
                width=24,
            )
        )
    )


def _runs(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(row("Runs"))
        .with_panel(
            curve(
                "Runs waiting and under way",
                {"{{status}}": 'dagster_runs{status=~"queued|not_started|starting|started|canceling"}'},
                "Two run at a time. Waiting ones that only become more are stuck.",
                unit=units.Short,
            )
        )
        .with_panel(
            curve(
                "Runs that ended in the last day",
                {"{{status}}": 'round(clamp_min(delta(dagster_runs{status=~"success|failure|canceled"}[1d]), 0))'},
                "By how they ended. Pruning takes old ones out, which is not counted.",
                unit=units.Short,
            )
        )
        .with_panel(
            curve(
                "Age of the oldest run",
                {"waiting": "dagster:queue_age_seconds", "under way": "dagster:run_age_seconds"},
                "Half an hour of waiting, or an hour under way, and somebody is told.",
                unit=units.Seconds,
            )
        )
        .with_panel(
            curve(
                "Duration of the last run",
                {"{{job_name}}, {{status}}": "dagster_run_last_duration_seconds"},
                "Of each job and way of ending. One that keeps growing has more to do, or a slower server.",
                unit=units.Seconds,
                steps=True,
            )
        )
    )


def _automation(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(row("Daemons, sensors and schedules"))
        .with_panel(
            curve(
                "Silence of the daemons",
                {"{{daemon}}": "dagster:daemon_age_seconds"},
                "Saw-teeth of a minute at most are a healthy daemon, a rising line is a dead one.",
                unit=units.Seconds,
            )
        )
        .with_panel(
            listing(
                "Last ticks",
                "max by (name, type, status) (dagster_instigator_last_tick_timestamp_seconds) * 1000",
                "When each sensor and schedule last had a tick of each status; 1970 is never.",
                unit=units.DateTimeFromNow,
                nothing="No sensor or schedule is known",
            )
        )
    )


def _server(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(row("Database and backups"))
        .with_panel(
            curve(
                "Size of the databases",
                {"{{database}}": "meter_database_size_bytes"},
                "Grows with each date. Where Dagster's grows without end nothing prunes it.",
                unit=units.BytesIEC,
            )
        )
        .with_panel(
            curve(
                "Rows of Dagster's tables",
                {"{{table}}": "dagster_table_rows"},
                "By Postgres's estimate. `meter-platform prune` takes out what nobody needs.",
                unit=units.Short,
            )
        )
        .with_panel(
            value(
                "Last backup",
                "meter_backup_last_success_timestamp_seconds * 1000",
                "When a backup last ended well.",
                unit=units.DateTimeFromNow,
                texts=_NEVER,
            )
        )
        .with_panel(
            value(
                "Last restore drill",
                "meter_restore_drill_last_success_timestamp_seconds * 1000",
                "When a backup was last restored and proved whole.",
                unit=units.DateTimeFromNow,
                texts=_NEVER,
            )
        )
        .with_panel(
            value(
                "Log last archived",
                "meter_wal_last_archived_timestamp_seconds * 1000",
                "When a segment of the server's log was last archived; never where archiving is off.",
                unit=units.DateTimeFromNow,
                texts=_NEVER,
            )
        )
        .with_panel(
            value(
                "Failures of archiving",
                "increase(meter_wal_archive_failures_total[1h])",
                "In the last hour. Any means that nothing since can be restored.",
                unit=units.Short,
                bad=1,
            )
        )
    )


def _metrics(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(row("The metrics themselves"))
        .with_panel(
            curve(
                "Parts that answer",
                {"{{collector}}": "meter_exporter_collector_success"},
                "1 where the part's queries succeed. Alerts about one at 0 go by what was known before.",
                unit=units.Short,
            )
        )
        .with_panel(
            curve(
                "Time to ask each part",
                {"{{collector}}": "meter_exporter_collector_duration_seconds"},
                "All together are asked at each scrape, every half minute.",
                unit=units.Seconds,
            )
        )
    )
