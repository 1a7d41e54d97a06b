"""All checks as one Dagster step: it runs after the assets of a run, for the checks of those assets."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, Final

import dagster as dg
import psycopg

from meter_platform.assets import policies
from meter_platform.checks import analytics, contract, deliveries, raw_data
from meter_platform.checks.failed_partitions import failed_partitions
from meter_platform.checks.finding import Check, Finding, Inspection
from meter_platform.partitions import dates_of_run
from meter_platform.settings import Settings
from meter_platform.storage.database import open_database

CHECKS: Final = (*raw_data.CHECKS, *deliveries.CHECKS, *analytics.CHECKS, *contract.CHECKS)


def asset_checks(
    settings: Settings, partitions_def: dg.PartitionsDefinition[str], assets: Sequence[dg.AssetKey]
) -> dg.AssetChecksDefinition:
    """Every check. Started without a partition (in the UI), they look at all dates that are stored."""
    by_key = {check.spec.key: check for check in CHECKS}

    @dg.multi_asset_check(
        name="checks",
        specs=[check.spec for check in CHECKS],
        can_subset=True,
        retry_policy=policies.RETRIES,
        description="Is what is stored whole, consistent, plausible and recent?",
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        failed = partial(failed_partitions, context.instance, partitions_def, assets)
        selected = [by_key[key] for key in sorted(context.selected_asset_check_keys)]
        database = open_database(settings)
        # Each statement on its own: a look holds no lock that a load's exchange would have to wait for.
        with database.connect(autocommit=True) as connection, database.connect(autocommit=True) as other:
            dates = dates_of_run(context.run.tags) or _stored_dates(connection)
            quick, thorough = (Inspection(each, dates, settings, failed) for each in (connection, other))
            yield from look(selected, quick, thorough)

    return checks


def look(checks: Sequence[Check], quick: Inspection, thorough: Inspection) -> Generator[dg.AssetCheckResult]:
    """What checks find. While Postgres goes through the readings, Dagster records what the quick ones found.

    Args:
        checks: which look.
        quick: what most of them look at.
        thorough: what those look at that go through the readings, on a connection of its own.
    """
    with ThreadPoolExecutor(1, "thorough") as beside:
        pending = [beside.submit(_result, check, thorough) for check in checks if check.of_each_reading]
        try:
            for check in checks:
                if not check.of_each_reading:
                    yield _result(check, quick)
            for result in pending:
                yield result.result()
        except BaseException:
            # A run that is ended does not wait for the readings.
            beside.shutdown(wait=False, cancel_futures=True)
            thorough.connection.cancel_safe()
            raise


def _result(check: Check, inspection: Inspection) -> dg.AssetCheckResult:
    """What a check found. One that meets a table altered beneath it fails, and the others still look."""
    try:
        return check.evaluate(inspection).result(check)
    except psycopg.ProgrammingError as error:
        why = error.diag.message_primary or type(error).__name__
        altered = Finding(failing={None: 1}, what="looks at a table that has been altered", examples=[why])
        return altered.result(replace(check, severity=dg.AssetCheckSeverity.ERROR))


def _stored_dates(connection: psycopg.Connection[Any]) -> list[date]:
    rows = connection.execute(
        "SELECT reference_date FROM raw_data.source_file_dates WHERE loaded_at IS NOT NULL "
        "UNION SELECT reference_date FROM raw_data.raw_agreements "
        "UNION SELECT reference_date FROM analytics.half_hourly_consumption ORDER BY 1"
    )
    return [day for (day,) in rows]
