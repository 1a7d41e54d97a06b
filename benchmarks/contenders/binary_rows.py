"""Readings from Arrow as rows of Postgres's binary COPY, many at a time.

What belongs here: the format of seven columns. The driver's own encoder (ADBC) goes from row to row and from value to
value, and takes seven times as long. What does not: connections.

Rows of ids of one length have one length themselves, so that a batch is one NumPy array: what never changes (lengths
of values, the load's time) is written once, and each column with one call.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"

_EPOCH: Final = 946_684_800_000_000
"""Microseconds from 1970 to 2000, from where Postgres counts."""

_EPOCH_DAYS: Final = 10_957

_THOUSANDTHS: Final = 1000
_DECIMALS: Final = 3


class RowEncoder:
    """Encodes meterpoint_id, interval_start, reference_date, consumption_delta (decimal128(38, 3), below 10,000),
    source_file_id, source_position, loaded_at.

    Args:
        loaded_at: microseconds since 1970, of every row.
    """  # noqa: D205 - the columns are the summary

    def __init__(self, loaded_at: int) -> None:
        self._loaded_at = loaded_at - _EPOCH
        self._buffers: dict[int, NDArray[np.void]] = {}

    def encode(self, batch: pa.RecordBatch) -> list[memoryview]:
        """The rows as bytes, valid until the next call; one block for each length of id."""
        lengths = pc.binary_length(batch["meterpoint_id"])
        shortest, longest = pc.min_max(lengths).as_py().values()
        if shortest == longest:
            return [self._block(batch, shortest)]
        return [
            self._block(batch.filter(pc.equal(lengths, length)), length) for length in pc.unique(lengths).to_pylist()
        ]

    def _block(self, batch: pa.RecordBatch, length: int) -> memoryview:
        rows = self._buffer(length, batch.num_rows)
        ids = batch["meterpoint_id"]
        start = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset]
        rows["id"] = np.frombuffer(ids.buffers()[2], f"S{length}", count=batch.num_rows, offset=start)
        np.subtract(_values(batch["interval_start"], np.int64), _EPOCH, out=rows["start"], casting="unsafe")
        np.subtract(_values(batch["reference_date"], np.int32), _EPOCH_DAYS, out=rows["day"], casting="unsafe")
        # Two base-10,000 digits, whole and fraction. Postgres drops the zeros that other software would not have sent.
        thousandths = _values(batch["consumption_delta"], np.int64, stride=2)
        whole, fraction = np.divmod(thousandths, _THOUSANDTHS)
        rows["whole"] = whole
        np.multiply(fraction, 10, out=rows["fraction"], casting="unsafe")
        rows["file"] = _values(batch["source_file_id"], np.int64)
        rows["position"] = _values(batch["source_position"], np.int32)
        return rows.data.cast("B")

    def _buffer(self, length: int, count: int) -> NDArray[np.void]:
        buffer = self._buffers.get(length)
        if buffer is None or len(buffer) < count:
            buffer = np.zeros(count, _row_type(length))
            buffer["fields"] = 7
            buffer["id_length"] = length
            buffer["start_length"] = buffer["file_length"] = buffer["loaded_length"] = 8
            buffer["day_length"] = buffer["position_length"] = 4
            buffer["kwh_length"] = 12
            buffer["digits"] = 2
            buffer["decimals"] = _DECIMALS
            buffer["loaded"] = self._loaded_at
            self._buffers[length] = buffer
        return buffer[:count]


def _row_type(length: int) -> np.dtype[np.void]:
    return np.dtype(
        [
            ("fields", ">i2"),
            ("id_length", ">i4"),
            ("id", f"S{length}"),
            ("start_length", ">i4"),
            ("start", ">i8"),
            ("day_length", ">i4"),
            ("day", ">i4"),
            ("kwh_length", ">i4"),
            ("digits", ">i2"),
            ("weight", ">i2"),
            ("sign", ">i2"),
            ("decimals", ">i2"),
            ("whole", ">i2"),
            ("fraction", ">i2"),
            ("file_length", ">i4"),
            ("file", ">i8"),
            ("position_length", ">i4"),
            ("position", ">i4"),
            ("loaded_length", ">i4"),
            ("loaded", ">i8"),
        ]
    )


def _values(column: pa.Array, dtype: type[np.integer], *, stride: int = 1) -> NDArray[np.integer]:
    """A column's memory as an array; of decimals, which are two words each, the low one."""
    values: NDArray[np.integer] = np.frombuffer(column.buffers()[1], dtype)
    return values[stride * column.offset : stride * (column.offset + len(column)) : stride]
