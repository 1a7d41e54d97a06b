"""Lets everybody see what has come for a date: at once, and together with what the catalogue says of it.

Few rows are put into the table that has the date's readings, in one transaction: readers see all of it or nothing, and
nobody waits. For many rows that would take longer than to make another table of old rows and new ones, which then takes
the place of the old one.

What belongs here: the choice between the two ways, and their steps. What does not: which of several deliveries counts
(`merge.py`), and how a table takes the place of another (`warehouse/child_tables.py`).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from psycopg import sql

from meter_platform.ingestion import catalogue, merge
from meter_platform.ingestion.new_rows import RowsOfFirstLoads
from meter_platform.lake.lake import Lake
from meter_platform.warehouse import child_tables, partition_notes, tables
from meter_platform.warehouse.changes import LARGE_DATE
from meter_platform.warehouse.child_tables import Child
from meter_platform.warehouse.sessions import Session

_TABLE: Final = tables.RAW_METER_READINGS


@dataclass(frozen=True, slots=True)
class InPlace:
    """Which dates change in place; `docs/decisions/corrections.md` has the measurements.

    Attributes:
        most: new rows, per stored row, up to which putting them in takes less time than making another table.
        least: stored rows from which a date does.
    """

    most: float = 0.1
    least: int = LARGE_DATE


@dataclass(frozen=True, slots=True)
class Arrival:
    """What has come for a date.

    Attributes:
        new: the new rows, in a table that nobody sees.
        versions: which delivered them.
        started: when the load began.
        recorded: done when the catalogue has the versions.
    """

    new: Child
    versions: Sequence[int]
    started: datetime
    recorded: Future[None]


def publish_date(writer: Session, come: Arrival, *, in_place: InPlace, lake: Lake | None = None) -> None:
    """Makes new rows of a date part of its readings; visible once the transaction is committed.

    Args:
        writer: in whose transaction that happens; it made the table of new rows, which is of no more use then.
        come: the new rows.
        in_place: which dates change in place.
        lake: gets the date's readings before anybody sees them here.

    Raises:
        PartitionBusyError: the table was being read all the time, and could not be replaced.
        LakeUnavailableError: the lake's store does not answer.
    """
    old = child_tables.attached_child(writer, _TABLE, come.new.day)
    if old and _are_few(writer, come.new, in_place):
        _change_in_place(writer, come, old, lake)
    else:
        _replace(writer, come, old, lake)


def publish_first_loads(
    writer: Session,
    rows: RowsOfFirstLoads,
    deliveries: Mapping[date, Sequence[int]],
    recorded: Future[None],
    *,
    lake: Lake | None = None,
) -> dict[date, int]:
    """Publishes dates that have no readings yet, in one transaction: a year of small dates costs little more than one.

    Args:
        writer: in whose transaction that happens, which it commits.
        rows: the new rows.
        deliveries: for each date the versions that deliver new rows. Dates without are left without readings.
        recorded: done when the catalogue has the versions.
        lake: gets the readings before anybody sees them here.

    Returns:
        How many readings each date has.

    Raises:
        PartitionBusyError: others changed the table's partitions all the time.
    """
    empty = [day for day in rows.dates if not deliveries.get(day)]
    for day in empty:
        rows.drop(day)
    children = [rows.child(day) for day in rows.dates if deliveries.get(day)]
    repeated = [child for child in children if not _add_key(writer, child)]
    recorded.result()
    catalogue.mark_all_loaded(writer, {child.day: deliveries[child.day] for child in children}, started=rows.started)
    for child in repeated:
        _resolve_repeats(writer, child, rows.started)
    stored = catalogue.stored_rows_of(writer, rows.dates)
    writer.execute(
        partition_notes.noted(_TABLE.name, {child.day: stored[child.day] for child in children}, loaded_at=rows.started)
    )
    if lake:
        lake.put(writer, _TABLE, {child.day: child.identifier for child in children})
    child_tables.publish_all(writer, children, rows=stored)
    writer.execute(partition_notes.mended(_TABLE.name, empty))
    writer.commit()
    return stored


def _are_few(writer: Session, new: Child, in_place: InPlace) -> bool:
    """Whether new rows are few for what their date has."""
    stored = catalogue.stored_rows(writer, new.day)
    if stored < in_place.least:
        return False
    limit = int(in_place.most * stored)
    # Counting goes no further than it matters.
    counted = writer.fetch(
        sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS new").format(new.identifier, sql.Literal(limit + 1))
    )
    return bool(counted[0][0] <= limit)


def _change_in_place(writer: Session, come: Arrival, old: Child, lake: Lake | None) -> None:
    """Puts the new rows into the table that has the date's readings, and takes out those that they replace."""
    child_tables.complete(writer, come.new)
    come.recorded.result()
    catalogue.mark_loaded(writer, [old.day], come.versions, started=come.started, are_stored=False)
    merge.add_in_place(writer, come.new, old, now=come.started)
    if lake:
        lake.put(writer, _TABLE, {old.day: old.identifier})
    writer.execute(sql.SQL("DROP TABLE {}").format(come.new.identifier))


def _replace(writer: Session, come: Arrival, old: Child | None, lake: Lake | None) -> None:
    """Completes the new table with what is stored, resolves half hours that stand twice in it, and publishes it."""
    new = come.new
    if old:
        child_tables.append_date(writer, new, old)
    has_key = _add_key(writer, new)
    come.recorded.result()
    catalogue.mark_loaded(writer, [new.day], come.versions, started=come.started)
    if not has_key:
        _resolve_repeats(writer, new, come.started)
    stored = {new.day: catalogue.stored_rows(writer, new.day)}
    writer.execute(partition_notes.noted(_TABLE.name, stored, loaded_at=come.started))
    if lake:  # while nobody waits yet for a lock of the table that everybody reads
        lake.put(writer, _TABLE, {new.day: new.identifier})
    child_tables.publish(writer, new, old)


def _add_key(writer: Session, child: Child) -> bool:
    """Completes a child and adds its key, which proves that every half hour was delivered once: nearly always it was.

    Where meters differ the key proves nothing: a half hour may have been delivered by a meter's name and without.
    """
    meters_differ = child.left_out is not None and "serial" in child.left_out.names
    child_tables.complete(writer, child)
    return not meters_differ and child_tables.add_key(writer, child)


def _resolve_repeats(writer: Session, child: Child, started: datetime) -> None:
    """Leaves one value of each half hour in a child, and adds its key."""
    merge.resolve_repeats(writer, child, now=started)
    if not child_tables.add_key(writer, child):
        raise RuntimeError(f"{_TABLE.qualified_name} of {child.day} has a key twice after repeats were resolved")
