"""Tells which serial numbers of meters can be hidden in names: those that nobody takes for something else.

What belongs here: the rule for one serial number. What does not: whose it is (`erased.py`).
"""

import re
from datetime import datetime
from typing import Final

LEAST_CHARACTERS: Final = 6
"""A shorter one is as likely a month, a region or a counter: hidden, it would hide names that tell of nobody."""

_DATES: Final = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%Y%m", "%m%Y", "%y%m%d")
"""As folders are named by dates, without what stands between the numbers."""

_YEARS: Final = range(1970, 2100)
_BETWEEN: Final = re.compile(r"[-_./ ]")


def can_be_hidden(serial: str) -> bool:
    """Whether a serial number is long enough to be one meter's alone, has a digit, and is no date."""
    return len(serial) >= LEAST_CHARACTERS and any(map(str.isdigit, serial)) and not _is_date(serial)


def _is_date(text: str) -> bool:
    """Whether it is a day, a month or a point in time."""
    try:
        return datetime.fromisoformat(text).year in _YEARS
    except ValueError:
        digits = _BETWEEN.sub("", text)
        return any(_is_written_so(digits, form) for form in _DATES)


def _is_written_so(digits: str, form: str) -> bool:
    try:
        day = datetime.strptime(digits, form)  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        return False
    return day.year in _YEARS and day.strftime(form) == digits
