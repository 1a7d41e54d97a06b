"""What a contender stored, in a form that can be compared: a benchmark of wrong answers is worth nothing.

What belongs here: counts, exact totals and digests of the stored tables, and holding contenders to each other.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import psycopg
from psycopg import sql

_READINGS: Final = """
SELECT count(*)::text AS readings, trim_scale(sum(consumption_delta))::text AS readings_kwh,
       count(DISTINCT reference_date)::text AS reference_dates
FROM {raw}.raw_meter_readings
"""

_ANALYTICS: Final = """
SELECT (SELECT count(*) FROM {raw}.raw_agreements)::text AS raw_agreements,
       (SELECT count(*) FROM {raw}.raw_products)::text AS raw_products,
       (SELECT count(*) FROM {raw}.raw_meterpoints)::text AS raw_meterpoints,
       (SELECT md5(string_agg(concat_ws('|', reference_date, agreement_id, display_name, is_variable, is_export,
                              is_sole), ';'
                              ORDER BY reference_date, agreement_id))
        FROM {analytics}.active_agreements) AS active_agreements,
       (SELECT count(*) FROM {analytics}.half_hourly_consumption)::text AS half_hours,
       (SELECT trim_scale(sum(total_consumption_kwh)) FROM {analytics}.half_hourly_consumption)::text AS half_hour_kwh,
       (SELECT md5(string_agg(concat_ws('|', extract(epoch FROM datetime)::bigint, reference_date, settlement_period,
                              meterpoint_count, trim_scale(total_consumption_kwh), trim_scale(import_consumption_kwh),
                              trim_scale(export_consumption_kwh)), ';' ORDER BY datetime))
        FROM {analytics}.half_hourly_consumption) AS half_hourly_consumption,
       (SELECT trim_scale(sum(total_consumption_kwh)) FROM {analytics}.daily_product_consumption)::text AS product_kwh,
       (SELECT md5(string_agg(concat_ws('|', reference_date, product_display_name, is_export, meterpoint_count,
                              trim_scale(total_consumption_kwh)), ';'
                              ORDER BY reference_date, product_display_name COLLATE "C"))
        FROM {analytics}.daily_product_consumption) AS daily_product_consumption,
       (SELECT md5(string_agg(concat_ws('|', reference_date, meterpoint_id, reading_count, reason,
                              days_since_last_agreement, trim_scale(total_consumption_kwh)), ';'
                              ORDER BY reference_date, meterpoint_id COLLATE "C"))
        FROM {analytics}.unattributed_consumption) AS unattributed_consumption,
       (SELECT md5(string_agg(concat_ws('|', reference_date, meterpoint_id, expected_readings, received_readings,
                              rejected_readings, zero_readings, is_constant, trim_scale(total_consumption_kwh)), ';'
                              ORDER BY reference_date, meterpoint_id COLLATE "C"))
        FROM {analytics}.meterpoint_completeness) AS meterpoint_completeness
"""

_STORED_BYTES: Final = """
SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree(%s::regclass) WHERE isleaf
"""


class WrongFiguresError(Exception):
    """Contenders do not agree on what the input says."""


def readings_facts(connection: psycopg.Connection[Any], schema: str) -> dict[str, str]:
    """Counts and the total of the stored readings."""
    return _row(connection, sql.SQL(_READINGS).format(raw=sql.Identifier(schema)))


def all_facts(connection: psycopg.Connection[Any], raw: str, analytics: str) -> dict[str, str]:
    """The same, and a digest of every analytics table.

    Args:
        connection: to the database.
        raw: the schema of the raw tables.
        analytics: the schema of the analytics tables.
    """
    query = sql.SQL(_ANALYTICS).format(raw=sql.Identifier(raw), analytics=sql.Identifier(analytics))
    return readings_facts(connection, raw) | _row(connection, query)


def stored_bytes(connection: psycopg.Connection[Any], schema: str) -> int:
    """What the stored readings take on disk, with their key: of the table, and of its partitions where it has some."""
    (found,) = connection.execute(_STORED_BYTES, [f"{schema}.raw_meter_readings"]).fetchone() or (0,)
    return int(found)


def compare(facts: Mapping[str, Mapping[str, str]], *, readings: int, kwh: str) -> None:
    """Holds the contenders' facts to each other and to what was generated.

    Args:
        facts: of each contender; one may know fewer than another.
        readings: rows that were generated.
        kwh: their exact total.

    Raises:
        WrongFiguresError: naming the contenders and what they differ in.
    """
    total = f"{Decimal(kwh).normalize():f}"
    expected = {"readings": str(readings), "readings_kwh": total, "half_hour_kwh": total}
    origin = dict.fromkeys(expected, "the generated input")
    for contender, found in facts.items():
        for name, value in found.items():
            wanted = expected.setdefault(name, value)
            origin.setdefault(name, contender)
            if value != wanted:
                raise WrongFiguresError(f"{name}: {contender} has {value}, {origin[name]} has {wanted}")


def _row(connection: psycopg.Connection[Any], query: sql.Composed) -> dict[str, str]:
    cursor = connection.execute(query)
    row = cursor.fetchone()
    if row is None or cursor.description is None:
        raise WrongFiguresError("nothing was stored")
    return {column.name: str(value) for column, value in zip(cursor.description, row, strict=True)}
