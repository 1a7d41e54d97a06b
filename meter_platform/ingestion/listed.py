"""The files that a scan has found in folders, in a table of its session: comparing them is the database's work.

What belongs here: that table. What does not: which folders are listed (`folders.py`, `tree.py`), and what the files are
compared with (`catalogue.py`, `lost.py`). The catalogue may know a million files, so that no process holds them all.
"""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
from psycopg import sql

from meter_platform.feeds.files import ListedFile
from meter_platform.settlement import INSTANT
from meter_platform.warehouse.sessions import Session

_TABLE: Final = sql.Identifier("listed_files")
_COLUMNS: Final = sql.SQL(
    'url text COLLATE "C", path bytea, size bigint, modified_at timestamptz, stamp text COLLATE "C", changed_at timestamptz'
)
_NOTHING: Final = sql.SQL(
    '(SELECT NULL COLLATE "C" AS url, NULL::bytea AS path, NULL::bigint AS size, NULL::timestamptz AS modified_at, '
    'NULL COLLATE "C" AS stamp, NULL::timestamptz AS changed_at WHERE false)'
)

FIELDS: Final = sql.SQL("listed.url, listed.path, listed.size, listed.modified_at, listed.stamp, listed.changed_at")
"""What `listed_file` takes, of a row of `ListedFiles.relation` under the name `listed`."""


class ListedFiles:
    """Files as they were listed; no URL stands in it twice.

    Args:
        ledger: the session. The table goes when it ends, and another scan of the session makes it anew.
    """

    def __init__(self, ledger: Session) -> None:
        self._ledger = ledger
        self._exists = False

    @property
    def relation(self) -> sql.Composable:
        """What to select from. A scan that finds nothing new has no table, for each costs the server's own catalogue."""
        return _TABLE if self._exists else _NOTHING

    def add(self, files: Sequence[ListedFile]) -> None:
        """Takes files in."""
        if not files:
            return
        if not self._exists:
            self._ledger.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.SQL("pg_temp.") + _TABLE))
            self._ledger.execute(sql.SQL("CREATE TEMP TABLE {} ({})").format(_TABLE, _COLUMNS))
            self._exists = True
        self._ledger.copy(
            _TABLE,
            pa.table(
                {
                    "url": pa.array([file.url for file in files], pa.string()),
                    # A name that is not UTF-8 is no text for the database.
                    "path": pa.array([file.path.encode("utf-8", "surrogateescape") for file in files], pa.binary()),
                    "size": pa.array([file.size for file in files], pa.int64()),
                    "modified_at": pa.array([file.modified_at for file in files], INSTANT),
                    "stamp": pa.array([file.stamp for file in files], pa.string()),
                    "changed_at": pa.array([file.changed_at for file in files], INSTANT),
                }
            ),
        )

    def complete(self) -> None:
        """Lets the server know how many there are, once all are in."""
        if self._exists:
            self._ledger.execute(sql.SQL("ANALYZE {}").format(_TABLE))


def listed_file(row: Sequence[Any]) -> ListedFile:
    """The file of a row of the table, with the `FIELDS`."""
    url, path, size, modified_at, stamp, changed_at = row
    return ListedFile(url, bytes(path).decode("utf-8", "surrogateescape"), size, modified_at, stamp, changed_at)


def folder_of(url: sql.Composable) -> sql.Composed:
    """SQL for the folder that a file's URL names: what stands before its last slash."""
    return sql.SQL("left({url}, -strpos(reverse({url}), '/'))").format(url=url)
