"""What a reading may say: the limits of its value, the words of its particulars.

What belongs here: plain values that contracts, formats and rules share. What does not: columns, of tables or of files
(`raw_data.py`).
"""

from datetime import datetime
from typing import Final

IMPOSSIBLE_KWH: Final = 24
"""No home can use more in half an hour: 200 A x 240 V for 0.5 h (SERL). More is rejected."""

IMPROBABLE_KWH: Final = "11.5"
"""More than a home's usual fuse passes in half an hour: 100 A x 230 V for 0.5 h. Kept, and warned about."""

SENTINEL_KWH: Final = "16777.215"
"""2^24-1 Wh: a meter's register without a value (SERL flag). Rejected."""

ERROR_CODES_FROM_KWH: Final = "16776.96"
"""0xFFFF00 Wh: from here up to the sentinel some meters send codes of other errors. The detail of their rejection says so."""

SAME_DECIMALS: Final = 9
"""Two values are the same if they are equal when rounded to this many decimals of a kWh: further decimals are rounding
noise of exports that compute in floats. Values are rounded rather than compared with a tolerance, for "close to" is not
transitive: which values are equal would depend on the pairs that were compared."""

MOST_DECIMALS: Final = 20
"""Decimals of a kWh that are kept: as many as any known export prints."""

REGISTERS: Final = ("import", "export")
QUALITIES: Final = ("actual", "estimated", "unknown")

UNSAID: Final[dict[str, str | datetime | None]] = {
    "register": "import",
    "quality": "unknown",
    "serial": "",
    "revised_at": None,
}
"""The columns that a row may give besides, and what each has where a file says nothing of it: what is read from the grid, by a
meter that nobody named, and no word on whether it was measured."""
