"""Publishes the rows of reference dates: whole, in one transaction, or not at all.

What belongs here: replacing the rows of dates in a small table, and what is reported of it. What does not: which rows there
are (assets and `ingestion/` say), the contract (`validation.py` checks), tables with a child for each date (`child_tables.py`).

Small tables replace a date's rows in place. A natively partitioned table gets a new child for the date, which is filled and
indexed before anyone sees it, and then takes the place of the old child in a moment. A reader sees the old rows or the new
ones, whenever it looks and however the writer ends. Two writers of one date wait for each other.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform.warehouse import partition_notes
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.date_locks import lock_dates, refuse_pruned
from meter_platform.warehouse.sessions import Session, begin
from meter_platform.warehouse.table_statistics import analyse
from meter_platform.warehouse.tables import Table
from meter_platform.warehouse.validation import REPEATED_KEY, ContractViolationError, Violation, validate


@dataclass(slots=True)
class StoreReport:
    """What was stored.

    Attributes:
        rows_per_date: how many rows each reference date has now.
        facts: further facts for people, by their names.
        unchanged: dates that were left as they were because there was nothing new for them.
    """

    rows_per_date: dict[date, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    unchanged: frozenset[date] = frozenset()


def replace_rows(
    database: Database,
    table: Table,
    frames: Iterable[pd.DataFrame | pa.Table],
    dates: Sequence[date],
    *,
    sources: Mapping[date, str] | None = None,
    rules: str = "",
    before_commit: Callable[[Session, Table, Sequence[date]], None] | None = None,
) -> StoreReport:
    """Replaces the rows of `dates` in a small table by those of `frames`.

    Args:
        database: the one with the table.
        table: not a natively partitioned one.
        frames: the new rows, whole or in chunks; each chunk is validated before it is written.
        dates: the reference dates that are replaced. Rows of other dates break the contract.
        sources: what each date was computed from, by `lineage.built_from`.
        rules: what it was computed by, by `lineage.rules_digest`.
        before_commit: done when the new rows are in the table, and nobody sees them yet.

    Raises:
        ContractViolationError: the rows break the contract; the stored ones are as they were.
        LockHeldError: another process writes one of the dates all the time.
        PermanentError: one of the dates was pruned.
    """
    counts: Counter[date] = Counter(dict.fromkeys(dates, 0))
    # In a single frame pandera checks the key, with a better message; over several chunks only Postgres can.
    single = isinstance(frames, list | tuple) and len(frames) == 1

    def validated() -> Iterator[pa.Table]:
        for frame in frames:
            rows = validate(table, frame, unique=single)
            _only(table, rows, dates)
            for item in pc.value_counts(rows["reference_date"]).to_pylist():
                counts[item["values"]] += item["counts"]
            yield rows

    started = datetime.now(UTC)
    with begin(database) as writer:
        lock_dates(writer, table, dates)
        refuse_pruned(writer, dates)
        writer.execute(
            sql.SQL("DELETE FROM {} WHERE reference_date = ANY({}::date[])").format(
                table.identifier, sql.Literal(list(dates))
            )
        )
        with _key_violations(table):
            writer.copy_stream(table.identifier, table.arrow_schema.names, validated())
        writer.execute(partition_notes.noted(table.name, counts, loaded_at=started, sources=sources, rules=rules))
        if before_commit:
            before_commit(writer, table, dates)
        writer.commit()
        analyse(writer, table.identifier)
        writer.commit()
    return StoreReport(rows_per_date=dict(counts))


@dataclass(frozen=True, slots=True)
class StoredRows:
    """What an asset returns when the load of another asset has stored its rows already: they are counted, not written."""

    table: Table

    def store(self, database: Database, dates: Sequence[date]) -> StoreReport:
        """Counts the rows of the dates, and notes that the table did not fail for them."""
        counts = dict.fromkeys(dates, 0)
        with begin(database) as reader:
            reader.execute(partition_notes.mended(self.table.name, dates))
            found = reader.fetch(
                sql.SQL(
                    "SELECT reference_date, count(*) FROM {} WHERE reference_date = ANY({}::date[]) GROUP BY 1"
                ).format(self.table.identifier, sql.Literal(list(dates)))
            )
            reader.commit()
        return StoreReport(rows_per_date=counts | dict(found))


def _only(table: Table, rows: pa.Table, dates: Sequence[date]) -> None:
    other = pc.invert(pc.is_in(rows["reference_date"], pa.array(dates, pa.date32())))
    count = pc.sum(other).as_py() or 0
    if count:
        examples = ", ".join(map(str, pc.unique(rows["reference_date"].filter(other)).slice(0, 5).to_pylist()))
        raise ContractViolationError(
            table.qualified_name,
            [Violation("reference_date", "the date is not one of the partitions being stored", count, examples)],
        )


@contextmanager
def _key_violations(table: Table) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation:
        raise ContractViolationError(
            table.qualified_name, [Violation(", ".join(table.key), REPEATED_KEY, 1, "")]
        ) from None
