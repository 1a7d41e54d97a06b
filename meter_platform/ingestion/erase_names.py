"""What an erasure changes in the names of files, and what is told of the files that a meterpoint stands in.

What belongs here: names in the catalogue, and those of the folder. What does not: rows (`erase_tables.py`), names of files
that come later (`erased.py`).
"""

from collections.abc import Collection
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import sql

from meter_platform.errors import MeterPlatformError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.erase_tables import announce_texts
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.pseudonyms import Pseudonyms
from meter_platform.warehouse import tables
from meter_platform.warehouse.sessions import Session

NAMES: Final = (tables.SOURCE_FILE_VERSIONS, tables.SCANNED_FOLDERS)
"""Tables with names of files, which may be those of meterpoints."""


def rename_files(ledger: Session, erased: Erased, named: Collection[str]) -> set[int]:
    """Hides names of files; returns the versions of these.

    Names of folders, and of files that nobody reads, are forgotten: the next scan looks for them anew.

    Args:
        ledger: in whose transaction.
        erased: says what stands in the place of a name.
        named: the names that are to be hidden have one of these texts in them.
    """
    ledger.execute(sql.SQL("DELETE FROM {}").format(tables.SCANNED_FOLDERS.identifier))
    announce_texts(ledger, named)
    names = {
        number: new
        for number, url in ledger.fetch(
            sql.SQL("SELECT DISTINCT source_file_id, url FROM {} JOIN hiding ON strpos(url, text) > 0").format(
                tables.SOURCE_FILE_VERSIONS.identifier
            )
        )
        if (new := erased.name(url)) != url
    }
    ledger.execute(sql.SQL("DROP TABLE hiding"))
    if names:
        ledger.execute(
            sql.SQL(
                "UPDATE {} AS version SET url = named.url FROM unnest({}::bigint[], {}::text[]) AS named(number, url) "
                "WHERE source_file_id = number"
            ).format(
                tables.SOURCE_FILE_VERSIONS.identifier, sql.Literal(list(names)), sql.Literal(list(names.values()))
            )
        )
    return set(names)


def named_after(ledger: Session, pseudonyms: Pseudonyms, meterpoint_id: str) -> set[int]:
    """The file versions that have a meterpoint's pseudonym in their names, whenever they got it."""
    rows = ledger.fetch(
        sql.SQL("SELECT source_file_id FROM {} WHERE strpos(url, {}) > 0").format(
            tables.SOURCE_FILE_VERSIONS.identifier, sql.Literal(pseudonyms.in_names(meterpoint_id))
        )
    )
    return {number for (number,) in rows}


def where_they_lie(
    connection: psycopg.Connection[Any], folder: ReadingFolder, erased: Erased, numbers: set[int]
) -> dict[int, str]:
    """Where file versions lie: by the name that they have in the folder, as far as they are there."""
    rows = connection.execute(
        sql.SQL("SELECT source_file_id, url FROM {} WHERE source_file_id = ANY(%s) ORDER BY 1").format(
            tables.SOURCE_FILE_VERSIONS.identifier
        ),
        [sorted(numbers)],
    ).fetchall()
    names = {url: url for _, url in rows}
    with suppress(MeterPlatformError):  # a folder that cannot be listed leaves the names that the catalogue has
        for file in folder.walk():
            if (name := erased.name(file.url)) in names:
                names[name] = file.url
    return {number: names[url] for number, url in rows}
