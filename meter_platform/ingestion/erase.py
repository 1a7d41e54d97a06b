"""Erases a meterpoint: whatever names it is replaced by pseudonyms, and every sum stays what it was.

What belongs here: erasing what is stored, table by table. What does not: what is delivered later (`erased.py`), Dagster,
the screen.

First the meterpoint is put on record, with the names of files and the rejected rows, in one transaction: whatever is read
from then on comes under pseudonyms. Then each reference date changes in a transaction of its own, in all of its tables at
once. An erasure that was interrupted is on record as not completed, and giving it again completes it.

No id is ever part of a statement, for statements may be logged: it goes to the server as rows of a temporary table.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg
import pyarrow as pa
from psycopg import sql

from meter_platform.errors import MeterPlatformError, PermanentError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.meterpoint_ids import why_no_id
from meter_platform.ingestion import catalogue, erasure_key, reread
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.pseudonyms import ERASED_TEXT, Pseudonyms, agreement_dates
from meter_platform.settings import Settings
from meter_platform.warehouse import operations, partitions, samples, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.partitions import Child, Session
from meter_platform.warehouse.tables import Table

Log = Callable[[str], None]

_RECORD: Final = tables.ERASED_METERPOINTS.identifier
_READINGS: Final = tables.RAW_METER_READINGS
_REJECTED: Final = tables.REJECTED_READINGS
_ID: Final = "meterpoint_id"

BY_DATE: Final = tuple(
    table
    for table in tables.TABLES
    if {_ID, "reference_date"} <= set(table.arrow_schema.names) and not table.view and table is not _REJECTED
)
"""Every table whose rows name a meterpoint and belong to a date. Rejected rows may belong to none."""

_NAMES: Final = (tables.SOURCE_FILE_VERSIONS, tables.SCANNED_FOLDERS)
"""Tables with names of files, which may be those of meterpoints."""

_WRITTEN_BY_RUNS: Final = tuple(table for table in BY_DATE if table in tables.ASSET_TABLES)
"""Tables of which a run may be writing the date; the others change under the lock of the readings."""

_DELIVERED: Final = tuple(table for table in BY_DATE if "source_file_id" in table.arrow_schema.names)

_ERASING: Final = sql.SQL("CREATE TEMP TABLE erasing (meterpoint_id text, pseudonym text, written text) ON COMMIT DROP")

_RENAME: Final = """
UPDATE {table} AS row SET meterpoint_id = pseudonym FROM erasing
WHERE row.reference_date = {day} AND row.meterpoint_id = erasing.meterpoint_id
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
    """

    token: str
    rows: dict[str, int] = field(default_factory=dict)
    dates: set[date] = field(default_factory=set)
    files: dict[int, str] = field(default_factory=dict)

    def add(self, table: Table, rows: int, day: date | None = None) -> None:
        """Counts changed rows."""
        if rows:
            self.rows[table.qualified_name] = self.rows.get(table.qualified_name, 0) + rows
            if day:
                self.dates.add(day)


def erase(
    database: Database,
    settings: Settings,
    folder: ReadingFolder,
    meterpoint_id: str,
    *,
    forget_agreements: Callable[[Collection[int]], object],
    log: Log = lambda _: None,
) -> Erasure:
    """Erases a meterpoint from every table, and puts on record that it was, without its id.

    Args:
        database: with the tables.
        settings: that say where the key is; one is made where there is none.
        folder: of the reading files, to name those that it stands in.
        meterpoint_id: as it was delivered, letter by letter.
        forget_agreements: told of the numbers of the meterpoint's agreements, for whatever else knows them. Before the
            first of them is replaced, so that an interruption loses none, and after the last, for a check may have named
            one meanwhile.
        log: told about progress.

    Raises:
        PermanentError: that is no id.
        SettingsError: meterpoints were erased with another key.
        LockHeldError: someone else writes one of the dates, or reads new files, all the time. What was done stays done;
            giving it again does what is left.
    """
    if why := why_no_id(meterpoint_id, is_number=False):
        raise PermanentError(f"Nothing was erased: {why}.")
    pseudonyms = erasure_key.read_or_make(settings)
    erasure = Erasure(pseudonyms.token(meterpoint_id))
    with operations.noted(database, "erase") as outcome, partitions.session(database) as alone:
        reread.lock(alone, log)
        with partitions.session(database) as ledger:
            # From here to the commit nobody reads new files; whoever reads some later finds the record.
            catalogue.lock(ledger, log=log)
            erased = _put_on_record(ledger, settings, pseudonyms, meterpoint_id)
            numbers = _names_of_files(ledger, erased, meterpoint_id)
            numbers |= _rejected(ledger, erased, pseudonyms, meterpoint_id, erasure)
            ledger.commit()
        agreements = _agreements(database, meterpoint_id)
        forget_agreements(agreements)
        days = _dates(database)
        stands_in = []
        for count, day in enumerate(days, start=1):
            with partitions.session(database) as writer:
                for table in _WRITTEN_BY_RUNS:
                    partitions.lock_dates(writer, table, [day], log=log)
                found = _of_date(writer, pseudonyms, meterpoint_id, day, erasure)
                writer.commit()
            numbers |= found
            if found:  # now, or by an erasure that was interrupted
                stands_in.append(day)
            if count % 100 == 0:
                log(f"{count:,} of {len(days):,} reference dates done")
        forget_agreements(agreements)
        samples.renew(database, (*BY_DATE, *_NAMES, _REJECTED), stands_in)
        with database.connect() as connection:
            connection.execute(
                sql.SQL("UPDATE {} SET completed_at = now() WHERE token = %s AND completed_at IS NULL").format(_RECORD),
                [erasure.token],
            )
            erasure.files = _shown(connection, folder, erased, numbers)
        outcome.detail = (
            f"{sum(erasure.rows.values()):,} rows of {len(erasure.dates):,} reference dates, "
            f"{len(erasure.files):,} file versions; token {erasure.token}"
        )
    return erasure


def on_record(database: Database, settings: Settings, tokens: Iterable[str]) -> Iterator[str]:
    """The ids in the database whose tokens are given: of meterpoints that were erased, and that a restore brought back.

    Args:
        database: with the tables.
        settings: that say where the key is.
        tokens: besides those that are on record in the database.
    """
    with database.connect() as connection:
        every = {token for (token,) in connection.execute(sql.SQL("SELECT token FROM {}").format(_RECORD))} | set(
            tokens
        )
        if not every or (pseudonyms := erasure_key.read(settings)) is None:
            return
        seen: set[str] = set()
        for table in (*BY_DATE, _REJECTED):
            for (found,) in connection.execute(
                sql.SQL("SELECT DISTINCT meterpoint_id FROM {} WHERE meterpoint_id IS NOT NULL").format(
                    table.identifier
                )
            ):
                if found not in seen and pseudonyms.token(found) in every:
                    seen.add(found)
                    yield found


def _put_on_record(ledger: Session, settings: Settings, pseudonyms: Pseudonyms, meterpoint_id: str) -> Erased:
    Erased.find(ledger, settings)  # refuses a key that others were not erased with
    ledger.execute(
        sql.SQL(
            "INSERT INTO {} (token, id_characters, key_check, erased_at) VALUES ({}, {}, {}, {}) ON CONFLICT DO NOTHING"
        ).format(
            _RECORD,
            sql.Literal(pseudonyms.token(meterpoint_id)),
            sql.Literal(len(meterpoint_id)),
            sql.Literal(pseudonyms.check),
            sql.Literal(datetime.now(UTC)),
        )
    )
    return Erased.find(ledger, settings)


def _announce(session: Session, meterpoint_id: str, pseudonym: str) -> None:
    """Makes the temporary table `erasing`: the id, its pseudonym, and the ways in which JSON may write the id."""
    written = sorted(
        {meterpoint_id, json.dumps(meterpoint_id)[1:-1], json.dumps(meterpoint_id, ensure_ascii=False)[1:-1]}
    )
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


def _names_of_files(ledger: Session, erased: Erased, meterpoint_id: str) -> set[int]:
    """Replaces the id in the names of files; returns the versions of these.

    Names of folders, and of files that nobody reads, are forgotten: the next scan looks for them anew.
    """
    ledger.execute(sql.SQL("DELETE FROM {}").format(tables.SCANNED_FOLDERS.identifier))
    _announce(ledger, meterpoint_id, "")
    named = {
        number: new
        for number, url in ledger.fetch(
            sql.SQL(
                "SELECT DISTINCT source_file_id, url FROM {} JOIN erasing ON strpos(url, erasing.meterpoint_id) > 0"
            ).format(tables.SOURCE_FILE_VERSIONS.identifier)
        )
        if (new := erased.name(url)) != url
    }
    if named:
        ledger.execute(
            sql.SQL(
                "UPDATE {} AS version SET url = named.url FROM unnest({}::bigint[], {}::text[]) AS named(number, url) "
                "WHERE source_file_id = number"
            ).format(
                tables.SOURCE_FILE_VERSIONS.identifier, sql.Literal(list(named)), sql.Literal(list(named.values()))
            )
        )
    # Of an earlier erasure they have the name that stands for it.
    ledger.execute(sql.SQL("DROP TABLE erasing"))
    again = ledger.fetch(
        sql.SQL("SELECT source_file_id FROM {} WHERE strpos(url, {}) > 0").format(
            tables.SOURCE_FILE_VERSIONS.identifier, sql.Literal(erased.name(meterpoint_id))
        )
    )
    return {number for (number,) in again}


def _rejected(
    ledger: Session, erased: Erased, pseudonyms: Pseudonyms, meterpoint_id: str, erasure: Erasure
) -> set[int]:
    """Replaces rejected rows that name the meterpoint; returns the versions that they stand in."""
    _announce(ledger, meterpoint_id, "")
    found = ledger.fetch(
        sql.SQL(
            "SELECT DISTINCT source_file_id, source_position, reference_date, row.meterpoint_id = erasing.meterpoint_id, "
            "raw_text FROM {} AS row JOIN erasing ON row.meterpoint_id = erasing.meterpoint_id "
            "OR strpos(raw_text, written) > 0"
        ).format(_REJECTED.identifier)
    )
    rows = [
        (number, position, pseudonyms.meterpoint(meterpoint_id, day) if is_theirs else None)
        for number, position, day, is_theirs, text in found
        if is_theirs or erased.is_named_in(text)
    ]
    ledger.execute(sql.SQL("DROP TABLE erasing"))
    if not rows:
        return set()
    numbers, positions, names = zip(*rows, strict=True)
    ledger.execute(
        sql.SQL(
            "UPDATE {} AS row SET meterpoint_id = coalesce(name, meterpoint_id), raw_text = {} "
            "FROM unnest({}::bigint[], {}::int[], {}::text[]) AS named(number, place, name) "
            "WHERE (source_file_id, source_position) = (number, place)"
        ).format(
            _REJECTED.identifier,
            sql.Literal(ERASED_TEXT),
            *(sql.Literal(list(each)) for each in (numbers, positions, names)),
        )
    )
    erasure.add(_REJECTED, len(rows))
    return set(numbers)


def _agreements(database: Database, meterpoint_id: str) -> set[int]:
    """The numbers of the meterpoint's agreements, as far as they were not replaced yet."""
    with partitions.session(database) as session:
        _announce(session, meterpoint_id, "")
        rows = session.fetch(
            sql.SQL(
                "SELECT agreement_id FROM {} JOIN erasing USING (meterpoint_id) UNION "
                "SELECT agreement_id FROM {} JOIN erasing USING (meterpoint_id)"
            ).format(tables.RAW_AGREEMENTS.identifier, tables.ACTIVE_AGREEMENTS.identifier)
        )
    return {number for (number,) in rows if number >= 0}


