"""Checks of the figures: does nothing get lost between readings and products, and is the day complete?"""

from typing import Final

import dagster as dg

from meter_platform.orchestration.checks.amounts import energy
from meter_platform.orchestration.checks.finding import Check, Finding, Inspection
from meter_platform.warehouse import tables
from meter_platform.warehouse.running_date import expected_so_far

ERROR: Final = dg.AssetCheckSeverity.ERROR
WARN: Final = dg.AssetCheckSeverity.WARN


def readings_conserved(inspection: Inspection) -> Finding:
    """The energy and number of readings are those of the half hours, exactly, whichever way the energy is split.

    Where each meterpoint has one reading a half hour, the half hours have as many meterpoints as readings.
    Where only some meterpoints are recounted, the others count with what was received of them when their day was computed.
    """
    rows = inspection.rows(
        """
        SELECT reference_date, coalesce(reading.rows, 0), coalesce(reading.kwh, 0), coalesce(half_hour.rows, 0),
               coalesce(half_hour.kwh, 0)
        FROM (SELECT reference_date, sum(rows)::bigint AS rows, sum(kwh) AS kwh
              FROM (SELECT reference_date, rows, kwh FROM {readings_by_file}
                    UNION ALL
                    SELECT reference_date, stored_readings, total_consumption_kwh FROM {completeness}
                    WHERE reference_date = ANY(%(dates)s) AND NOT ({recounted})) AS counted
              GROUP BY 1) AS reading
        FULL JOIN (SELECT reference_date, sum(reading_count)::bigint AS rows, sum(total_consumption_kwh) AS kwh,
                          sum(import_consumption_kwh + export_consumption_kwh) AS parts,
                          sum(actual_consumption_kwh + estimated_consumption_kwh) AS split,
                          sum(meterpoint_count)::bigint AS meterpoints
                   FROM {half_hours} WHERE reference_date = ANY(%(dates)s) GROUP BY 1) AS half_hour
          USING (reference_date)
        LEFT JOIN (SELECT reference_date, bool_and(stored_readings = received_readings) AS have_one_each
                   FROM {completeness} WHERE reference_date = ANY(%(dates)s) GROUP BY 1) AS meterpoint
          USING (reference_date)
        WHERE (reading.rows, reading.kwh, reading.kwh, reading.kwh)
          IS DISTINCT FROM (half_hour.rows, half_hour.kwh, half_hour.parts, half_hour.split)
          OR (have_one_each AND half_hour.meterpoints <> half_hour.rows)
        ORDER BY 1
        """,
        readings_by_file=inspection.readings_by_file,
        completeness=tables.METERPOINT_COMPLETENESS,
        recounted=inspection.recounted,
        half_hours=tables.HALF_HOURLY_CONSUMPTION,
    )
    return Finding(
        failing={day: 1 for day, *_ in rows},
        what="dates whose half hours are not their readings",
        examples=[
            f"{day}: {readings:,} readings with {energy(kwh)}, but {counted:,} with {energy(total)} in half hours"
            for day, readings, kwh, counted, total in rows
        ],
    )


def consumption_conserved(inspection: Inspection) -> Finding:
    """The energy of the products and what is unattributed add up to the half hours, exactly."""
    rows = inspection.rows(
        """
        SELECT reference_date, coalesce(product.kwh, 0), coalesce(unattributed.kwh, 0), coalesce(half_hour.kwh, 0)
        FROM (SELECT reference_date, sum(total_consumption_kwh) AS kwh FROM {half_hours}
              WHERE reference_date = ANY(%(dates)s) GROUP BY 1) AS half_hour
        FULL JOIN (SELECT reference_date, sum(total_consumption_kwh) AS kwh FROM {products}
                   WHERE reference_date = ANY(%(dates)s) GROUP BY 1) AS product USING (reference_date)
        FULL JOIN (SELECT reference_date, sum(total_consumption_kwh) AS kwh FROM {unattributed}
                   WHERE reference_date = ANY(%(dates)s) GROUP BY 1) AS unattributed USING (reference_date)
        WHERE coalesce(product.kwh, 0) + coalesce(unattributed.kwh, 0) <> coalesce(half_hour.kwh, 0)
        ORDER BY 1
        """,
        half_hours=tables.HALF_HOURLY_CONSUMPTION,
        products=tables.DAILY_PRODUCT_CONSUMPTION,
        unattributed=tables.UNATTRIBUTED_CONSUMPTION,
    )
    return Finding(
        failing={day: 1 for day, *_ in rows},
        what="dates whose products and unattributed energy do not add up to the half hours",
        examples=[
            f"{day}: {energy(products)} of products + {energy(unattributed)} unattributed, but {energy(total)} in half hours"
            for day, products, unattributed, total in rows
        ],
    )


def completeness(inspection: Inspection) -> Finding:
    """Half hours that were not received, of the 46, 48 or 50 of the local day, or of those of today that are over."""
    rows = inspection.rows(
        """
        SELECT reference_date, sum({expected})::bigint, sum(received_readings)::bigint,
               count(*) FILTER (WHERE received_readings = 0),
               count(*) FILTER (WHERE received_readings > 0 AND zero_readings = received_readings),
               count(*) FILTER (WHERE is_constant)
        FROM {completeness} WHERE reference_date = ANY(%(dates)s) GROUP BY 1 ORDER BY 1
        """,
        completeness=tables.METERPOINT_COMPLETENESS,
        expected=expected_so_far(inspection.settings.timezone),
    )
    expected = sum(row[1] for row in rows)
    received = sum(row[2] for row in rows)
    return Finding(
        failing={day: wanted - got for day, wanted, got, *_ in rows if wanted > got},
        what="missing half hours",
        examples=[f"{day}: {silent:,} meterpoints without a reading" for day, _, _, silent, *_ in rows if silent],
        facts={
            "received_percent": round(100 * received / expected, 3) if expected else 100.0,
            "silent_meterpoint_days": sum(row[3] for row in rows),
            "all_zero_meterpoint_days": sum(row[4] for row in rows),
            "constant_meterpoint_days": sum(row[5] for row in rows),
        },
    )


def orphan_meterpoints(inspection: Inspection) -> Finding:
    """Meterpoints with readings that are not in the reference database; they may be new. Their readings are kept."""
    rows = inspection.rows(
        """
        SELECT reference_date, count(*), sum(received_readings)::bigint FROM {completeness} AS sending
        WHERE reference_date = ANY(%(dates)s) AND received_readings > 0
          AND NOT EXISTS (SELECT FROM {meterpoints} AS known
                          WHERE (known.reference_date, known.meterpoint_id)
                                = (sending.reference_date, sending.meterpoint_id))
        GROUP BY 1 ORDER BY 1
        """,
        completeness=tables.METERPOINT_COMPLETENESS,
        meterpoints=tables.RAW_METERPOINTS,
    )
    return Finding(
        failing={day: count for day, count, _ in rows},
        what="meterpoints unknown to the reference database",
        facts={"orphan_readings": sum(readings for *_, readings in rows)},
    )


CHECKS: Final = (
    Check(tables.HALF_HOURLY_CONSUMPTION, "readings_conserved", ERROR, readings_conserved, of_each_reading=True),
    Check(tables.DAILY_PRODUCT_CONSUMPTION, "consumption_conserved", ERROR, consumption_conserved),
    Check(tables.METERPOINT_COMPLETENESS, "completeness", WARN, completeness),
    Check(tables.METERPOINT_COMPLETENESS, "orphan_meterpoints", WARN, orphan_meterpoints),
)
