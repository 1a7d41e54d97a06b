"""Checks of what was delivered: is every row accounted for, and is what the sources say plausible?"""

from decimal import Decimal
from typing import Final

import dagster as dg
from psycopg import sql

from meter_platform.orchestration.checks.amounts import energy, per_date
from meter_platform.orchestration.checks.finding import Check, Finding, Inspection
from meter_platform.rules.in_force import IN_FORCE
from meter_platform.warehouse import tables
from meter_platform.warehouse.running_date import has_ended

ERROR: Final = dg.AssetCheckSeverity.ERROR
WARN: Final = dg.AssetCheckSeverity.WARN

_READINGS: Final = tables.RAW_METER_READINGS
_AGREEMENTS: Final = tables.RAW_AGREEMENTS

_IS_OVERWRITTEN: Final = sql.SQL("""
EXISTS (SELECT FROM {versions} AS older
        JOIN {versions} AS newer ON newer.url = older.url AND newer.delivered_at > older.delivered_at
        WHERE older.source_file_id = told.source_file_id)
""").format(versions=tables.SOURCE_FILE_VERSIONS.identifier)
"""SQL on a row `told` of a file version: a newer one of the same URL has taken its place."""


def rows_accounted_for(inspection: Inspection) -> Finding:
    """Every row of every file is stored, rejected, re-delivered, replaced or withdrawn; counted, not derived.

    For each file of the dates: the rows of the tables are the rows that the catalogue says, and they add up to the rows
    in the file. Files that hold no date at all are part of every evaluation. Where only some meterpoints are recounted, the
    tables have no more rows of them than the catalogue says of their files.
    """
    by_file = inspection.rows(
        """
        SELECT reference_date, source_file_id
        FROM (SELECT * FROM {dates_table} WHERE reference_date = ANY(%(dates)s)) AS dates
        FULL JOIN {readings_by_file} AS stored USING (reference_date, source_file_id)
        FULL JOIN (SELECT reference_date, source_file_id, count(*) AS rows FROM {superseded}
                   WHERE reference_date = ANY(%(dates)s) GROUP BY 1, 2) AS replaced USING (reference_date, source_file_id)
        WHERE CASE WHEN {is_part} THEN coalesce(rows_stored, 0) < coalesce(stored.rows, 0)
                   ELSE coalesce(rows_stored, 0) <> coalesce(stored.rows, 0) END
           OR coalesce(rows_replaced, 0) <> coalesce(replaced.rows, 0)
           OR loaded_at IS NOT NULL
              AND rows_accepted <> rows_stored + rows_redelivered + rows_replaced + rows_withdrawn + rows_pruned
        ORDER BY 1, 2
        """,
        dates_table=tables.SOURCE_FILE_DATES,
        readings_by_file=inspection.readings_by_file,
        superseded=tables.SUPERSEDED_READINGS,
        is_part=sql.Literal(inspection.touched_only),
    )
    whole_files = inspection.rows(
        """
        WITH told AS MATERIALIZED (
          SELECT source_file_id, min(reference_date) AS told_on FROM {dates_table}
          WHERE reference_date = ANY(%(dates)s) GROUP BY 1
          UNION ALL
          SELECT source_file_id, NULL FROM {versions} AS version
          WHERE first_interval IS NULL
            AND NOT EXISTS (SELECT FROM {dates_table} AS held WHERE held.source_file_id = version.source_file_id)
        )
        SELECT source_file_id, told_on
        FROM told JOIN {versions} AS version USING (source_file_id)
        LEFT JOIN (SELECT source_file_id, sum(rows_accepted) AS rows FROM {dates_table}
                   WHERE source_file_id IN (SELECT source_file_id FROM told) GROUP BY 1) AS accepted
          USING (source_file_id)
        LEFT JOIN (SELECT source_file_id, count(*) AS rows FROM {rejected}
                   WHERE source_file_id IN (SELECT source_file_id FROM told) GROUP BY 1) AS rejected
          USING (source_file_id)
        WHERE rows_in_file <> coalesce(accepted.rows, 0) + rows_rejected OR rows_rejected <> coalesce(rejected.rows, 0)
        ORDER BY 1
        """,
        versions=tables.SOURCE_FILE_VERSIONS,
        dates_table=tables.SOURCE_FILE_DATES,
        rejected=tables.REJECTED_READINGS,
    )
    # A file that fails both comparisons counts once.
    failing = per_date(
        (day, 1) for day, _ in dict.fromkeys([*by_file, *((day, number) for number, day in whole_files)])
    )
    return Finding(
        failing=failing,
        what="files whose rows do not add up",
        examples=[f"source file {number}, {day}" for day, number in by_file]
        + [f"source file {number}" for number, _ in whole_files],
    )


