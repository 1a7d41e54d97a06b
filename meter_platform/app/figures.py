"""The figures of the app's pages, aggregated where the data is: one query each, over a range of reference dates.

What belongs here: SQL that reads the platform's tables and returns as many rows as a picture has points. What never does:
what is published of them (`app/privacy.py`), and drawing. Sums are exact; a date or a half hour without data has no
row, for missing is not zero.

Every figure takes the reader and the range's first and last date, both included.
"""

from datetime import date
from typing import TYPE_CHECKING, Final, LiteralString, Protocol

from psycopg import sql

from meter_platform.rules.in_force import EVER_IN_FORCE
from meter_platform.warehouse.reader import Reader
from meter_platform.warehouse.running_date import expected_so_far

if TYPE_CHECKING:
    import pyarrow as pa


MOST_FILES: Final = 1_000
"""File versions that `files` returns: a person reads no more, and the table `source_files` has them all."""

_MOST_GROUPS: Final = 5_000
"""Rows of a figure that is grouped by file, at most."""


class Figure(Protocol):
    """A function of this module."""

    __name__: str

    def __call__(self, reader: Reader, first: date, last: date, /) -> "pa.Table":
        """The figure's rows."""


def _over(reader: Reader, first: date, last: date, query: LiteralString, **limits: int) -> "pa.Table":
    return reader.fetch(query, {"first": first, "last": last, **limits})


def consumption_by_day(reader: Reader, first: date, last: date) -> "pa.Table":
    """Energy and readings of each date.

    Returns:
        reference_date, reading_count, most_meterpoints and least_meterpoints (of any half hour), half_hours, total_kwh,
        import_kwh, export_kwh.
    """
    return _over(
        reader,
        first,
        last,
        """
SELECT reference_date, sum(meterpoint_count)::bigint AS reading_count, max(meterpoint_count) AS most_meterpoints,
       min(meterpoint_count) AS least_meterpoints, count(*) AS half_hours, sum(total_consumption_kwh) AS total_kwh,
       sum(import_consumption_kwh) AS import_kwh, sum(export_consumption_kwh) AS export_kwh
FROM analytics.half_hourly_consumption
WHERE reference_date BETWEEN %(first)s AND %(last)s
GROUP BY reference_date ORDER BY reference_date""",
    )


def consumption_by_half_hour(reader: Reader, first: date, last: date) -> "pa.Table":
    """Each half hour that has readings.

    Returns:
        datetime (instant), reference_date, settlement_period, meterpoint_count, total_kwh, import_kwh, export_kwh.
    """
    return _over(
        reader,
        first,
        last,
        """
SELECT datetime, reference_date, settlement_period, meterpoint_count, total_consumption_kwh AS total_kwh,
       import_consumption_kwh AS import_kwh, export_consumption_kwh AS export_kwh
FROM analytics.half_hourly_consumption
WHERE reference_date BETWEEN %(first)s AND %(last)s
ORDER BY datetime""",
    )


def completeness_by_day(reader: Reader, first: date, last: date) -> "pa.Table":
    """How much of each date has come.

    Returns:
        reference_date, meterpoint_count, expected (of today the half hours that are over), received and rejected
        (readings), complete_meterpoints (all of the day's half hours), silent_meterpoints (none of them).
    """
    query = sql.SQL("""
SELECT reference_date, count(*) AS meterpoint_count, sum({expected})::bigint AS expected,
       sum(received_readings)::bigint AS received, sum(rejected_readings)::bigint AS rejected,
       count(*) FILTER (WHERE received_readings >= {expected}) AS complete_meterpoints,
       count(*) FILTER (WHERE received_readings = 0) AS silent_meterpoints
FROM analytics.meterpoint_completeness
WHERE reference_date BETWEEN %(first)s AND %(last)s
GROUP BY reference_date ORDER BY reference_date""")
    return reader.fetch(query.format(expected=expected_so_far(reader.timezone)), {"first": first, "last": last})


