"""The column types that contracts are written in.

A frame that passes a contract is Arrow-backed throughout: exact decimals, microsecond instants in UTC, real dates and
real nulls, so that it crosses from Postgres to pandas and back without a copy or a rounding. What does not belong here:
columns (they are in the contracts) and Postgres types (`warehouse/tables.py` maps them).
"""

from typing import Annotated, Any, Final, TypeVar

import pandas as pd
import pyarrow as pa
from pandera import dtypes
from pandera.engines import pandas_engine

from meter_platform.contracts.readings import MOST_DECIMALS
from meter_platform.settlement import INSTANT

Text = Annotated[pd.ArrowDtype, pa.string()]
Date = Annotated[pd.ArrowDtype, pa.date32()]
Instant = Annotated[pd.ArrowDtype, INSTANT]
Count = Annotated[pd.ArrowDtype, pa.int64()]
Position = Annotated[pd.ArrowDtype, pa.int32()]
Flag = Annotated[pd.ArrowDtype, pa.bool_()]


Values = TypeVar("Values", pa.Array, pa.ChunkedArray)

_SCALES: Final = (3, 9, MOST_DECIMALS)
_FIRST_FEW: Final = 64


@pandas_engine.Engine.register_dtype
@dtypes.immutable(init=True)
class Energy(pandas_engine.ArrowDecimal128):
    """Energy in kWh as an exact decimal.

    Twenty decimals hold every published feed (some exports print 20), and leave 18 digits for the largest sum. Any
    scale passes the check, for a chunk is exact at the scale it was delivered with; floats never do: they have been
    rounded.
    """

    precision: int = 38
    scale: int = MOST_DECIMALS

    def check(self, pandera_dtype: dtypes.DataType, data_container: Any | None = None) -> bool:  # noqa: ANN401, ARG002 - pandera's signature
        """Whether a column holds exact decimals."""
        pandas_dtype = getattr(pandera_dtype, "type", None)
        return isinstance(pandas_dtype, pd.ArrowDtype) and pa.types.is_decimal(pandas_dtype.pyarrow_dtype)

    def __str__(self) -> str:
        return "decimal"


def with_fewest_decimals(table: pa.Table) -> pa.Table:
    """The table with its decimals at the smallest of a few scales that keeps them exact.

    Postgres shows as many decimals as it is sent: 0.186 is to be stored as 0.186, not as 0.18600000000000000000.
    """
    for index, column in enumerate(table.columns):
        if pa.types.is_decimal(column.type):
            exact = fewest_decimals(column)
            table = table.set_column(index, table.field(index).with_type(exact.type), exact)
    return table


def fewest_decimals(values: Values) -> Values:
    """Decimals at the smallest of a few scales that keeps them exact."""
    for scale in _SCALES:
        scaled = pa.decimal128(38, scale)
        try:
            # Arrow tells what is not exact when it has gone through all of it; mostly the first few show it.
            values[:_FIRST_FEW].cast(scaled)
            return values.cast(scaled)
        except pa.ArrowInvalid:
            continue
    return values