def _dates(database: Database) -> list[date]:
    """Every date of which something is stored, is known, or is being stored now."""
    with partitions.session(database) as session:
        rows = session.fetch(
            sql.SQL("SELECT reference_date FROM {} UNION SELECT reference_date FROM {}").format(
                tables.SOURCE_FILE_DATES.identifier, tables.PARTITION_VERSIONS.identifier
            )
        )
        under_way = {day for table in _WRITTEN_BY_RUNS for day in partitions.locked_dates(session, table)}
    return sorted({day for (day,) in rows} | under_way)


def _of_date(writer: Session, pseudonyms: Pseudonyms, meterpoint_id: str, day: date, erasure: Erasure) -> set[int]:
    """Erases the meterpoint from every table of a date, which is locked; returns the file versions it stands in."""
    parts = {"day": sql.Literal(day)}
    numbers: set[int] = set()
    child = partitions.attached_child(writer, _READINGS, day)
    _announce(writer, meterpoint_id, pseudonyms.meterpoint(meterpoint_id, day))
    _renumber(writer, pseudonyms, day)
    for table, where in _places(child):
        if table in _DELIVERED:
            numbers.update(number for (number,) in writer.fetch(sql.SQL(_FILES).format(table=where, **parts)))
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
    rows = writer.fetch(sql.SQL(_FILES).format(table=_REJECTED.identifier, day=sql.Literal(day)))
    return (number for (number,) in rows)


def _shown(
    connection: psycopg.Connection[Any], folder: ReadingFolder, erased: Erased, numbers: set[int]
) -> dict[int, str]:
    """Where file versions lie: by the name that they have in the folder, as far as they are there."""
    names: dict[str, str] = {}
    with suppress(MeterPlatformError):  # a folder that cannot be listed leaves the names that the catalogue has
        names = {erased.name(file.url): file.url for file in folder.listing().files}
    rows = connection.execute(
        sql.SQL("SELECT source_file_id, url FROM {} WHERE source_file_id = ANY(%s) ORDER BY 1").format(
            tables.SOURCE_FILE_VERSIONS.identifier
        ),
        [sorted(numbers)],
    )
    return {number: names.get(url, url) for number, url in rows}
