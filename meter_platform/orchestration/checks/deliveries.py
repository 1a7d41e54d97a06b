"""Checks of deliveries: do files contradict themselves, are they dated in the future, does overwritten content count?"""

from collections.abc import Container
from datetime import date
from decimal import Decimal
from typing import Any, Final

import dagster as dg
from psycopg import sql

from meter_platform.contracts.readings import SAME_DECIMALS
from meter_platform.feeds.validation import Reason
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.rules_in_force import RulesInForce
from meter_platform.orchestration.checks.amounts import energy, energy_fact, per_date
from meter_platform.orchestration.checks.finding import Check, Finding, Inspection
from meter_platform.orchestration.sources import reading_folder
from meter_platform.warehouse import tables
from meter_platform.warehouse.sessions import Session

WARN: Final = dg.AssetCheckSeverity.WARN

AHEAD: Final = "1 minute"
"""How far a modification time may be ahead of this machine's clock: two clocks are never the same."""

_SAYS_SOMETHING: Final = sql.SQL(
    "outcome = 'read' AND source_file_id NOT IN "
    "(SELECT source_file_id FROM {withdrawals} WHERE what = 'version' AND undone_at IS NULL)"
).format(withdrawals=tables.WITHDRAWALS.identifier)
"""SQL on a file version: it could be read, and is not withdrawn."""


def conflicts_in_files(inspection: Inspection) -> Finding:
    """Half hours that one file gives more than one value. All of these rows are rejected, for none is certain.

    They may be two registers (import and export), two meters (on the day of an exchange), or a day that stands in the
    file twice, once as zeros. Those of a file that has been overwritten since count no longer.
    """
    rows = inspection.rows(
        """
        SELECT reference_date, source_file_id, count(*), sum(consumption_delta),
               count(*) FILTER (WHERE consumption_delta = 0)
        FROM {rejected} AS row
        WHERE reason = %(reason)s AND reference_date = ANY(%(dates)s) AND NOT EXISTS (
          SELECT FROM {versions} AS version JOIN {versions} AS newer ON newer.url = version.url
          WHERE version.source_file_id = row.source_file_id AND newer.delivered_at > version.delivered_at)
        GROUP BY 1, 2 ORDER BY 1, 2
        """.replace("%(reason)s", f"'{Reason.CONFLICT_IN_FILE}'"),
        rejected=tables.REJECTED_READINGS,
        versions=tables.SOURCE_FILE_VERSIONS,
    )
    return Finding(
        failing=per_date((day, count) for day, _, count, _, _ in rows),
        what="rows of half hours that one file gives more than one value",
        examples=[
            f"{day}: {count:,} rows of source file {number}, {energy(kwh)} between them"
            f"{f', {zeros:,} of them say 0' if zeros else ''}"
            for day, number, count, kwh, zeros in rows
        ],
        facts=energy_fact(kwh for *_, kwh, _ in rows),
    )


def delivered_from_the_future(inspection: Inspection) -> Finding:
    """Files whose modification time lay ahead when they were first seen. They count as delivered when they were seen.

    The clock of whoever wrote them is wrong, or set for another zone. Their corrections count in the order in which
    scans found them. Files that have been overwritten since do not count.
    """
    rows = inspection.rows(
        """
        SELECT reference_date, source_file_id, modified_at, seen_at
        FROM {versions} AS version LEFT JOIN {dates_table} USING (source_file_id)
        WHERE modified_at > seen_at AND modified_at > seen_at + interval {ahead} -- the first has an index
          AND (reference_date = ANY(%(dates)s) OR reference_date IS NULL)
          AND NOT EXISTS (SELECT FROM {versions} AS newer
                          WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at)
        ORDER BY 1, 2
        """,
        versions=tables.SOURCE_FILE_VERSIONS,
        dates_table=tables.SOURCE_FILE_DATES,
        ahead=sql.Literal(AHEAD),
    )
    return Finding(
        failing=per_date((day, 1) for day, *_ in rows),
        what="files from the future",
        examples=list(
            dict.fromkeys(
                f"source file {number}: modified at {modified_at:%Y-%m-%d %H:%M} UTC, "
                f"but seen at {seen_at:%Y-%m-%d %H:%M} UTC"
                for _, number, modified_at, seen_at in rows
            )
        ),
    )


def rows_of_overwritten_versions(inspection: Inspection) -> Finding:
    """Readings that count although only overwritten versions of files have them, and no newer version does.

    A supplier who delivers a file again under its name without some of its rows may have corrected a mistake, or lost
    them. `meter-platform withdraw --left-over` withdraws them. A date that a file no longer holds at all is evaluated
    with every date that it does hold. Readings of a file that was deleted count, and are no finding: archives are pruned.
    """
    left = inspection.rows(
        """
        WITH files AS MATERIALIZED (
               SELECT DISTINCT url FROM {dates_table} JOIN {versions} USING (source_file_id)
               WHERE reference_date = ANY(%(dates)s)),
             said AS MATERIALIZED (
               SELECT source_file_id, url, row_number() OVER (PARTITION BY url ORDER BY delivered_at DESC) AS age
               FROM {versions} JOIN files USING (url) WHERE {says_something})
        SELECT dates.reference_date, dates.source_file_id
        FROM said AS older
        JOIN {dates_table} AS dates USING (source_file_id)
        JOIN said AS newest ON newest.url = older.url AND newest.age = 1
        LEFT JOIN {dates_table} AS now
          ON (now.source_file_id, now.reference_date) = (newest.source_file_id, dates.reference_date)
        WHERE older.age > 1 AND dates.rows_stored > 0
          AND (now.source_file_id IS NULL OR now.loaded_at IS NOT NULL AND dates.reference_date = ANY(%(dates)s))
        """,
        versions=tables.SOURCE_FILE_VERSIONS,
        dates_table=tables.SOURCE_FILE_DATES,
        says_something=_SAYS_SOMETHING,
    )
    rows = _unsaid(inspection, left) if left else []
    return Finding(
        failing=per_date((day, count) for day, _, count, _ in rows),
        what="rows of overwritten versions that no newer version has",
        examples=[
            f"{day}: {count:,} rows of source file {number}, {energy(kwh)} "
            f"(meter-platform withdraw --left-over {number} takes them back)"
            for day, number, count, kwh in rows
        ],
        facts=energy_fact(kwh for *_, kwh in rows),
    )


