"""Checks of the shape of what was delivered: is a day of values what a meter measures in half hours?

What belongs here: values that pass every rule one by one and are wrong together. What does not: rules for one value
(`feeds/validation.py`), files most of whose rows break one rule (`feeds/held_back.py`).

A finding changes nothing: the values are stored as they came, for only the supplier can tell what they are. Thresholds
are such that a home seldom looks like that by chance.

Most meterpoints are ruled out by `meterpoint_completeness` and by the last half hour of each day: values that only rise
end with the largest. Only the readings of the others are put in order.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import dagster as dg
from psycopg import sql

from meter_platform import settlement
from meter_platform.orchestration.checks.amounts import energy, per_date
from meter_platform.orchestration.checks.finding import Check, Finding, Inspection
from meter_platform.warehouse import tables

WARN: Final = dg.AssetCheckSeverity.WARN

_COMPLETENESS: Final = tables.METERPOINT_COMPLETENESS

FEWEST_OF_A_DAY: Final = 40
"""Half hours that a day must have for its shape to be judged: the first ones of a sunny day only rise, too."""

FEWEST_RISES: Final = 10
"""Rises of a register in a day. Heating that is switched on once, or a meter that stands still, has fewer."""

FEWEST_ZEROS: Final = 6
"""Half hours without energy before a catch-up: shorter ones are how a home is used."""

FEWEST_OTHERS: Final = 12
"""Half hours with energy that say what a meterpoint uses otherwise."""

WHOLE_KWH: Final = 2
"""Mean kWh of half hours with energy from which whole numbers are odd: a home that uses it runs at 4 kW all day.

A meter that counts whole kWh says 0 or 1 for a home, and Wh are hundreds.
"""

MOST_MISSING_FOR_ALL: Final = 4
"""Half hours that a query leaves out by mistake. Where more are missing for all, the day is not complete yet."""

_ODD_DAYS: Final = """
CREATE TEMP TABLE odd_days AS
WITH day AS (
  SELECT reference_date, meterpoint_id, received_readings, zero_readings, largest_reading_kwh, total_consumption_kwh,
         received_readings - zero_readings AS energetic,
         received_readings >= {fewest} / 2 AND received_readings + rejected_readings >= {fewest}
           AND received_readings - zero_readings >= {rises} AS may_rise
  FROM {completeness}
  WHERE reference_date = ANY({dates}::date[]) AND received_readings > 0 AND NOT is_constant AND {recounted}
), last_half_hour AS MATERIALIZED (
  -- Read as a whole: looked up one by one for most meterpoints it takes twice as long.
  SELECT reference_date, meterpoint_id, consumption_delta FROM {readings}
  WHERE interval_start = ANY({last}) AND reference_date = ANY({dates}::date[]) AND {recounted}
)
SELECT reference_date, meterpoint_id, true AS may_rise, false AS may_catch_up, false AS may_be_whole
FROM day LEFT JOIN last_half_hour USING (reference_date, meterpoint_id)
WHERE may_rise AND coalesce(consumption_delta = largest_reading_kwh, true)
UNION ALL
SELECT reference_date, meterpoint_id, false, true, false FROM day
WHERE received_readings >= {fewest} AND zero_readings >= {zeros} AND energetic > {others}
  AND 2 * largest_reading_kwh * (energetic - 1) >= ({zeros} + 1) * (total_consumption_kwh - largest_reading_kwh)
UNION ALL
SELECT reference_date, meterpoint_id, false, false, true FROM day
WHERE energetic >= {others} AND total_consumption_kwh >= {whole} * energetic
"""

_ODD_READINGS: Final = """
CREATE TEMP TABLE odd_readings AS
SELECT reading.reference_date, reading.meterpoint_id, interval_start, consumption_delta, source_file_id, may_rise,
       may_catch_up, may_be_whole
FROM odd_days JOIN {readings} AS reading
  ON (reading.meterpoint_id, reading.reference_date) = (odd_days.meterpoint_id, odd_days.reference_date)
