"""Whether the files of versions with rows that wait are there, as far as a scan knows.

What belongs here: that question, in SQL. What does not: what follows from it (`catalogue.py`, `lost.py`).

Of a folder whose files are in the table of listed files the table says so. Of one that the scan had no reason to look into
the catalogue does: its files are as they were when it was last listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg import sql

from meter_platform.ingestion.listed import ListedFiles, folder_of
from meter_platform.ingestion.tree import Tree
from meter_platform.warehouse import tables

_PENDING = """
SELECT reference_date, source_file_id, url, seen_at,
       CASE WHEN folder = ANY({compared}::text[]) THEN listed_stamp IS NOT NULL
            WHEN {is_whole} AND folder <> ALL({there}::text[]) THEN false
            ELSE NOT is_noted END AS is_there,
       is_newest AND (folder <> ALL({compared}::text[]) OR listed_stamp = stamp) AS is_as_it_was
FROM (
  SELECT dates.reference_date, source_file_id, version.url, version.stamp, seen_at, listed.stamp AS listed_stamp,
         {folder} COLLATE "C" AS folder,
         EXISTS (SELECT FROM {deleted} AS deleted WHERE (deleted.reference_date, deleted.source_file_id)
                 = (dates.reference_date, dates.source_file_id)) AS is_noted,
         NOT EXISTS (SELECT FROM {versions} AS newer
                     WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at) AS is_newest
  FROM {dates_table} AS dates JOIN {versions} AS version USING (source_file_id)
  LEFT JOIN {listed} AS listed ON listed.url = version.url
  WHERE loaded_at IS NULL AND {wanted}
) AS pending
"""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What a scan knows of where files are.

    Attributes:
        tree: the folders.
        listed: the files of some of them.
    """

    tree: Tree
    listed: ListedFiles

    def of_pending(self, dates: Sequence[date] | None = None) -> sql.Composed:
        """The query for versions with rows that wait.

        Args:
            dates: only rows of these.

        Returns:
            For each reference date and version: reference_date, source_file_id, url, seen_at, is_there (a file lies at its
            URL), is_as_it_was (it is this version).
        """
        wanted = (
            sql.SQL("true")
            if dates is None
            else sql.SQL("dates.reference_date = ANY({}::date[])").format(sql.Literal(list(dates)))
        )
        return sql.SQL(_PENDING).format(
            compared=sql.Literal(sorted(self.tree.compared)),
            there=sql.Literal(sorted(self.tree.there.values())),
            is_whole=sql.Literal(self.tree.is_whole),
            folder=folder_of(sql.Identifier("version", "url")),
            deleted=tables.DELETED_FILES.identifier,
            versions=tables.SOURCE_FILE_VERSIONS.identifier,
            dates_table=tables.SOURCE_FILE_DATES.identifier,
            listed=self.listed.relation,
            wanted=wanted,
        )
