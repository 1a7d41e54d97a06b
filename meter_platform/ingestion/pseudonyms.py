"""What stands in the place of an erased meterpoint: a pseudonym for each reference date, from a key.

What belongs here: digests under the key, and what is left of a row of the reference database. What does not: where the key
is (`erasure_key.py`), and which meterpoints were erased (`erased.py`).

The same meterpoint has the same pseudonym on a date, whoever delivers it and however often, so that a re-delivery is still
recognised as one; on another date it has another, so that days cannot be put together to a life.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

KEY_BYTES: Final = 32
PREFIX: Final = "erased-"
ERASED_TEXT: Final = "(erased)"
"""In the place of a rejected row's text."""

_DAY: Final = timedelta(days=1)
_YEAR_DAYS: Final = 365
_DIGEST_BYTES: Final = 12
"""96 bits: two of a billion pseudonyms are the same with a chance of 10^-11."""

IN_NAMES: Final = re.compile(rf"({PREFIX}[0-9a-f]{{{2 * _DIGEST_BYTES}}})")
"""A pseudonym in the name of a file."""


class Pseudonyms:
    """The pseudonyms of one key.

    Args:
        key: `KEY_BYTES` random bytes. Keyed BLAKE2 is a MAC: without the key a digest cannot be computed, so that trying
            out all ids, of which there are few, leads nowhere.

    Attributes:
        check: tells whether another key is this one, and nothing else about it.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self.check = self._digest("check", "", size=8)

    def token(self, meterpoint_id: str) -> str:
        """By what a meterpoint is on record as erased."""
        return self._digest("token", meterpoint_id, size=16)

    def meter_token(self, serial: str) -> str:
        """By what the serial number of an erased meterpoint's meter is on record."""
        return self._digest("meter token", serial, size=16)

    def meterpoint(self, meterpoint_id: str, day: date | None) -> str:
        """What stands for a meterpoint in rows of a reference date, or of none."""
        return PREFIX + self._digest("meterpoint", f"{day} {meterpoint_id}", size=_DIGEST_BYTES)

    def serial(self, serial: str, day: date) -> str:
        """What stands for the serial number of its meter: whoever has one knows whose it is. Empty for none."""
        return serial and PREFIX + self._digest("serial", f"{day} {serial}", size=_DIGEST_BYTES)

    def in_names(self, text: str) -> str:
        """What stands in the name of a file for a meterpoint, or for what may tell whose it is."""
        return PREFIX + self._digest("name", text, size=_DIGEST_BYTES)

    def agreement(self, agreement_id: int, day: date) -> int:
        """What stands for the number of an agreement: a negative number, which no source gives."""
        return -1 - int(self._digest("agreement", f"{day} {agreement_id}", size=8), 16) // 4

    def _digest(self, purpose: str, text: str, *, size: int) -> str:
        return hashlib.blake2b(text.encode(), key=self._key, person=purpose.encode(), digest_size=size).hexdigest()


def agreement_dates(since: date, until: date | None, day: date) -> tuple[date, date | None]:
    """What the rules need to know of an agreement's validity on a date, and no more.

    Kept is whether it is in force, begins later, was never in force, or has ended, and then for how many whole years.

    Args:
        since: its first day.
        until: the first day after it; `None` while it is open-ended.
        day: the reference date.

    Returns:
        The two dates to store.
    """
    if until is not None and until <= since:
        return day, day if until == since else day - _DAY
    if until is not None and until <= day:
        ended = day - timedelta(days=whole_years((day - until).days))
        return ended - _DAY, ended
    return (day if since <= day else day + _DAY), None


def whole_years(days: int) -> int:
    """Days, rounded down to years of 365 days."""
    return days // _YEAR_DAYS * _YEAR_DAYS


def without_person(row: Mapping[str, Any], pseudonyms: Pseudonyms) -> dict[str, Any]:
    """A row of a snapshot whose meterpoint was erased, without what tells whose it was.

    Args:
        row: of `raw_agreements` or `raw_meterpoints`.
        pseudonyms: by which.
    """
    day = row["reference_date"]
    changed = dict(row) | {"meterpoint_id": pseudonyms.meterpoint(row["meterpoint_id"], day)}
    if "agreement_id" in row:
        since, until = agreement_dates(row["agreement_valid_from"], row["agreement_valid_to"], day)
        changed |= {
            "agreement_id": pseudonyms.agreement(row["agreement_id"], day),
            "agreement_valid_from": since,
            "agreement_valid_to": until,
            "account_id": None,
        }
    return changed
