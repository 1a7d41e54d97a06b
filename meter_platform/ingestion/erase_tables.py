"""What an erasure changes in the tables: a meterpoint's rows get its pseudonym, its agreements other numbers.

What belongs here: the statements, of one date at a time, and the count of what they change. What does not: their order and
their transactions (`erase.py`), names of files (`erase_names.py`).

No id is ever part of a statement, for statements may be logged: it goes to the server as rows of a temporary table.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import pyarrow as pa
from psycopg import sql

from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.pseudonyms import ERASED_TEXT, Pseudonyms, agreement_dates
from meter_platform.warehouse import child_tables, date_locks, sessions, tables
from meter_platform.warehouse.child_tables import Child
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.tables import Table

_READINGS: Final = tables.RAW_METER_READINGS
REJECTED: Final = tables.REJECTED_READINGS
_ID: Final = "meterpoint_id"

BY_DATE: Final = tuple(
    table
    for table in tables.TABLES
    if {_ID, "reference_date"} <= set(table.arrow_schema.names) and not table.view and table is not REJECTED
)
"""Every table whose rows name a meterpoint and belong to a date. Rejected rows may belong to none."""

WRITTEN_BY_RUNS: Final = tuple(table for table in BY_DATE if table in tables.ASSET_TABLES)
"""Tables of which a run may be writing the date; the others change under the lock of the readings."""

_DELIVERED: Final = tuple(table for table in BY_DATE if "source_file_id" in table.arrow_schema.names)
_WITH_METERS: Final = tuple(table for table in BY_DATE if "serial" in table.arrow_schema.names)

_ERASING: Final = sql.SQL("CREATE TEMP TABLE erasing (meterpoint_id text, pseudonym text, written text) ON COMMIT DROP")

_RENAME: Final = """
UPDATE {table} AS row SET meterpoint_id = pseudonym FROM erasing
WHERE row.reference_date = {day} AND row.meterpoint_id = erasing.meterpoint_id
"""

_SERIALS: Final = """
SELECT DISTINCT serial FROM {table} AS row JOIN erasing USING (meterpoint_id)
WHERE row.reference_date = {day} AND serial <> ''
"""

_RENAME_METERS: Final = """
UPDATE {table} AS row SET serial = meters.pseudonym FROM meters, erasing
WHERE row.reference_date = {day} AND row.meterpoint_id = erasing.meterpoint_id AND row.serial = meters.serial
"""

_COUNT_CHANGED: Final = "WITH changed AS ({statement} RETURNING 1) SELECT count(*) FROM changed"

_LESS_EXACT: Final = """
UPDATE analytics.unattributed_consumption AS row
SET days_since_last_agreement = days_since_last_agreement / 365 * 365 FROM erasing
WHERE row.reference_date = {day} AND row.meterpoint_id = pseudonym
"""
"""As `pseudonyms.whole_years`."""

_AGREEMENTS: Final = """
SELECT agreement_id, agreement_valid_from, agreement_valid_to
FROM raw_data.raw_agreements AS row JOIN erasing USING (meterpoint_id) WHERE row.reference_date = {day}
"""

_ACTIVE: Final = """
SELECT agreement_id FROM analytics.active_agreements AS row JOIN erasing USING (meterpoint_id)
WHERE row.reference_date = {day}
"""

_RENUMBER: Final = """
UPDATE raw_data.raw_agreements AS row
SET agreement_id = changed.pseudonym, agreement_valid_from = changed.since, agreement_valid_to = changed.until,
    account_id = NULL
FROM renumbering AS changed WHERE row.reference_date = {day} AND row.agreement_id = changed.agreement_id;

