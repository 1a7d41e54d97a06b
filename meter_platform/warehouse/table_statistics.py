"""What Postgres knows of the rows of a table, for its plans.

What belongs here: having samples taken of rows that were just written. What does not: samples for people (`samples.py`).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from psycopg import sql

from meter_platform.warehouse.sessions import Session

_STATISTICS_TARGET: Final = 20
"""Makes `ANALYZE` sample 6,000 rows, enough to estimate how many meterpoints there are; Postgres's default samples 30,000."""

SMALL_SAMPLES: Final = sql.SQL("SET default_statistics_target = {}").format(sql.Literal(_STATISTICS_TARGET))
"""Has a session take such samples."""

_SAMPLE_OF_A_TARGET: Final = 300
"""Rows in `ANALYZE`'s sample for each of the target's number."""


def analyse(writer: Session, table: sql.Identifier) -> None:
    """Gives Postgres statistics of rows that have just been written.

    With the statistics from before, the first queries on a new date would be planned for an empty table. A small sample
    tells the sizes without reading a large table whole; autovacuum takes a larger one later.
    """
    _analyse(writer, [table], target=_STATISTICS_TARGET)


def analyse_all(writer: Session, filled: Iterable[tuple[sql.Identifier, int]]) -> None:
    """Gives Postgres statistics of several tables, in few statements: of few rows a sample of a tenth is enough.

    Args:
        writer: the session.
        filled: each table, and how many rows it has.
    """
    tables_of: dict[int, list[sql.Identifier]] = {}
    for table, count in filled:
        target = min(max(count // (10 * _SAMPLE_OF_A_TARGET), 1), _STATISTICS_TARGET)
        tables_of.setdefault(target, []).append(table)
    for target, together in tables_of.items():
        _analyse(writer, together, target=target)


def _analyse(writer: Session, together: Sequence[sql.Identifier], *, target: int) -> None:
    writer.execute(sql.SQL("SET LOCAL default_statistics_target = {}").format(sql.Literal(target)))
    writer.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(together)))
