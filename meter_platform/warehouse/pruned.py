"""Reference dates that were pruned: nothing is stored of them again, and the catalogue accounts for their rows.

What belongs here: what follows for whoever stores a date, and for the catalogue. What does not: which dates are pruned, and
deleting their rows (`ingestion/retention.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

from psycopg import sql

from meter_platform.errors import PermanentError

ANY: Final = sql.SQL("SELECT FROM raw_data.pruned_dates LIMIT 1")
"""A row where any date was pruned."""


def among(days: Iterable[date]) -> sql.Composed:
    """The query for those of some dates that were pruned, in order, and when."""
    return sql.SQL(
        "SELECT reference_date, pruned_at FROM raw_data.pruned_dates WHERE reference_date = ANY({}::date[]) ORDER BY 1"
    ).format(sql.Literal(list(days)))


def refusal(day: date) -> PermanentError:
    """What to say to whoever wants to store a date that was pruned."""
    return PermanentError(
        f"{day} was pruned, for it was older than METER_PLATFORM_KEEP_READINGS_DAYS allows: nothing is stored of it again "
        "(docs/operating/retention.md says how to have it back)."
    )


_ALL: Final = sql.SQL("true")

_REJECTED: Final = """
WITH gone AS (
  DELETE FROM raw_data.rejected_readings WHERE reference_date IN (SELECT reference_date FROM raw_data.pruned_dates)
    AND {dates} AND {files} RETURNING source_file_id, reference_date
), counted AS (
  SELECT source_file_id, reference_date, count(*) AS rows FROM gone GROUP BY 1, 2
), versions AS (
  UPDATE raw_data.source_file_versions AS version SET rows_rejected = rows_rejected - of_file.rows
  FROM (SELECT source_file_id, sum(rows)::bigint AS rows FROM counted GROUP BY 1) AS of_file
  WHERE version.source_file_id = of_file.source_file_id
)
INSERT INTO raw_data.source_file_dates AS dates (source_file_id, reference_date, rows_accepted, rows_stored,
                                                 rows_redelivered, rows_replaced, rows_withdrawn, rows_pruned)
SELECT source_file_id, reference_date, rows, 0, 0, 0, 0, 0 FROM counted
ON CONFLICT (reference_date, source_file_id) DO UPDATE SET rows_accepted = dates.rows_accepted + excluded.rows_accepted
"""
"""Rejected rows of a pruned date count as rows of the date: they are pruned with the others."""

_OTHERS: Final = """
UPDATE raw_data.source_file_dates
SET rows_pruned = rows_accepted, rows_stored = 0, rows_redelivered = 0, rows_replaced = 0, rows_withdrawn = 0,
    loaded_at = coalesce(loaded_at, now())
WHERE reference_date IN (SELECT reference_date FROM raw_data.pruned_dates) AND rows_pruned < rows_accepted
  AND {dates} AND {files}
"""


def account(*, days: Sequence[date] | None = None, files: Sequence[int] | None = None) -> Iterator[sql.Composed]:
    """The statements after which the catalogue accounts for the rows of pruned dates as pruned.

    They belong into the transaction that puts the dates, or the files, on record.

    Args:
        days: only of these dates.
        files: only of these file versions.
    """
    parts = {
        "dates": _ALL if days is None else sql.SQL("reference_date = ANY({}::date[])").format(sql.Literal(list(days))),
        "files": _ALL
        if files is None
        else sql.SQL("source_file_id = ANY({}::bigint[])").format(sql.Literal(list(files))),
    }
    for statement in (_REJECTED, _OTHERS):
        yield sql.SQL(statement).format(**parts)