def _unsaid(inspection: Inspection, left: list[tuple[Any, ...]]) -> list[tuple[date, int, int, Decimal]]:
    """Readings that overwritten versions delivered first and that no newest version of any file has.

    Args:
        inspection: the database and the dates.
        left: pairs of a date and the number of an overwritten version that has readings of it.

    Returns:
        reference date, number of the version, readings, kWh.
    """
    days, numbers = zip(*left, strict=True)
    return inspection.rows(
        """
        WITH pairs AS MATERIALIZED (SELECT * FROM unnest({days}::date[], {numbers}::bigint[]) AS p(reference_date, number)),
             again AS MATERIALIZED (
               SELECT * FROM {redelivered} WHERE reference_date = ANY({days}::date[])
               UNION ALL SELECT * FROM {repeated} WHERE reference_date = ANY({days}::date[])),
             newest AS MATERIALIZED (
               SELECT source_file_id FROM {versions} AS version
               WHERE source_file_id IN (SELECT source_file_id FROM again) AND NOT EXISTS (
                 SELECT FROM (SELECT * FROM {versions} WHERE {says_something}) AS newer
                 WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at)),
             said AS MATERIALIZED (
               SELECT meterpoint_id, interval_start, register, serial, round(consumption_delta, {decimals}) AS value
               FROM again JOIN newest USING (source_file_id))
        SELECT reading.reference_date, source_file_id, count(*), sum(consumption_delta)
        FROM {readings} AS reading JOIN pairs
          ON (pairs.reference_date, pairs.number) = (reading.reference_date, reading.source_file_id)
        WHERE reading.reference_date = ANY({days}::date[]) AND NOT EXISTS (
          SELECT FROM said WHERE (said.meterpoint_id, said.interval_start, said.register, said.serial, said.value)
            = (reading.meterpoint_id, reading.interval_start, reading.register, reading.serial,
               round(reading.consumption_delta, {decimals})))
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        days=sql.Literal(list(days)),
        numbers=sql.Literal(list(numbers)),
        versions=tables.SOURCE_FILE_VERSIONS,
        says_something=_SAYS_SOMETHING,
        redelivered=tables.REDELIVERED_READINGS,
        repeated=tables.REPEATED_READINGS,
        readings=tables.RAW_METER_READINGS,
        decimals=sql.Literal(SAME_DECIMALS),
    )


def read_under_other_rules(inspection: Inspection) -> Finding:
    """Files that were read under other rules than those of now: another limit, zone, first date, or another feed.

    What they say is stored as those rules had it. `meter-platform reread` reads them again. Files that are not there any
    more as they were cannot be read again, nor can those of which a date was pruned: what they said stays. Nor does a file
    fail of which no rules are on record.
    """
    rows = inspection.rows(
        """
        SELECT reading_rules, url, NOT EXISTS (
          SELECT FROM {versions} AS newer
          WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at)
        FROM {versions} AS version
        WHERE (reading_rules < {rules} OR reading_rules > {rules}) -- an index can do this
          AND NOT EXISTS (
          SELECT FROM {dates_table} AS dates WHERE dates.source_file_id = version.source_file_id AND rows_pruned > 0)
        """,
        versions=tables.SOURCE_FILE_VERSIONS,
        dates_table=tables.SOURCE_FILE_DATES,
        rules=RulesInForce(inspection.settings, reading_folder(inspection.settings)).reading(
            sql.Identifier("version", "url")
        ),
    )
    others = [(url, newest) for rules, url, newest in rows if rules]
    count = _count_there(inspection, {url for url, newest in others if newest}) if others else 0
    return Finding(
        failing={None: count} if count else {},
        what="files that were read under other rules",
        examples=["meter-platform reread reads them again, and rebuilds the dates that change"] if count else [],
        facts={"files_gone_since": len(others) - count, "files_of_unknown_rules": len(rows) - len(others)},
    )


def _count_there(inspection: Inspection, urls: Container[str]) -> int:
    """How many files are there of those that the catalogue has by these URLs."""
    erased = Erased.find(Session(inspection.connection), inspection.settings)
    return sum(erased.name(file.url) in urls for file in reading_folder(inspection.settings).walk())


CHECKS: Final = (
    Check(tables.REJECTED_READINGS, "conflicts_in_files", WARN, conflicts_in_files),
    Check(tables.RAW_METER_READINGS, "delivered_from_the_future", WARN, delivered_from_the_future),
    Check(tables.RAW_METER_READINGS, "read_under_other_rules", WARN, read_under_other_rules, of_everything=True),
    Check(tables.RAW_METER_READINGS, "rows_of_overwritten_versions", WARN, rows_of_overwritten_versions),
)
