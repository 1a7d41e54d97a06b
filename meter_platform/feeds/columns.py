"""The columns that rows have on their way from a file to the raw tables, all derived from the contracts.

What belongs here: schemas of Arrow tables that pass between the modules of this room. What does not: a list of columns; a
new one is written into the contract (`contracts/raw_data.py`), and filled by `validation.py` and `bulk_validation.py`.
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from meter_platform.contracts.readings import UNSAID
from meter_platform.warehouse import tables
from meter_platform.warehouse.tables import Table

_OF_THE_LOAD: Final = {"loaded_at"}
"""Columns that the load fills, not the reader."""

_OF_THE_POSITION: Final = {"source_file_id", "source_position"}
"""Columns that say where a row stands."""

_OF_THE_TIME: Final = {"interval_start", "reference_date"}
"""Columns that say when; known last where the clocks repeat an hour."""

PARTICULARS: Final = tuple(UNSAID)
"""Columns that a table of readings may be without, all of them: then its rows have what UNSAID says."""


def _schema(table: Table, *, but: set[str]) -> pa.Schema:
    return pa.schema([(column.name, column.arrow_type) for column in table.columns if column.name not in but])


READINGS_SCHEMA: Final = _schema(tables.RAW_METER_READINGS, but=_OF_THE_LOAD)
"""Accepted rows. Energy in kWh, exact; `interval_start` in UTC; `source_position` counted from 1. A table of which every row
says nothing of its particulars is handed on without these columns."""

REJECTED_SCHEMA: Final = _schema(tables.REJECTED_READINGS, but=_OF_THE_LOAD)
"""Rejected rows."""

VALIDATED_SCHEMA: Final = _schema(tables.RAW_METER_READINGS, but=_OF_THE_LOAD | _OF_THE_POSITION)
"""What the rules of validation make of an acceptable row: the fields of `validation.Accepted`."""

RETRACTED_SCHEMA: Final = pa.schema([field for field in READINGS_SCHEMA if field.name in _OF_THE_POSITION])
"""Rows by their file and position alone."""

AROUND_SCHEMA: Final = pa.schema(
    [
        *_schema(tables.RAW_METER_READINGS, but=_OF_THE_LOAD | _OF_THE_TIME),
        ("first", pa.int64()),
        ("second", pa.int64()),
        ("raw_text", pa.string()),
    ]
)
"""Rows with naive times in or beside a repeated hour.

`first` and `second` are what the time may mean, in microseconds since 1970: the same where it stands beside. Those with a
`raw_text` are plainly good but for their time, and wait for their file to end. The others have been validated.
"""


def without_unsaid(readings: pa.Table) -> pa.Table:
    """Readings without their particulars, if no row says anything of them."""
    for name, value in UNSAID.items():
        column = readings[name]
        says_nothing = column.is_null() if value is None else pc.equal(column, value)
        if not pc.all(says_nothing, min_count=0).as_py():
            return readings
    return readings.drop_columns(list(PARTICULARS))


ENERGY: Final = READINGS_SCHEMA.field("consumption_delta").type
"""kWh, with as many decimals as are kept."""