def products_by_day(reader: Reader, first: date, last: date) -> "pa.Table":
    """Energy of each product and date, and of no product at all, by reason: together the whole energy of the date.

    Returns:
        reference_date, product (or the reason, where kind is "unattributed"), kind ("product", "unattributed"), price
        ("variable", "fixed", "mixed" where ids of one name differ, null where unattributed), is_export,
        meterpoint_count, total_kwh.
    """
    return _over(
        reader,
        first,
        last,
        """
WITH prices AS (
  SELECT reference_date, display_name,
         CASE WHEN min(is_variable) <> max(is_variable) THEN 'mixed'
              WHEN max(is_variable) = 1 THEN 'variable' ELSE 'fixed' END AS price
  FROM raw_data.raw_products WHERE reference_date BETWEEN %(first)s AND %(last)s
  GROUP BY reference_date, display_name
)
SELECT c.reference_date, c.product_display_name AS product, 'product' AS kind, prices.price, c.is_export,
       c.meterpoint_count, c.total_consumption_kwh AS total_kwh
FROM analytics.daily_product_consumption AS c
LEFT JOIN prices ON prices.reference_date = c.reference_date AND prices.display_name = c.product_display_name
WHERE c.reference_date BETWEEN %(first)s AND %(last)s
UNION ALL
SELECT reference_date, reason, 'unattributed', NULL, false, count(*), sum(total_consumption_kwh)
FROM analytics.unattributed_consumption
WHERE reference_date BETWEEN %(first)s AND %(last)s
GROUP BY reference_date, reason
ORDER BY reference_date, kind, product""",
    )


def switches(reader: Reader, first: date, last: date) -> "pa.Table":
    """Meterpoints that went from one agreement to the next, as the newest snapshot of the range has them.

    An agreement follows another where it begins on the day the other ends. A switch on the range's first day counts.

    Returns:
        from_product, to_product (the same where a product was renewed), switch_count; the most frequent first.
    """
    return _over(
        reader,
        first,
        last,
        """
WITH snapshot AS (
  SELECT max(reference_date) AS day FROM raw_data.raw_agreements WHERE reference_date BETWEEN %(first)s AND %(last)s
), agreements AS (
  SELECT a.meterpoint_id, a.agreement_valid_from, a.agreement_valid_to,
         coalesce(p.display_name, 'a product that is not known') AS product
  FROM raw_data.raw_agreements AS a
  JOIN snapshot ON a.reference_date = snapshot.day
  LEFT JOIN raw_data.raw_products AS p ON p.reference_date = snapshot.day AND p.product_id = a.product_id
  WHERE """  # noqa: S608 - a constant
        + EVER_IN_FORCE
        + """
)
SELECT old.product AS from_product, new.product AS to_product, count(*) AS switch_count
FROM agreements AS new
JOIN agreements AS old ON old.meterpoint_id = new.meterpoint_id AND old.agreement_valid_to = new.agreement_valid_from
WHERE new.agreement_valid_from BETWEEN %(first)s AND %(last)s
GROUP BY old.product, new.product ORDER BY switch_count DESC, from_product, to_product""",
    )


def active_agreements(reader: Reader, _first: date, last: date) -> "pa.Table":
    """Agreements in force on the range's last date.

    Returns:
        product, region ("unknown" where the source has none), is_variable, is_export, agreement_count,
        meterpoint_count.
    """
    return reader.fetch(
        """
SELECT a.display_name AS product, coalesce(m.region, 'unknown') AS region, a.is_variable, a.is_export,
       count(*) AS agreement_count, count(DISTINCT a.meterpoint_id) AS meterpoint_count
FROM analytics.active_agreements AS a
LEFT JOIN raw_data.raw_meterpoints AS m ON m.reference_date = %(last)s AND m.meterpoint_id = a.meterpoint_id
WHERE a.reference_date = %(last)s
GROUP BY a.display_name, m.region, a.is_variable, a.is_export ORDER BY product, region""",
        {"last": last},
    )


