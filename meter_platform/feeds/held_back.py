"""When a whole file is held back: most of its rows break one rule, in a way that says something about all of them.

What belongs here: the rule that recognises such a file by its rejected rows. What does not: reading it (`reading.py`),
the rules for one row (`validation.py`).

One impossible value is a meter's fault, and the rows beside it are good. A file in which most values are impossible is
in another unit, and the few that are small enough to pass are as wrong as the others. So none of its rows is stored.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Final

from meter_platform.feeds.validation import Reason

FEWEST_ROWS: Final = 20
"""Rows that must be validated before a file is: of a handful, most may be rejected by chance."""

CODE: Final = "mostly_rejected"

_QUESTIONS: Final = {
    Reason.NOT_A_ROW: "is this another format?",
    Reason.BAD_METERPOINT: "is this another column?",
    Reason.BAD_TIME: "is this another column, or another format of times?",
    Reason.MISALIGNED_INTERVAL: "are these readings of half hours?",
    Reason.NOT_A_NUMBER: "is this another column, or another format of numbers?",
    Reason.NEGATIVE: "does this feed net what is exported?",
    Reason.IMPOSSIBLE: "Wh instead of kWh, or a register's readings?",
}
"""The reasons that speak about the file, and what to ask its supplier.

A sentinel, like a value that is null, says that the meter has no value, and nothing of the other rows. Neither do the
clock changes.
"""

_OTHER_DATES: Final = {Reason.BEFORE_FIRST_DATE, Reason.FUTURE}
"""Rows that nobody looks at any further: an archive begins before the first date that is kept."""

_NO_VALUE: Final = {"", "null", "none", "nan", "-", "n/a", "na"}
"""How files write that there is no value."""


class Suspicion:
    """What the rejected rows of one file say about the others."""

    def __init__(self) -> None:
        self._rows: Counter[Reason] = Counter()
        self._positions = array("i")  # of millions of rows, maybe

    def note(self, position: int, reason: Reason, value: object) -> None:
        """Counts a rejected row.

        Args:
            position: of the row in its file.
            reason: why it is rejected.
            value: its consumption_delta; `None` where it is null or cannot be told.
        """
        self._positions.append(position)
        if reason is Reason.NOT_A_NUMBER and (
            value is None or (isinstance(value, str) and value.strip().lower() in _NO_VALUE)
        ):
            return
        self._rows[reason] += 1

    def sorted_positions(self) -> Sequence[int]:
        """Where the rejected rows are."""
        return array("i", sorted(self._positions))

    def verdict(self, rows_in_file: int) -> str | None:
        """Why the file is held back, a code first; `None` where it is not.

        Args:
            rows_in_file: all rows that were validated.
        """
        validated = rows_in_file - sum(self._rows[reason] for reason in _OTHER_DATES)
        if validated < FEWEST_ROWS:
            return None
        reason = max(_QUESTIONS, key=lambda reason: self._rows[reason])
        rows = self._rows[reason]
        if 2 * rows <= validated:
            return None
        return f"{CODE}: {rows:,} of {validated:,} rows are {reason.value}: {_QUESTIONS[reason]}"