def files_quarantined(inspection: Inspection) -> Finding:
    """Files that could not be read, or are held back whole for most of their rows break one rule.

    By the newest version of each. The others of a run load without them, and a corrected version loads.
    `raw_data.source_files` has their names, which may be those of meterpoints.
    """
    rows = inspection.rows(
        """
        SELECT source_file_id, error, rows_in_file,
               (SELECT trim_scale(sum(consumption_delta)) FROM {rejected} AS rejected
                WHERE rejected.source_file_id = told.source_file_id)
        FROM {versions} AS told WHERE outcome <> 'read' AND NOT {is_overwritten} ORDER BY 1
        """,
        versions=tables.SOURCE_FILE_VERSIONS,
        rejected=tables.REJECTED_READINGS,
        is_overwritten=_IS_OVERWRITTEN,
    )
    return Finding(
        failing={None: len(rows)} if rows else {},
        what="quarantined files",
        examples=[
            f"source file {number}: {error}" + (f" ({count:,} rows{_with(kwh)} are kept out)" if count else "")
            for number, error, count, kwh in rows
        ],
    )


def rows_rejected(inspection: Inspection) -> Finding:
    """Rows that break a rule of validation, by reason, with the kWh that can be read in them.

    A row counts on its own date. One whose date is never evaluated (it has none, or is outside the platform's dates, or
    nothing else of its file is of that date) counts on the dates of its file, or in every evaluation where the file has
    none. Rows of a file that has been overwritten since do not count: its newest version is what the supplier stands by.
    """
    today = inspection.settings.local_today()
    rows = inspection.rows(
        """
        WITH held AS MATERIALIZED (
          SELECT source_file_id, max(reference_date) AS told_on FROM {dates_table}
          WHERE reference_date = ANY(%(dates)s) GROUP BY 1
        ), told AS (
          SELECT reference_date AS told_on, * FROM {rejected} WHERE reference_date = ANY(%(dates)s)
          UNION ALL
          SELECT told_on, rejected.* FROM held JOIN {rejected} AS rejected USING (source_file_id)
          WHERE reference_date IS NULL
             OR reference_date <> ALL(%(dates)s) AND NOT EXISTS (
               SELECT FROM {dates_table} AS same
               WHERE (same.source_file_id, same.reference_date) = (rejected.source_file_id, rejected.reference_date))
          UNION ALL
          SELECT NULL, * FROM {rejected} AS rejected
          WHERE (reference_date IS NULL OR reference_date < {first} OR reference_date > {today})
            AND NOT EXISTS (SELECT FROM {dates_table} AS any_date
                            WHERE any_date.source_file_id = rejected.source_file_id)
        )
        SELECT told_on, reason, count(*), trim_scale(sum(consumption_delta)), min(source_file_id),
               min(source_position), min(detail)
        FROM told WHERE NOT {is_overwritten}
        GROUP BY 1, 2, CASE WHEN reason = 'impossible' THEN detail END ORDER BY 1, 3 DESC
        """,
        rejected=tables.REJECTED_READINGS,
        dates_table=tables.SOURCE_FILE_DATES,
        is_overwritten=_IS_OVERWRITTEN,
        first=sql.Literal(inspection.settings.first_reference_date),
        today=sql.Literal(today),
    )
    by_reason: dict[str, int] = {}
    energy_by_reason: dict[str, Decimal] = {}
    for _, reason, count, kwh, *_ in rows:
        by_reason[reason] = by_reason.get(reason, 0) + count
        if kwh is not None:
            energy_by_reason[reason] = energy_by_reason.get(reason, Decimal(0)) + kwh
    return Finding(
        failing=per_date((day, count) for day, _, count, *_ in rows),
        what="rejected rows",
        examples=[
            f"{count:,} x {reason}{_with(kwh)}: such as source file {number}, row {position} ({detail})"
            for _, reason, count, kwh, number, position, detail in rows
        ],
        facts={f"rejected_{reason}": count for reason, count in sorted(by_reason.items())}
        | {f"rejected_{reason}_kwh": float(kwh) for reason, kwh in sorted(energy_by_reason.items())},
    )


def ambiguous_times(inspection: Inspection) -> Finding:
    """Readings of the repeated autumn hour of which their file does not tell which half hour they mean. Kept.

    All dates are evaluated, whatever the run's: a run of another date does not mend them.
    """
    rows = inspection.rows(
        """
        SELECT source_file_id, rows_ambiguous FROM {versions} AS told
        WHERE rows_ambiguous > 0 AND NOT {is_overwritten} ORDER BY 1
        """,
        versions=tables.SOURCE_FILE_VERSIONS,
        is_overwritten=_IS_OVERWRITTEN,
    )
    return Finding(
        failing={None: sum(count for _, count in rows)} if rows else {},
        what="ambiguous readings",
        examples=[f"source file {number}: {count:,}" for number, count in rows],
    )


