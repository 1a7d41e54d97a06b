"""All checks as one Dagster step: it runs after the assets of a run, for the checks of those assets."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, Final

import dagster as dg
import psycopg

from meter_platform.lake.lake import open_lake
from meter_platform.lake.take_out import have_in_postgres
from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.checks import analytics, contract, deliveries, raw_data, recount, shape, whole_dates
from meter_platform.orchestration.checks.finding import Check, Finding, Inspection
from meter_platform.orchestration.checks.recount import RECOUNT_TAG, Recount
from meter_platform.orchestration.checks.standing import Standing
from meter_platform.orchestration.partitions import dates_of_run, dates_under_way
from meter_platform.settings import Settings
from meter_platform.warehouse import put_away
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
        # What goes through the readings has connections of its own, for it makes temporary tables.
        with (
            database.connect(autocommit=True) as connection,
            database.connect(autocommit=True) as other,
            database.connect(autocommit=True) as third,
        ):
            of_night = RECOUNT_TAG in context.run.tags
            of_run = recount.waiting(connection, under_way()) if of_night else dates_of_run(context.run.tags)
            everything = not (of_night or of_run)
            away = [note.day for note in put_away.found(connection)] if everything else []
            if away:
                context.log.warning(f"{put_away.sentence(away)} No check looks at these dates now.")
            dates = [day for day in _stored_dates(connection) if day not in away] if everything else of_run
            standing = Standing.of(connection, selected, dates, everything=everything and not away, under_way=under_way)
            dates = sorted({*dates, *standing.again})
            have_in_postgres(database, dates, partial(open_lake, settings))
            recounted = Recount.of(connection, dates, everything=everything or of_night)
            quick = Inspection(connection, dates, settings, under_way)
            thorough = Inspection(other, recounted.whole, settings, under_way)
            touched = Inspection(third, recounted.touched, settings, under_way, touched_only=True)
            yield from evaluate(selected, quick, thorough, standing, touched=touched)
            recounted.note(connection, selected, CHECKS)

    return checks


def evaluate(
    checks: Sequence[Check],
    quick: Inspection,
    thorough: Inspection,
    standing: Standing,
    *,
    touched: Inspection | None = None,
) -> Generator[dg.AssetCheckResult]:
    """Evaluates checks. While Postgres goes through the readings, Dagster records what the quick ones found.

    Args:
        checks: which to evaluate.
        quick: what most of them are given.
        thorough: the same on a connection of its own, for those that go through the readings.
        standing: the dates that failed before.
        touched: what those are given besides: the dates of which they look at what was touched alone.
    """
    with ThreadPoolExecutor(1, "thorough") as beside:
        pending = [
            (check, beside.submit(_found_in_both, check, thorough, touched))
            for check in checks
            if check.of_each_reading
        ]
        try:
            for check in checks:
                if not check.of_each_reading:
                    yield _result(check, _found(check, quick), standing, quick.dates)
            for check, found in pending:
                yield _result(check, found.result(), standing, thorough.dates)
        except BaseException:
            # A run that is interrupted does not wait for the statement that reads the readings.
            beside.shutdown(wait=False, cancel_futures=True)
            for inspection in filter(None, (thorough, touched)):
                inspection.connection.cancel_safe()
            raise


def _found(check: Check, inspection: Inspection) -> Finding | str:
    """What a check found; or why it could not be evaluated, where a table was altered by hand."""
    try:
        return check.evaluate(inspection)
    except psycopg.ProgrammingError as error:
        return error.diag.message_primary or type(error).__name__


def _found_in_both(check: Check, thorough: Inspection, touched: Inspection | None) -> Finding | str:
    """What a check found on dates that it looked at whole, and on those of which it looked at what was touched."""
    found = _found(check, thorough)
    if isinstance(found, str) or touched is None or not touched.dates:
        return found
    more = _found(check, touched)
    return more if isinstance(more, str) else found.and_more(more)


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
