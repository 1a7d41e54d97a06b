"""All checks as one Dagster step: it runs after the assets of a run, for the checks of those assets."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any, Final

import dagster as dg
import psycopg

from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.checks import analytics, contract, deliveries, raw_data, shape, whole_dates
from meter_platform.orchestration.checks.finding import Check, Finding, Inspection
from meter_platform.orchestration.checks.standing import Standing
from meter_platform.orchestration.partitions import dates_of_run, dates_under_way
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database

CHECKS: Final = (
    *raw_data.CHECKS,
    *deliveries.CHECKS,
    *whole_dates.CHECKS,
    *analytics.CHECKS,
    *shape.CHECKS,
    *contract.CHECKS,
)


def asset_checks(settings: Settings) -> dg.AssetChecksDefinition:
    """Every check. Started without a partition (in the UI), they are evaluated for all dates that are stored."""
    by_key = {check.spec.key: check for check in CHECKS}

    @dg.multi_asset_check(
        name="checks",
        specs=[check.spec for check in CHECKS],
        can_subset=True,
        retry_policy=policies.RETRIES,
        description="Is what is stored whole, consistent, plausible and recent?",
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        def under_way() -> set[date]:
            return dates_under_way(context.instance, apart_from=context.run.run_id)

        selected = [by_key[key] for key in sorted(context.selected_asset_check_keys)]
        database = open_database(settings)
        # Each statement commits at once: no check holds a lock that publishing a partition would wait for.
        with database.connect(autocommit=True) as connection, database.connect(autocommit=True) as other:
            of_run = dates_of_run(context.run.tags)
            dates = of_run or _stored_dates(connection)
            standing = Standing.of(connection, selected, dates, everything=not of_run, under_way=under_way)
            dates = sorted({*dates, *standing.again})
            quick, thorough = (Inspection(each, dates, settings, under_way) for each in (connection, other))
            yield from evaluate(selected, quick, thorough, standing)

    return checks


def evaluate(
    checks: Sequence[Check], quick: Inspection, thorough: Inspection, standing: Standing
) -> Generator[dg.AssetCheckResult]:
    """Evaluates checks. While Postgres goes through the readings, Dagster records what the quick ones found.

    Args:
        checks: which to evaluate.
        quick: what most of them are given.
        thorough: the same on a connection of its own, for those that go through the readings.
        standing: the dates that failed before.
    """
    with ThreadPoolExecutor(1, "thorough") as beside:
        pending = [(check, beside.submit(_found, check, thorough)) for check in checks if check.of_each_reading]
        try:
            for check in checks:
                if not check.of_each_reading:
                    yield _result(check, _found(check, quick), standing, quick.dates)
            for check, found in pending:
                yield _result(check, found.result(), standing, thorough.dates)
        except BaseException:
            # A run that is interrupted does not wait for the statement that reads the readings.
            beside.shutdown(wait=False, cancel_futures=True)
            thorough.connection.cancel_safe()
            raise


def _found(check: Check, inspection: Inspection) -> Finding | str:
    """What a check found; or why it could not be evaluated, where a table was altered by hand."""
    try:
        return check.evaluate(inspection)
    except psycopg.ProgrammingError as error:
        return error.diag.message_primary or type(error).__name__


def _result(check: Check, found: Finding | str, standing: Standing, dates: Sequence[date]) -> dg.AssetCheckResult:
    """A finding and the dates that failed before. A check that could not be evaluated fails; the others are evaluated."""
    if isinstance(found, str):
        altered = Finding(failing={None: 1}, what="looks at a table that has been altered", examples=[found])
        return altered.result(replace(check, severity=dg.AssetCheckSeverity.ERROR))
    return standing.with_earlier(check, found, dates).result(check)


def _stored_dates(connection: psycopg.Connection[Any]) -> list[date]:
    rows = connection.execute(
        "SELECT reference_date FROM raw_data.source_file_dates WHERE loaded_at IS NOT NULL "
        "UNION SELECT reference_date FROM raw_data.raw_agreements "
        "UNION SELECT reference_date FROM analytics.half_hourly_consumption ORDER BY 1"
    )
    return [day for (day,) in rows]
