"""Meters of erased meterpoints: their serial numbers are put on record as tokens, and hidden wherever they stand alone.

A serial number tells as much as the id of the meterpoint, and may stand where no id does: in the name of a folder, in the
text of a rejected row. It is known from the first row that has both, whether that row is erased or comes later.

What belongs here: which serial numbers are hidden, and hiding one that has become known. What does not: serial numbers in
rows of the meterpoint (`erase_tables.py`, `erased.py`), the form of hidden names (`hidden_names.py`).
"""

from collections.abc import Collection

from psycopg import sql

from meter_platform.ingestion import erase_names, erase_tables
from meter_platform.ingestion.erased import Erased
from meter_platform.warehouse import samples, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.sessions import Session


def hide(ledger: Session, erased: Erased, serials: Collection[str]) -> set[int]:
    """Puts serial numbers on record, and hides them in names of files and in texts of rejected rows.

    Args:
        ledger: that has the lock of the catalogue; nothing is committed.
        erased: knows the serial numbers.
        serials: of meters of erased meterpoints.

    Returns:
        The file versions whose names are hidden now.
    """
    ledger.execute(
        sql.SQL("INSERT INTO {} (token, serial_characters) VALUES {} ON CONFLICT DO NOTHING").format(
            tables.ERASED_METERS.identifier,
            sql.SQL(", ").join(
                sql.SQL("({}, {})").format(sql.Literal(erased.pseudonyms.meter_token(serial)), sql.Literal(len(serial)))
                for serial in serials
            ),
        )
    )
    erase_tables.rejected_naming(ledger, erased, serials)
    return erase_names.rename_files(ledger, erased, serials)


def forget_samples(database: Database) -> None:
    """Has Postgres forget what it remembers of names and texts that were hidden.

    Raises:
        LockHeldError: a table was in use all the time.
    """
    samples.renew(database, (*erase_names.NAMES, erase_tables.REJECTED), [])