def agreement_changes(reader: Reader, first: date, last: date) -> "pa.Table":
    """Agreements that begin and end on each date, as the newest snapshot of the range has them.

    Agreements of zero length were never in force, and do neither.

    Returns:
        date, change ("activation", "ending"), agreement_count.
    """
    return _over(
        reader,
        first,
        last,
        """
WITH agreements AS (
  SELECT agreement_valid_from, agreement_valid_to FROM raw_data.raw_agreements
  WHERE reference_date = (
    SELECT max(reference_date) FROM raw_data.raw_agreements WHERE reference_date BETWEEN %(first)s AND %(last)s
  ) AND """  # noqa: S608 - a constant
        + EVER_IN_FORCE
        + """
)
SELECT agreement_valid_from AS date, 'activation' AS change, count(*) AS agreement_count
FROM agreements WHERE agreement_valid_from BETWEEN %(first)s AND %(last)s GROUP BY 1
UNION ALL
SELECT agreement_valid_to, 'ending', count(*)
FROM agreements WHERE agreement_valid_to BETWEEN %(first)s AND %(last)s GROUP BY 1
ORDER BY date, change""",
    )


def rejected(reader: Reader, first: date, last: date) -> "pa.Table":
    """Rejected rows of the range, and those that name no date.

    Returns:
        reference_date (nullable), reason, url, row_count.
    """
    return _over(
        reader,
        first,
        last,
        """
SELECT r.reference_date, r.reason, f.url, count(*) AS row_count
FROM raw_data.rejected_readings AS r
LEFT JOIN raw_data.source_file_versions AS f USING (source_file_id)
WHERE r.reference_date BETWEEN %(first)s AND %(last)s OR r.reference_date IS NULL
GROUP BY r.reference_date, r.reason, f.url ORDER BY row_count DESC, reason, url LIMIT %(most)s""",
        most=_MOST_GROUPS,
    )


def superseded(reader: Reader, first: date, last: date) -> "pa.Table":
    """Values that a newer delivery corrected.

    Returns:
        reference_date, url (of the file whose value was replaced), replaced_by_url, row_count.
    """
    return _over(
        reader,
        first,
        last,
        """
SELECT s.reference_date, old.url, new.url AS replaced_by_url, count(*) AS row_count
FROM raw_data.superseded_readings AS s
LEFT JOIN raw_data.source_file_versions AS old ON old.source_file_id = s.source_file_id
LEFT JOIN raw_data.source_file_versions AS new ON new.source_file_id = s.replaced_by_source_file_id
WHERE s.reference_date BETWEEN %(first)s AND %(last)s
GROUP BY s.reference_date, old.url, new.url ORDER BY row_count DESC, url LIMIT %(most)s""",
        most=_MOST_GROUPS,
    )


def files(reader: Reader, first: date, last: date) -> "pa.Table":
    """The newest `MOST_FILES` file versions with rows of the range, or that are quarantined.

    Returns:
        url, outcome ("read", "malformed", "held_back"), error, delivered_at, size_bytes, rows_in_file, rows_stored,
        rows_rejected, rows_redelivered, rows_replaced, rows_withdrawn, rows_pending, rows_pruned.
    """
    return _over(
        reader,
        first,
        last,
        """
SELECT url, outcome, error, delivered_at, size_bytes, rows_in_file, rows_stored, rows_rejected, rows_redelivered,
       rows_replaced, rows_withdrawn, rows_pending, rows_pruned
FROM raw_data.source_files
WHERE outcome <> 'read'
   OR source_file_id IN (
     SELECT source_file_id FROM raw_data.source_file_dates WHERE reference_date BETWEEN %(first)s AND %(last)s)
ORDER BY outcome, source_file_id DESC LIMIT %(most)s""",
        most=MOST_FILES,
    )


def files_quarantined(reader: Reader, _first: date, _last: date) -> "pa.Table":
    """Files whose newest version is quarantined, whatever dates they would have held.

    Returns:
        url, error, delivered_at, size_bytes; newest first.
    """
    return reader.fetch("""
SELECT url, error, delivered_at, size_bytes FROM raw_data.source_file_versions AS version
WHERE outcome <> 'read' AND NOT EXISTS (
  SELECT FROM raw_data.source_file_versions AS newer
  WHERE newer.url = version.url AND newer.source_file_id > version.source_file_id)
ORDER BY delivered_at DESC, url""")