def improbable_values(inspection: Inspection) -> Finding:
    """Readings above what a home's fuse passes (11.5 kWh in half an hour: 100 A x 230 V). Kept."""
    rows = inspection.rows(
        """
        SELECT reference_date, sum(improbable)::bigint, max(largest) FROM {readings_by_file}
        WHERE improbable > 0 GROUP BY 1 ORDER BY 1
        """,
        readings_by_file=inspection.readings_by_file,
    )
    return Finding(
        failing={day: count for day, count, _ in rows},
        what="improbable readings",
        examples=[f"{day}: the largest is {largest} kWh" for day, _, largest in rows],
    )


def data_age(inspection: Inspection) -> Finding:
    """The age of the newest reference date with readings, in days. A backfill of old dates does not make it younger.

    Readings of today do not make yesterday's come.
    """
    ((newest,),) = inspection.rows(
        "SELECT max(reference_date) FROM {dates_table} WHERE rows_stored > 0 AND {has_ended}",
        dates_table=tables.SOURCE_FILE_DATES,
        has_ended=has_ended("reference_date", inspection.settings.timezone),
    )
    today = inspection.settings.local_today()
    if newest is None:
        return Finding(failing={None: 1}, what="tables without any reading")
    age = (today - newest).days
    # Yesterday is the newest day that is over: an age of two days means that a morning's delivery has not come.
    return Finding(
        failing={newest: age - 1} if age > 1 else {},
        what="days missing since the newest reference date",
        facts={"newest_reference_date": newest.isoformat(), "age_days": age},
    )


def agreements_overlap(inspection: Inspection) -> Finding:
    """Meterpoints with more than one agreement in force on a date. What they use stays unattributed."""
    rows = inspection.rows(
        """
        SELECT reference_date, array_agg(agreement_id ORDER BY agreement_id) FROM {agreements}
        WHERE reference_date = ANY(%(dates)s) AND {in_force}
        GROUP BY reference_date, meterpoint_id HAVING count(*) > 1 ORDER BY 1, 2
        """,
        agreements=_AGREEMENTS,
        in_force=sql.SQL(IN_FORCE),
    )
    return Finding(
        failing=per_date((day, 1) for day, _ in rows),
        what="meterpoints with overlapping agreements",
        examples=[f"{day}: agreements {', '.join(map(str, ids))}" for day, ids in rows],
    )


def agreements_inverted(inspection: Inspection) -> Finding:
    """Agreements that end before they begin; they are never in force."""
    rows = inspection.rows(
        """
        SELECT reference_date, agreement_id FROM {agreements}
        WHERE reference_date = ANY(%(dates)s) AND agreement_valid_to < agreement_valid_from ORDER BY 1, 2
        """,
        agreements=_AGREEMENTS,
    )
    return Finding(
        failing=per_date((day, 1) for day, _ in rows),
        what="inverted agreements",
        examples=[f"{day}: agreement {number}" for day, number in rows],
    )


def agreement_orphans(inspection: Inspection) -> Finding:
    """Agreements for a product or a meterpoint that the reference database does not have."""
    rows = inspection.rows(
        """
        SELECT agreement.reference_date, agreement_id, product.product_id IS NULL
        FROM {agreements} AS agreement
        LEFT JOIN {products} AS product USING (reference_date, product_id)
        LEFT JOIN {meterpoints} AS meterpoint USING (reference_date, meterpoint_id)
        WHERE agreement.reference_date = ANY(%(dates)s)
          AND (product.product_id IS NULL OR meterpoint.reference_date IS NULL)
        ORDER BY 1, 2
        """,
        agreements=_AGREEMENTS,
        products=tables.RAW_PRODUCTS,
        meterpoints=tables.RAW_METERPOINTS,
    )
    return Finding(
        failing=per_date((day, 1) for day, *_ in rows),
        what="agreements for something unknown",
        examples=[
            f"{day}: agreement {number} names an unknown {'product' if no_product else 'meterpoint'}"
            for day, number, no_product in rows
        ],
    )


def _with(kwh: Decimal | None) -> str:
    """The energy of rows in which a number can be read."""
    return "" if kwh is None else f" with {energy(kwh)}"


CHECKS: Final = (
    Check(_READINGS, "rows_accounted_for", ERROR, rows_accounted_for, of_each_reading=True),
    Check(_READINGS, "files_quarantined", WARN, files_quarantined, of_everything=True),
    Check(_READINGS, "ambiguous_times", WARN, ambiguous_times),
    Check(_READINGS, "improbable_values", WARN, improbable_values, of_each_reading=True),
    Check(_READINGS, "data_age", WARN, data_age, of_everything=True),
    Check(tables.REJECTED_READINGS, "rows_rejected", WARN, rows_rejected),
    Check(_AGREEMENTS, "agreements_overlap", WARN, agreements_overlap),
    Check(_AGREEMENTS, "agreements_inverted", WARN, agreements_inverted),
    Check(_AGREEMENTS, "agreement_orphans", WARN, agreement_orphans),
)