UPDATE analytics.active_agreements AS row SET agreement_id = changed.pseudonym
FROM renumbering AS changed WHERE row.reference_date = {day} AND row.agreement_id = changed.agreement_id
"""

_FILES: Final = """
SELECT source_file_id FROM {table} AS row JOIN erasing ON row.meterpoint_id IN (erasing.meterpoint_id, pseudonym)
WHERE row.reference_date = {day} GROUP BY 1
"""


@dataclass(slots=True)
class Erasure:
    """What an erasure has changed.

    Attributes:
        token: by which the meterpoint is on record from now on.
        rows: changed rows of each table, by its qualified name.
        dates: that had any.
        files: every file version on record whose rows, or whose name, are about the meterpoint: number, and where it lies,
            or lay, as far as that is known.
        serials: numbers of its meters, as its rows had them.
    """

    token: str
    rows: dict[str, int] = field(default_factory=dict)
    dates: set[date] = field(default_factory=set)
    files: dict[int, str] = field(default_factory=dict)
    serials: set[str] = field(default_factory=set, repr=False)

    def add(self, table: Table, rows: int, day: date | None = None) -> None:
        """Counts changed rows."""
        if rows:
            self.rows[table.qualified_name] = self.rows.get(table.qualified_name, 0) + rows
            if day:
                self.dates.add(day)


def of_date(writer: Session, pseudonyms: Pseudonyms, meterpoint_id: str, day: date, erasure: Erasure) -> set[int]:
    """Erases the meterpoint from every table of a date, which is locked; returns the file versions it stands in."""
    parts = {"day": sql.Literal(day)}
    numbers: set[int] = set()
    child = child_tables.attached_child(writer, _READINGS, day)
    announce(writer, meterpoint_id, pseudonyms.meterpoint(meterpoint_id, day))
    _renumber(writer, pseudonyms, day)
    for table, where in _places(child):
        if table in _DELIVERED:
            numbers.update(number for (number,) in writer.fetch(sql.SQL(_FILES).format(table=where, **parts)))
        if table in _WITH_METERS:
            erasure.serials |= _rename_meters(writer, pseudonyms, where, day)
        statement = sql.SQL(_RENAME).format(table=where, **parts)
        ((rows,),) = writer.fetch(sql.SQL(_COUNT_CHANGED).format(statement=statement))
        erasure.add(table, rows, day)
    writer.execute(sql.SQL(_LESS_EXACT).format(**parts))
    numbers.update(_rejected_again(writer, day))
    return numbers


def _places(child: Child | None) -> Iterator[tuple[Table, sql.Identifier]]:
    """Each table with rows of a date, and where these are."""
    for table in BY_DATE:
        if not table.natively_partitioned:
            yield table, table.identifier
        elif child:
            yield table, child.identifier


def _rename_meters(writer: Session, pseudonyms: Pseudonyms, where: sql.Identifier, day: date) -> set[str]:
    """Replaces the serial numbers of the meterpoint's meters, before its own id; returns them."""
    parts = {"table": where, "day": sql.Literal(day)}
    serials = [serial for (serial,) in writer.fetch(sql.SQL(_SERIALS).format(**parts))]
    if not serials:
        return set()
    meters = sql.Identifier("meters")
    writer.execute(sql.SQL("CREATE TEMP TABLE {} (serial text, pseudonym text) ON COMMIT DROP").format(meters))
    names = [pseudonyms.serial(serial, day) for serial in serials]
    writer.copy(meters, pa.table({"serial": serials, "pseudonym": names}))
    writer.execute(sql.SQL(_RENAME_METERS).format(**parts))
    writer.execute(sql.SQL("DROP TABLE {}").format(meters))
    return set(serials)


def _renumber(writer: Session, pseudonyms: Pseudonyms, day: date) -> None:
    """Replaces numbers and dates of the meterpoint's agreements, and whose account they are."""
    parts = {"day": sql.Literal(day)}
    changed: dict[int, tuple[date | None, date | None]] = {
        number: (None, None) for (number,) in writer.fetch(sql.SQL(_ACTIVE).format(**parts))
    }
    for number, since, until in writer.fetch(sql.SQL(_AGREEMENTS).format(**parts)):
        changed[number] = agreement_dates(since, until, day)
    if not changed:
        return
    writer.execute(
        sql.SQL(
            "CREATE TEMP TABLE renumbering (agreement_id bigint, pseudonym bigint, since date, until date) ON COMMIT DROP"
        )
    )
    writer.copy(
        sql.Identifier("renumbering"),
        pa.table(
            {
                "agreement_id": pa.array(changed, pa.int64()),
                "pseudonym": pa.array([pseudonyms.agreement(number, day) for number in changed], pa.int64()),
                "since": pa.array([since for since, _ in changed.values()], pa.date32()),
                "until": pa.array([until for _, until in changed.values()], pa.date32()),
            }
        ),
    )
    for statement in _RENUMBER.split(";\n"):
        writer.execute(sql.SQL(statement).format(**parts))


def _rejected_again(writer: Session, day: date) -> Iterator[int]:
    """The versions with rejected rows of the date that an earlier erasure replaced."""
    rows = writer.fetch(sql.SQL(_FILES).format(table=REJECTED.identifier, day=sql.Literal(day)))
    return (number for (number,) in rows)


