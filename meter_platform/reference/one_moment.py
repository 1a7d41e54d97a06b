"""The tables of the reference database as they were at one moment, for steps that each need one of them.

What belongs here: keeping what was read until it is asked for. What does not: reading (`database.py`), and for which run
(`orchestration/assets/raw_data.py`).
"""

import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from typing import IO

import pyarrow as pa

from meter_platform.errors import MeterPlatformError
from meter_platform.reference.database import ReferenceDatabase
from meter_platform.warehouse.tables import Table


class OneMoment:
    """Reads all tables when the first of them is asked for, into files that nobody else sees.

    The source is in use for no longer than reading takes, however long it takes to store. A table that could not be read is
    read again, on its own, when it is asked for.

    Args:
        database: the source.
        tables: those that will be asked for.

    Attributes:
        close: lets go of what is kept.
    """

    def __init__(self, database: ReferenceDatabase, tables: Iterable[Table]) -> None:
        self._database = database
        self._tables = list(tables)
        self._kept: dict[Table, IO[bytes]] = {}
        # Also where nobody closes it, for nobody knows when a run has read its last snapshot.
        self.close = weakref.finalize(self, _close, self._kept)

    def read(self, table: Table) -> Iterator[pa.Table]:
        """The rows of one of the tables: as `ReferenceDatabase.read`, and with its errors."""
        if table not in self._kept:
            others = [each for each in self._tables if each != table] if not self._kept else []
            with (
                suppress(MeterPlatformError),  # whoever asks for the table is told
                closing(self._database.read_together([table, *others])) as together,
            ):
                for each, rows in together:
                    self._kept[each] = _spooled(rows)
        if table not in self._kept:
            yield from self._database.read(table)
            return
        file = self._kept[table]
        file.seek(0)
        with pa.ipc.open_stream(file) as rows:
            for batch in rows:
                yield pa.Table.from_batches([batch])


def _close(files: dict[Table, IO[bytes]]) -> None:
    for file in files.values():
        file.close()
    files.clear()


def _spooled(tables: Iterator[pa.Table]) -> IO[bytes]:
    """Tables of one schema in a file without a name, which goes when it is closed."""
    file = tempfile.TemporaryFile(prefix="meter-platform-")  # noqa: SIM115 - kept open
    try:
        first = next(tables)
        with pa.ipc.new_stream(file, first.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)
    except BaseException:
        file.close()
        raise
    return file
