"""The lake beside the ledger: which tables are in it, and in what order a date gets into both.

What belongs here: taking dates over from the ledger, in the transaction that makes them or afterwards, and handing them to
readers. What does not: files and commits (`delta.py`).

The lake commits first, then the ledger. Whoever is killed in between leaves a date in the lake that the ledger does not know:
the ledger's rows are still waiting, so that the date is made once more. The other way round a date would be done for the
ledger and missing from the lake.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Final

from psycopg import sql

from meter_platform.errors import SettingsError
from meter_platform.lake.delta import LakeTable
from meter_platform.lake.from_ledger import rows_of
from meter_platform.lake.stores import VARIABLE, LakeStore
from meter_platform.settings import Settings
from meter_platform.warehouse import date_locks, put_away, sessions
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.tables import RAW_AGREEMENTS, RAW_METER_READINGS, RAW_METERPOINTS, RAW_PRODUCTS, Table

TABLES: Final = (RAW_METER_READINGS, RAW_AGREEMENTS, RAW_PRODUCTS, RAW_METERPOINTS)
"""What rules start from."""

_ROWS_TOGETHER: Final = 2_000_000
"""Rows of dates that are written in one commit: many small dates cost little more than one."""


class Lake:
    """The tables of the lake.

    Args:
        store: where they are.
    """

    def __init__(self, store: LakeStore) -> None:
        self._tables = {table: LakeTable(store, table) for table in TABLES}
        self.shown = store.shown
        """Where it is, without anything secret, for messages."""
        self.folder = store.folder
        """Of this machine, with all of its files; `None` where they are objects of a store."""

    def __contains__(self, table: Table) -> bool:
        return table in self._tables

    def table(self, table: Table) -> LakeTable:
        """One of them."""
        return self._tables[table]

    def put(self, writer: Session, table: Table, sources: Mapping[date, sql.Identifier]) -> None:
        """Takes over dates from the transaction that makes them, before it is committed.

        Args:
            writer: the transaction. It has noted the new versions of the dates.
            table: one of `TABLES`.
            sources: for each date what has its rows, none of which need be visible to others.

        Raises:
            LakeUnavailableError: the store does not answer: nothing is stored, neither here nor there.
            LakeRefusedError: the store refuses to be written.
        """
        if sources:
            versions = {day: version for day, (version, _) in _noted(writer, table, sources).items()}
            self._tables[table].replace(
                {day: versions[day] for day in sources},
                lambda: (rows for day, source in sources.items() for rows in rows_of(writer, table, source, day)),
            )

    def put_stored(self, writer: Session, table: Table, days: Iterable[date]) -> None:
        """The same of dates whose rows are in the table already."""
        self.put(writer, table, dict.fromkeys(days, table.identifier))

    def catch_up(self, database: Database, days: Collection[date] | None = None) -> dict[Table, list[date]]:
        """Makes dates in the lake those of the ledger, where they are not: what the ledger changed without it.

        Args:
            database: the ledger.
            days: which dates; all unless given.

        Returns:
            For each table the dates that were written or removed.
        """
        return {table: self._catch_up(database, table, days) for table in TABLES}

    def write_again(self, database: Database, days: Collection[date]) -> None:
        """Writes dates as the ledger has them, whatever their versions: an erasure changes rows and no figure, and so none."""
        for table in TABLES:
            self._catch_up(database, table, days, again=True)

    def _catch_up(
        self, database: Database, table: Table, days: Collection[date] | None, *, again: bool = False
    ) -> list[date]:
        had = self._tables[table].snapshot().ledger_versions
        with sessions.begin(database) as reader:
            noted = _noted(reader, table, days)
            away = _away(reader, table)
        rows = {day: count for day, (_, count) in noted.items() if count and day not in away}
        older = [day for day in sorted(rows) if again or had.get(day) != noted[day][0]]
        gone = sorted(day for day in had if day not in {*rows, *away} and (days is None or day in days))
        for together in _together(older, rows):
            with sessions.begin(database) as writer:
                date_locks.lock_dates(writer, table, together)
                away = _away(writer, table)
                self.put_stored(writer, table, (day for day in _noted(writer, table, together) if day not in away))
        if gone:
            with sessions.begin(database) as writer:
                date_locks.lock_dates(writer, table, gone)
                stored, away = _noted(writer, table, gone), _away(writer, table)
                if still := [day for day in gone if day not in away and not stored.get(day, (0, 0))[1]]:
                    self._tables[table].remove(still)
        return [*older, *gone]

    def tidy(self, keep: timedelta) -> dict[Table, dict[str, int]]:
        """Tidies each table, see `LakeTable.tidy`."""
        return {table: each.tidy(keep) for table, each in self._tables.items()}


def has_lake(settings: Settings) -> bool:
    """Whether readings and snapshots are kept in a lake.

    Raises:
        SettingsError: they are to be, and nothing says where it is.
    """
    if settings.storage in ("lake", "both") and not settings.lake_url:
        raise SettingsError(f"METER_PLATFORM_STORAGE={settings.storage} needs a lake: set {VARIABLE}.")
    return settings.storage != "postgres" and bool(settings.lake_url)


def bring_along(settings: Settings, database: Database, days: Collection[date]) -> None:
    """Has the lake, where there is one, follow what was changed in the ledger without a run of these dates.

    Raises:
        LakeUnavailableError: the store does not answer; what was changed in the ledger stays, and the next night's `lake sync`
            brings it over.
    """
    if days and (lake := open_lake(settings)):
        lake.catch_up(database, days)


def open_lake(settings: Settings) -> Lake | None:
    """The lake that the settings name, after its store was found to be fit; `None` where there is none.

    Raises:
        SettingsError: the settings contradict each other, or the extra is not installed.
        LakeRefusedError: the store is not fit.
        LakeUnavailableError: it does not answer.
    """
    return required_lake(settings) if has_lake(settings) else None


def required_lake(settings: Settings) -> Lake:
    """The lake that is named, whatever is kept in it now: a date may still be put away there.

    Raises:
        SettingsError: none is named, or see `open_lake`.
    """
    if not settings.lake_url:
        raise SettingsError(f"There is no lake: set {VARIABLE} to a folder or to s3://bucket/prefix.")
    store = LakeStore(settings.lake_url)
    store.probe()
    return Lake(store)


def _noted(session: Session, table: Table, days: Iterable[date] | None) -> dict[date, tuple[int, int]]:
    """The version of each date of a table, and how many rows it has."""
    among = (
        sql.SQL("true") if days is None else sql.SQL("reference_date = ANY({}::date[])").format(sql.Literal(list(days)))
    )
    found = session.fetch(
        sql.SQL(
            "SELECT reference_date, version, rows_stored FROM raw_data.partition_versions WHERE table_name = {} AND {}"
        ).format(sql.Literal(table.name), among)
    )
    return {day: (version, rows) for day, version, rows in found}


def _away(session: Session, table: Table) -> set[date]:
    """The dates whose rows of a table are in the lake alone: the ledger has nothing to bring over."""
    return {day for day, *_ in session.fetch(put_away.notes())} if table is RAW_METER_READINGS else set()


def _together(days: Iterable[date], rows: Mapping[date, int]) -> Iterator[list[date]]:
    """Dates in lists of some millions of rows."""
    together: list[date] = []
    for day in days:
        if together and sum(rows[each] for each in together) + rows[day] > _ROWS_TOGETHER:
            yield together
            together = []
        together.append(day)
    if together:
        yield together