WHERE reading.reference_date = ANY({dates}::date[])
"""


def values_only_rise(inspection: Inspection) -> Finding:
    """Meterpoints whose values never fall through a day and rise ten times: a register's, not its differences."""
    rows = inspection.rows(
        """
        SELECT reference_date, source_file_id, count(*), trim_scale(sum(kwh)), trim_scale(sum(used)) FROM (
          SELECT reference_date, min(source_file_id) AS source_file_id, sum(consumption_delta) AS kwh,
                 max(consumption_delta) - min(consumption_delta) AS used
          FROM (SELECT *, consumption_delta - lag(consumption_delta) OVER (
                  PARTITION BY reference_date, meterpoint_id ORDER BY interval_start) AS step
                FROM {odd_readings} WHERE may_rise) AS stepped
          GROUP BY reference_date, meterpoint_id
          HAVING min(step) >= 0 AND count(*) FILTER (WHERE step > 0) >= {rises}
        ) AS rising
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        odd_readings=inspection.once(odd_readings),
        rises=sql.Literal(FEWEST_RISES),
    )
    return _by_file(
        rows,
        what="meterpoint days with values that only rise",
        example=lambda kwh, used: (
            f"values that only rise, {energy(kwh)} stored; if they are a register's, {energy(used)} were used"
        ),
        fact="rising_kwh",
    )


def catch_up_after_zeros(inspection: Inspection) -> Finding:
    """Meterpoints with three hours of zeros or more, and then about what is missing, in one half hour.

    That value is at least twice any other of the day. It is between half of and twice the mean of the others, times
    the half hours it stands for; where the zeros begin with the day, any more is as odd.
    """
    rows = inspection.rows(
        """
        SELECT reference_date, source_file_id, count(*), trim_scale(sum(consumption_delta)), sum(zeros)::bigint
        FROM (SELECT *, count(*) OVER (PARTITION BY reference_date, meterpoint_id, energetic_before) - 1 AS zeros
              FROM (SELECT reference_date, meterpoint_id, source_file_id, interval_start, consumption_delta,
                           count(*) FILTER (WHERE consumption_delta > 0) OVER earlier AS energetic_before,
                           count(*) FILTER (WHERE consumption_delta > 0) OVER day AS energetic,
                           sum(consumption_delta) OVER day - consumption_delta AS others,
                           nth_value(consumption_delta, 2) OVER largest_first AS second
                    FROM {odd_readings} WHERE may_catch_up
                    WINDOW day AS (PARTITION BY reference_date, meterpoint_id),
                           earlier AS (PARTITION BY reference_date, meterpoint_id ORDER BY interval_start
                                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                           largest_first AS (PARTITION BY reference_date, meterpoint_id ORDER BY consumption_delta DESC
                                             ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) AS placed
             ) AS counted
        WHERE consumption_delta >= 2 * second AND zeros >= {zeros}
          AND 2 * consumption_delta * (energetic - 1) >= (zeros + 1) * others
          AND (consumption_delta * (energetic - 1) <= 2 * (zeros + 1) * others OR energetic_before = 0)
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        odd_readings=inspection.once(odd_readings),
        zeros=sql.Literal(FEWEST_ZEROS),
    )
    return _by_file(
        rows,
        what="meterpoint days with zeros and then a catch-up",
        example=lambda kwh, zeros: (
            f"{zeros:,} zeros and then {energy(kwh)} in one half hour: the half hours before it are missing, not zero"
        ),
        fact="caught_up_kwh",
    )


def whole_numbers(inspection: Inspection) -> Finding:
    """Meterpoints whose values of a day are whole numbers, and far too many kWh for a home: Wh instead of kWh."""
    rows = inspection.rows(
        """
        SELECT reference_date, source_file_id, count(*), trim_scale(sum(kwh)), trim_scale(sum(kwh) / 1000) FROM (
          SELECT reference_date, min(source_file_id) AS source_file_id, sum(consumption_delta) AS kwh
          FROM {odd_readings} WHERE may_be_whole
          GROUP BY reference_date, meterpoint_id
          HAVING bool_and(consumption_delta = trunc(consumption_delta))
        ) AS whole
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        odd_readings=inspection.once(odd_readings),
    )
    return _by_file(
        rows,
        what="meterpoint days with whole numbers that are too large",
        example=lambda kwh, used: (
            f"nothing but whole numbers, {energy(kwh)} stored; if they are Wh, {energy(used)} were used"
        ),
        fact="whole_number_kwh",
    )


def same_half_hour_missing(inspection: Inspection) -> Finding:
    """Half hours that are missing for nearly all meterpoints of a date: a fault of the query, not of meters.

    Nearly all are 95 of 100, of two meterpoints or more that sent something. Where more than four half hours are missing
    for all, the date is not complete yet, which `completeness` tells.
    """
    rows = inspection.rows(
        """
        SELECT reference_date, sending,
               coalesce((SELECT jsonb_object_agg(extract(epoch FROM datetime)::bigint, meterpoint_count)
                         FROM {half_hours} WHERE reference_date = sent.reference_date), '{{}}')
        FROM (SELECT reference_date, count(*) AS sending FROM {completeness}
              WHERE reference_date = ANY(%(dates)s) AND received_readings > 0 GROUP BY 1) AS sent
        WHERE sending > 1 ORDER BY 1
        """,
        completeness=_COMPLETENESS,
        half_hours=tables.HALF_HOURLY_CONSUMPTION,
    )
    failing: dict[date | None, int] = {}
    missing: dict[str, list[date]] = defaultdict(list)
    for day, sending, counts in rows:
        came = {start: counts.get(str(int(start.timestamp())), 0) for start in _half_hours(inspection, day)}
        empty = [start for start, count in came.items() if 20 * count <= sending]
        if 0 < len(empty) <= MOST_MISSING_FOR_ALL:
            failing[day] = sum(sending - came[start] for start in empty)
            for start in empty:
                missing[f"{settlement.local_label(start, inspection.settings.zone):%H:%M}"].append(day)
    return Finding(
        failing=failing,
        what="readings of half hours that are missing for all",
        examples=[
            f"{label} is missing for nearly all meterpoints on {', '.join(map(str, days[:3]))}"
            f"{f' and {len(days) - 3:,} more dates' if len(days) > 3 else ''}: "  # noqa: PLR2004 - a line
            "look at the query that made the files, not at meters"
            for label, days in sorted(missing.items())
        ],
    )


def odd_readings(inspection: Inspection) -> sql.Identifier:
    """The readings of meterpoints whose day may be odd, for all checks of this module.

    A temporary table: reference_date, meterpoint_id, interval_start, consumption_delta, source_file_id, and in
    which way it may be odd.
    """
    last = [_half_hours(inspection, day)[-1] for day in inspection.dates]
    named: dict[str, sql.Composable] = {
        "completeness": _COMPLETENESS.identifier,
        "readings": tables.RAW_METER_READINGS.identifier,
        "dates": sql.Literal(list(inspection.dates)),
        "recounted": inspection.recounted,
        "fewest": sql.Literal(FEWEST_OF_A_DAY),
        "rises": sql.Literal(FEWEST_RISES),
        "zeros": sql.Literal(FEWEST_ZEROS),
        "others": sql.Literal(FEWEST_OTHERS),
        "whole": sql.Literal(WHOLE_KWH),
        "last": sql.SQL("{}::timestamptz[]").format(sql.Literal(last)),
    }
    for name, query in (("odd_days", _ODD_DAYS), ("odd_readings", _ODD_READINGS)):
        table = sql.Identifier("pg_temp", name)
        inspection.connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        inspection.connection.execute(sql.SQL(query).format(**named))
        inspection.connection.execute(sql.SQL("ANALYZE {}").format(table))
    return sql.Identifier("pg_temp", "odd_readings")


def _half_hours(inspection: Inspection, day: date) -> list[datetime]:
    zone = inspection.settings.zone
    start = settlement.day_start(day, zone)
    return [start + number * settlement.HALF_HOUR for number in range(settlement.periods(day, zone))]


def _by_file(rows: list[tuple[Any, ...]], *, what: str, example: Callable[[Decimal, Any], str], fact: str) -> Finding:
    """A finding of meterpoint days, with an example for each date and file.

    Args:
        rows: reference date, source file, meterpoint days, kWh, and a figure for the example's words.
        what: what is counted.
        example: the words, from kWh and that figure.
        fact: the name under which the kWh of all are plotted.
    """
    return Finding(
        failing=per_date((day, meterpoints) for day, _, meterpoints, *_ in rows),
        what=what,
        examples=[
            f"{day}, source file {number}: {meterpoints:,} x {example(kwh, figure)}"
            for day, number, meterpoints, kwh, figure in rows
        ],
        facts={fact: float(sum(row[3] for row in rows))} if rows else {},
    )


CHECKS: Final = (
    Check(_COMPLETENESS, "values_only_rise", WARN, values_only_rise, of_each_reading=True),
    Check(_COMPLETENESS, "catch_up_after_zeros", WARN, catch_up_after_zeros, of_each_reading=True),
    Check(_COMPLETENESS, "whole_numbers", WARN, whole_numbers, of_each_reading=True),
    Check(_COMPLETENESS, "same_half_hour_missing", WARN, same_half_hour_missing),
)
