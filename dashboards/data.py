"""The dashboard *Data*: is it right? Age, completeness, rejections, quarantined files, checks, energy."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.panels import curve, listing, page, row, value

_HOUR: Final = 60 * 60
_QUARANTINED: Final = 'meter_source_files{outcome=~"malformed|held_back"}'
_ALMOST_ALL: Final = 0.99
_MOST: Final = 0.95


def data() -> Dashboard:
    """The dashboard; for who answers for the figures."""
    empty = page(
        "data",
        "Is it right? No panel shows anything of a single meterpoint.",
        since="now-30d",
        refresh="5m",
    )
    return _energy(_checks(_deliveries(_now(empty))))


def _now(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(row("Now"))
        .with_panel(
            value(
                "Age of the data",
                "meter:data_age_seconds",
                "Since the newest stored reference date ended. From 36 hours on somebody is told.",
                unit=units.Seconds,
                worrying=24 * _HOUR,
                bad=36 * _HOUR,
            )
        )
        .with_panel(
            value(
                "Completeness",
                "meter_completeness_ratio",
                "Half hours received, of those expected, on the newest reference date.",
                unit=units.PercentUnit,
                worrying=_ALMOST_ALL,
                bad=_MOST,
            )
        )
        .with_panel(
            value(
                "Dates that wait",
                "meter_pending_reference_dates",
                "Reference dates with rows that are known and not loaded. The sensor asks for them within a minute.",
                unit=units.Short,
                worrying=1,
            )
        )
        .with_panel(
            value(
                "Partitions that failed",
                "meter_failed_partitions",
                "Of any table, at the last attempt. After half an hour somebody is told.",
                unit=units.Short,
                bad=1,
            )
        )
        .with_panel(
            value(
                "Quarantined files",
                f"sum({_QUARANTINED})",
                "Files of which nothing is stored, for they cannot be read or are held back whole.",
                unit=units.Short,
                worrying=1,
            )
        )
        .with_panel(
            value(
                "Checks that fail",
                'sum(meter_asset_check_status{status="error"})',
                "What is stored contradicts itself: figures may be wrong.",
                unit=units.Short,
                bad=1,
            )
        )
        .with_panel(
            value(
                "Checks that warn",
                'sum(meter_asset_check_status{status="warn"})',
                "What was delivered is incomplete or not plausible.",
                unit=units.Short,
                worrying=1,
            )
        )
        .with_panel(
            value(
                "Rejected rows",
                'meter_readings_rows{outcome="rejected"} / ignoring(outcome) sum without (outcome) (meter_readings_rows)',
                "Of all rows that were ever delivered.",
                unit=units.PercentUnit,
            )
        )
    )


def _deliveries(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(row("Deliveries"))
        .with_panel(
            curve(
                "Rows by what became of them",
                {"{{outcome}}": "meter_readings_rows"},
                "They add up to all rows of all files. A reload may lower a number.",
                unit=units.Short,
                steps=True,
            )
        )
        .with_panel(
            curve(
                "Rejected rows by reason",
                {"{{reason}}": "meter_rejected_rows"},
                "A step in one line is a sender that has changed.",
                unit=units.Short,
                steps=True,
            )
        )
        .with_panel(
            curve(
                "Quarantined files",
                {"{{outcome}}": _QUARANTINED},
                "By the newest version of each: a corrected file leaves the count.",
                unit=units.Short,
                steps=True,
            )
        )
        .with_panel(
            curve(
                "Dates that wait, and partitions that failed",
                {
                    "dates that wait": "meter_pending_reference_dates",
                    "partitions that failed": "meter_failed_partitions",
                },
                "A line that does not come down again by itself wants a look.",
                unit=units.Short,
                steps=True,
            )
        )
    )


def _checks(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(row("Checks and tables"))
        .with_panel(
            listing(
                "Checks that do not pass",
                'max by (asset, check, status) (meter_asset_check_status{status=~"warn|error"}) == 1',
                "By their latest evaluation. The Dagster UI names the dates.",
                unit=units.Short,
                nothing="Every check passes",
            )
        )
        .with_panel(
            listing(
                "Last materialised",
                "max by (asset) (meter_asset_last_materialization_timestamp_seconds) * 1000",
                "When a partition of each table was last made; 1970 is never.",
                unit=units.DateTimeFromNow,
                nothing="No table is known",
            )
        )
        .with_panel(
            curve(
                "Checks that do not pass",
                {"{{status}}": 'sum by (status) (meter_asset_check_status{status=~"warn|error"})'},
                "How many.",
                unit=units.Short,
                steps=True,
            )
        )
        .with_panel(
            curve(
                "Since the checks were last evaluated",
                {"longest ago": "time() - min(meter_asset_check_last_evaluation_timestamp_seconds)"},
                "Of the check that was evaluated longest ago. Each run evaluates those of its tables.",
                unit=units.Seconds,
            )
        )
    )


def _energy(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(row("The newest reference date"))
        .with_panel(
            curve(
                "Energy",
                {"kWh": "meter_newest_reference_date_consumption_kwh"},
                "Of all meterpoints, import and export alike. Not shown where METER_PLATFORM_MINIMUM_METERPOINTS says so.",
                unit=units.KiloWattHour,
                steps=True,
            )
        )
        .with_panel(
            curve(
                "Completeness",
                {"received of expected": "meter_completeness_ratio"},
                "It rises through the morning while files come.",
                unit=units.PercentUnit,
                steps=True,
            )
        )
    )
