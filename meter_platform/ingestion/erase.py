"""Erases a meterpoint: whatever names it is replaced by pseudonyms, and every sum stays what it was.

What belongs here: what is done in which order, and in which transactions. What does not: the statements
(`erase_tables.py`, `erase_names.py`), what is delivered later (`erased.py`), Dagster, the screen.

First the meterpoint is put on record, with the names of files and the rejected rows, in one transaction: whatever is read
from then on comes under pseudonyms. Then each reference date changes in a transaction of its own, in all of its tables at
once; with its rows go the serial numbers of the meterpoint's meters, and the same transaction hides them in names. An erasure
that was interrupted is on record as not completed, and giving it again completes it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from psycopg import sql

from meter_platform.errors import PermanentError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.meterpoint_ids import why_no_id
from meter_platform.ingestion import catalogue, erase_names, erase_tables, erased_meters, erasure_key, reread
from meter_platform.ingestion.erase_tables import BY_DATE, REJECTED, Erasure
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.pseudonyms import Pseudonyms
from meter_platform.lake.lake import Lake
from meter_platform.lake.take_out import take_out_naming
from meter_platform.settings import Settings
from meter_platform.warehouse import date_locks, operations, samples, sessions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.sessions import Session

Log = Callable[[str], None]

_RECORD: Final = tables.ERASED_METERPOINTS.identifier


def erase(
    database: Database,
    settings: Settings,
    folder: ReadingFolder,
    meterpoint_id: str,
    *,
    forget_agreements: Callable[[Collection[int]], object],
    lake: Lake | None = None,
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
        lake: has the same readings and snapshots; the dates are written there anew, and old files stay until it is tidied.
        log: told about progress.

    Raises:
        PermanentError: that is no id; or see `take_out`.
        SettingsError: meterpoints were erased with another key.
        LakeUnavailableError: the lake's store does not answer. What was done stays done, as below.
        LockHeldError: someone else writes one of the dates, or reads new files, all the time. What was done stays done;
            giving it again does what is left.
    """
    if why := why_no_id(meterpoint_id, is_number=False):
        raise PermanentError(f"Nothing was erased: {why}.")
    pseudonyms = erasure_key.read_or_make(settings)
    erasure = Erasure(pseudonyms.token(meterpoint_id))
    with operations.noted(database, "erase") as outcome, sessions.begin(database) as alone:
        reread.lock(alone, log)
        with sessions.begin(database) as ledger:
            # From here to the commit nobody reads new files; whoever reads some later finds the record.
            catalogue.lock(ledger, log=log)
            erased = _put_on_record(ledger, settings, pseudonyms, meterpoint_id)
            numbers = erase_names.rename_files(ledger, erased, [meterpoint_id])
            numbers |= erase_names.named_after(ledger, pseudonyms, meterpoint_id)
            numbers |= erase_tables.rejected(ledger, erased, pseudonyms, meterpoint_id, erasure)
            ledger.commit()
        agreements = erase_tables.agreements(database, meterpoint_id)
        forget_agreements(agreements)
        days = erase_tables.dates(database)
        stands_in = []
        for count, day in enumerate(days, start=1):
            with sessions.begin(database) as writer:
                for table in erase_tables.WRITTEN_BY_RUNS:
                    date_locks.lock_dates(writer, table, [day], log=log)
                take_out_naming(writer, day, lake, {meterpoint_id, pseudonyms.meterpoint(meterpoint_id, day)})
                found = erase_tables.of_date(writer, pseudonyms, meterpoint_id, day, erasure)
                if meters := erased.unknown_meters(erasure.serials):  # else nobody would know of them any more
                    catalogue.lock(writer, log=log)
                    erased = erased.with_meters(meters)
                    numbers |= erased_meters.hide(writer, erased, meters)
                writer.commit()
            numbers |= found
            if found:  # now, or by an erasure that was interrupted
                stands_in.append(day)
            if count % 100 == 0:
                log(f"{count:,} of {len(days):,} reference dates done")
        forget_agreements(agreements)
        if lake:
            lake.write_again(database, stands_in)
        samples.renew(database, (*BY_DATE, *erase_names.NAMES, REJECTED), stands_in)
        with database.connect() as connection:
            connection.execute(
                sql.SQL("UPDATE {} SET completed_at = now() WHERE token = %s AND completed_at IS NULL").format(_RECORD),
                [erasure.token],
            )
            erased = Erased.find(Session(connection), settings)  # loads may have come upon more meters
            erasure.files = erase_names.where_they_lie(connection, folder, erased, numbers)
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
        for table in (*BY_DATE, REJECTED):
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