def rejected(ledger: Session, erased: Erased, pseudonyms: Pseudonyms, meterpoint_id: str, erasure: Erasure) -> set[int]:
    """Replaces rejected rows that name the meterpoint; returns the versions that they stand in."""
    announce(ledger, meterpoint_id, "")
    found = ledger.fetch(
        sql.SQL(
            "SELECT DISTINCT source_file_id, source_position, reference_date, row.meterpoint_id = erasing.meterpoint_id, "
            "raw_text FROM {} AS row JOIN erasing ON row.meterpoint_id = erasing.meterpoint_id "
            "OR strpos(raw_text, written) > 0"
        ).format(REJECTED.identifier)
    )
    rows = [
        (number, position, pseudonyms.meterpoint(meterpoint_id, day) if is_theirs else None)
        for number, position, day, is_theirs, text in found
        if is_theirs or erased.is_named_in(text)
    ]
    ledger.execute(sql.SQL("DROP TABLE erasing"))
    _replace_texts(ledger, rows)
    erasure.add(REJECTED, len(rows))
    return {number for number, _, _ in rows}


def rejected_naming(ledger: Session, erased: Erased, named: Collection[str]) -> None:
    """Replaces the texts of rejected rows that name an erased meterpoint or its meter, by one of some texts."""
    announce_texts(ledger, named)
    found = ledger.fetch(
        sql.SQL(
            "SELECT DISTINCT source_file_id, source_position, raw_text FROM {} JOIN hiding ON strpos(raw_text, text) > 0"
        ).format(REJECTED.identifier)
    )
    ledger.execute(sql.SQL("DROP TABLE hiding"))
    _replace_texts(ledger, [(number, position, None) for number, position, text in found if erased.is_named_in(text)])


def _replace_texts(ledger: Session, rows: Sequence[tuple[int, int, str | None]]) -> None:
    """Replaces the texts of rejected rows, each given by version and place, and the ids of those that have another."""
    if not rows:
        return
    numbers, positions, names = zip(*rows, strict=True)
    ledger.execute(
        sql.SQL(
            "UPDATE {} AS row SET meterpoint_id = coalesce(name, meterpoint_id), raw_text = {} "
            "FROM unnest({}::bigint[], {}::int[], {}::text[]) AS named(number, place, name) "
            "WHERE (source_file_id, source_position) = (number, place)"
        ).format(
            REJECTED.identifier,
            sql.Literal(ERASED_TEXT),
            *(sql.Literal(list(each)) for each in (numbers, positions, names)),
        )
    )


def agreements(database: Database, meterpoint_id: str) -> set[int]:
    """The numbers of the meterpoint's agreements, as far as they were not replaced yet."""
    with sessions.begin(database) as session:
        announce(session, meterpoint_id, "")
        rows = session.fetch(
            sql.SQL(
                "SELECT agreement_id FROM {} JOIN erasing USING (meterpoint_id) UNION "
                "SELECT agreement_id FROM {} JOIN erasing USING (meterpoint_id)"
            ).format(tables.RAW_AGREEMENTS.identifier, tables.ACTIVE_AGREEMENTS.identifier)
        )
    return {number for (number,) in rows if number >= 0}


def dates(database: Database) -> list[date]:
    """Every date of which something is stored, is known, or is being stored now."""
    with sessions.begin(database) as session:
        rows = session.fetch(
            sql.SQL("SELECT reference_date FROM {} UNION SELECT reference_date FROM {}").format(
                tables.SOURCE_FILE_DATES.identifier, tables.PARTITION_VERSIONS.identifier
            )
        )
        under_way = {day for table in WRITTEN_BY_RUNS for day in date_locks.locked_dates(session, table)}
    return sorted({day for (day,) in rows} | under_way)


def announce(session: Session, meterpoint_id: str, pseudonym: str) -> None:
    """Makes the temporary table `erasing`: the id, its pseudonym, and the ways in which JSON may write the id."""
    written = sorted(_as_json_writes([meterpoint_id]))
    session.execute(_ERASING)
    session.copy(
        sql.Identifier("erasing"),
        pa.table(
            {
                "meterpoint_id": [meterpoint_id] * len(written),
                "pseudonym": [pseudonym] * len(written),
                "written": written,
            }
        ),
    )
    session.execute(sql.SQL("ANALYZE erasing"))


def announce_texts(session: Session, texts: Iterable[str]) -> None:
    """Makes the temporary table `hiding`: texts, in the ways in which JSON may write them."""
    session.execute(sql.SQL("CREATE TEMP TABLE hiding (text text) ON COMMIT DROP"))
    session.copy(sql.Identifier("hiding"), pa.table({"text": sorted(_as_json_writes(texts))}))


def _as_json_writes(texts: Iterable[str]) -> set[str]:
    return {
        written
        for text in texts
        for written in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    }
