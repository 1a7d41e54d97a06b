"""Deliveries that got lost: files deleted before they were loaded, and dates whose stored readings somebody dropped.

What belongs here: noting what is lost, so that checks and `status` can say so and no load expects it. What does not: finding
out what is there (`scan.py`), and saying so (`orchestration/checks/`, `status.py`).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final

from psycopg import sql

from meter_platform.ingestion.listed import ListedFiles
from meter_platform.ingestion.whereabouts import Whereabouts
from meter_platform.warehouse import finished, tables
from meter_platform.warehouse.sessions import Session

_DELETED: Final = tables.DELETED_FILES.identifier

_FORGET: Final = (
    """
    CREATE TEMP TABLE forgotten ON COMMIT DROP AS
    SELECT reference_date, source_file_id
    FROM raw_data.source_file_dates AS dates JOIN raw_data.source_file_versions AS version USING (source_file_id)
    WHERE reference_date = ANY({days}::date[]) AND loaded_at IS NOT NULL AND rows_withdrawn = 0
      AND (rows_stored > 0 OR (url, stamp) IN (SELECT listed.url, listed.stamp FROM {listed} AS listed))
    """,
    """
    DELETE FROM raw_data.superseded_readings AS old USING forgotten
    WHERE (old.reference_date, old.source_file_id) = (forgotten.reference_date, forgotten.source_file_id)
    """,
    """
    DELETE FROM raw_data.redelivered_readings AS old USING forgotten
    WHERE (old.reference_date, old.source_file_id) = (forgotten.reference_date, forgotten.source_file_id)
    """,
    """
    DELETE FROM raw_data.repeated_readings AS old USING forgotten
    WHERE (old.reference_date, old.source_file_id) = (forgotten.reference_date, forgotten.source_file_id)
    """,
    """
    UPDATE raw_data.source_file_dates AS dates
    SET loaded_at = NULL, rows_stored = 0, rows_redelivered = 0, rows_replaced = 0
    FROM forgotten
    WHERE (dates.reference_date, dates.source_file_id) = (forgotten.reference_date, forgotten.source_file_id)
    """,
    "DROP TABLE forgotten",
)

_NOTE_DELETED: Final = """
WITH pending AS MATERIALIZED ({pending}), back AS (
  DELETE FROM {deleted} AS deleted USING pending
  WHERE is_there AND (deleted.reference_date, deleted.source_file_id) = (pending.reference_date, pending.source_file_id)
), gone AS (
  INSERT INTO {deleted} SELECT reference_date, source_file_id, {now} FROM pending WHERE NOT is_there
  ON CONFLICT DO NOTHING
)
SELECT count(DISTINCT source_file_id) FROM pending WHERE NOT is_there
"""


def note_deleted(ledger: Session, whereabouts: Whereabouts, dates: Sequence[date] | None = None) -> int:
    """Notes which versions with rows that wait have been deleted, and which deleted ones are back.

    A version that was overwritten is none of them: what came in its place is loaded.

    Args:
        ledger: in whose transaction.
        whereabouts: what is known of where files are.
        dates: only rows of these; `None` for all.

    Returns:
        How many of the versions are deleted.
    """
    parts = {"pending": whereabouts.of_pending(dates), "deleted": _DELETED, "now": sql.Literal(datetime.now(UTC))}
    ((count,),) = ledger.fetch(sql.SQL(_NOTE_DELETED).format(**parts))
    return int(count)


def forget_dates(ledger: Session, dates: Sequence[date], listed: ListedFiles) -> list[date]:
    """Lets the catalogue know that the stored readings of some dates are gone, so that their files are read again.

    Somebody dropped the table, or the date's child. What the files say that are still there is loaded like new; what
    only overwritten versions said is lost: in the catalogue its rows stay pending. Versions of which
    rows were withdrawn are not read again: what was withdrawn must not come back with the rest of its file.

    Args:
        ledger: in whose transaction.
        dates: that are to be loaded.
        listed: the files that are there, of every folder that holds versions of the dates.

    Returns:
        Which of the dates were lost.
    """
    lost = [day for (day,) in ledger.fetch(finished.lost_dates(dates))]
    if lost:
        for statement in _FORGET:
            ledger.execute(sql.SQL(statement).format(days=sql.Literal(lost), listed=listed.relation))
    return lost
