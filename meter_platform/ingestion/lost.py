"""Deliveries that got lost: files deleted before they were loaded, and dates whose stored readings somebody dropped.

What belongs here: noting what is lost, so that checks and `status` can say so and no load expects it. What does not: finding
out what is there (`scan.py`), and saying so (`orchestration/checks/`, `status.py`).
"""

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from psycopg import sql

from meter_platform.feeds.files import ListedFile
from meter_platform.warehouse import finished, tables
from meter_platform.warehouse.partitions import Session

_DELETED: Final = tables.DELETED_FILES.identifier

_FORGET: Final = (
    """
    CREATE TEMP TABLE forgotten ON COMMIT DROP AS
    SELECT reference_date, source_file_id
    FROM raw_data.source_file_dates AS dates JOIN raw_data.source_file_versions AS version USING (source_file_id)
    WHERE reference_date = ANY({days}::date[]) AND loaded_at IS NOT NULL AND rows_withdrawn = 0
      AND (rows_stored > 0 OR (url, stamp) IN (SELECT * FROM unnest({urls}::text[], {stamps}::text[])))
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


def note_deleted(ledger: Session, pending: Mapping[tuple[date, int], str], listed: Container[str]) -> int:
    """Notes which versions with rows that wait have been deleted, and which deleted ones are back.

    A version that was overwritten is none of them: what came in its place is loaded.

    Args:
        ledger: in whose transaction.
        pending: each date and version with rows that were not loaded, and the version's URL.
        listed: the URLs of the files that are there.

    Returns:
        How many of the versions are deleted.
    """
    gone = {pair for pair, url in pending.items() if url not in listed}
    known = {
        (day, number)
        for day, number in ledger.fetch(sql.SQL("SELECT reference_date, source_file_id FROM {}").format(_DELETED))
    }
    if new := sorted(gone - known):
        ledger.execute(
            sql.SQL("INSERT INTO {} SELECT day, number, {} FROM {} ON CONFLICT DO NOTHING").format(
                _DELETED, sql.Literal(datetime.now(UTC)), _pairs(new)
            )
        )
    if back := sorted(known.intersection(pending) - gone):
        ledger.execute(
            sql.SQL("DELETE FROM {} USING {} WHERE (reference_date, source_file_id) = (day, number)").format(
                _DELETED, _pairs(back)
            )
        )
    return len({number for _, number in gone})


def _pairs(pairs: Sequence[tuple[date, int]]) -> sql.Composed:
    """Dates and versions as a table of them."""
    days, numbers = zip(*pairs, strict=True)
    return sql.SQL("unnest({}::date[], {}::bigint[]) AS pair(day, number)").format(
        sql.Literal(list(days)), sql.Literal(list(numbers))
    )


def forget_dates(ledger: Session, dates: Sequence[date], listed: Mapping[str, ListedFile]) -> list[date]:
    """Lets the catalogue know that the stored readings of some dates are gone, so that their files are read again.

    Somebody dropped the table, or the date's child. What the files say that are still there is loaded like new; what
    only overwritten versions said is lost: in the catalogue its rows stay pending. Versions of which
    rows were withdrawn are not read again: what was withdrawn must not come back with the rest of its file.

    Args:
        ledger: in whose transaction.
        dates: that are to be loaded.
        listed: the files that are there, by URL.

    Returns:
        Which of the dates were lost.
    """
    lost = [day for (day,) in ledger.fetch(finished.lost_dates(dates))]
    if lost:
        parts = {
            "days": sql.Literal(lost),
            "urls": sql.Literal(list(listed)),
            "stamps": sql.Literal([file.stamp for file in listed.values()]),
        }
        for statement in _FORGET:
            ledger.execute(sql.SQL(statement).format(**parts))
    return lost
