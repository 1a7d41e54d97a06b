"""What a row says besides a meterpoint, a time and a value: its register, its quality, the meter's serial number, a revision.

What belongs here: from the texts of a format to the columns of the contract's `Particulars`, for one row and for many. What
does not: codes of a feed (its format has translated them), and which value counts (`rules/deliveries.py`).

A text that is empty says nothing, and the column has what UNSAID says. Of quality whatever is no word for it is unknown; all
else that cannot be understood is a fault of the row, for it says what the value means.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from meter_platform import settlement
from meter_platform.contracts.readings import QUALITIES, REGISTERS, UNSAID
from meter_platform.errors import InternalError

LONGEST_SERIAL: Final = 40
_SERIAL: Final = re.compile(rf"[ -~]{{1,{LONGEST_SERIAL}}}", re.ASCII)
_FAULTS: Final = {
    "register": "register is neither import nor export: the feed's `registers` says what other codes mean",
    "serial": f"serial is no serial number of at most {LONGEST_SERIAL} printable characters",
    "revised_at": "revised_at is no time",
}


@dataclass(frozen=True, slots=True)
class Particulars:
    """The particulars of one row, as the contract has them."""

    register: str = "import"
    quality: str = "unknown"
    serial: str = ""
    revised_at: datetime | None = None


NONE_SAID: Final = Particulars(**UNSAID)  # type: ignore[arg-type] # the contract has the same types


class BadParticularsError(InternalError):
    """A text is none of what its column may say."""


def particulars(texts: Mapping[str, str | None], zone: ZoneInfo) -> Particulars:
    """The particulars of a row.

    Args:
        texts: what the row says, by the names of UNSAID.
        zone: naive times of revision are local to it.

    Raises:
        BadParticularsError: saying what is wrong.
    """
    said = {name: _value(name, text or "", zone) for name, text in texts.items()}
    return Particulars(**said)  # type: ignore[arg-type] # each reader makes what its column has


def columns(texts: Mapping[str, pa.DictionaryArray], zone: ZoneInfo) -> tuple[dict[str, pa.Array], dict[str, pa.Array]]:
    """The particulars of many rows.

    Args:
        texts: what the rows say, by the names of UNSAID.
        zone: naive times of revision are local to it.

    Returns:
        The columns, none where every row says nothing; and of each that was given whether each different text is good.
    """
    found: dict[str, pa.Array] = {}
    are_good: dict[str, pa.Array] = {}
    for name, column in texts.items():
        values: list[Any] = []
        good: list[bool] = []
        for text in column.dictionary.to_pylist():
            try:
                values.append(_value(name, text or "", zone))
                good.append(True)
            except BadParticularsError:
                values.append(UNSAID[name])
                good.append(False)
        are_good[name] = pa.array(good, pa.bool_())
        if not all(good) or any(value != UNSAID[name] for value in values):
            found[name] = pa.array(values, _kind(name)).take(column.indices)
    if found:
        count = len(next(iter(found.values())))
        for name, value in UNSAID.items():
            if name not in found:
                found[name] = pa.repeat(pa.scalar(value, _kind(name)), count)
    return found, are_good


def _kind(name: str) -> pa.DataType:
    return settlement.INSTANT if name == "revised_at" else pa.string()


@lru_cache(1 << 16)
def _value(name: str, text: str, zone: ZoneInfo) -> str | datetime | None:
    text = text.strip()
    if not text:
        return UNSAID[name]
    value = _READ[name](text, zone)
    if value is None:
        raise BadParticularsError(_FAULTS[name])
    return value


def _register(text: str, _: ZoneInfo) -> str | None:
    return text if text in REGISTERS else None


def _quality(text: str, _: ZoneInfo) -> str:
    return text if text in QUALITIES else "unknown"


def _serial(text: str, _: ZoneInfo) -> str | None:
    return text if _SERIAL.fullmatch(text) else None


def _revision(text: str, zone: ZoneInfo) -> datetime | None:
    """An instant. Of a time that the clocks repeat it is the first, of one that they skip the end of what they skip."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_READ: Final[dict[str, Callable[[str, ZoneInfo], str | datetime | None]]] = {
    "register": _register,
    "quality": _quality,
    "serial": _serial,
    "revised_at": _revision,
}
