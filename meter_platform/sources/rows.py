"""What makes one row of a reading file acceptable: the rules of validation, each in one place.

This is the specification. `fast_lane.py` recognises plainly acceptable rows in bulk and sends every other row
here, so that these rules decide and speed never does. What does not belong here: JSON, files, Postgres.

Sources of the rules: Elexon (half-hour grid, settlement days), SERL observatory data documentation (sentinel and
impossible values), the case study (naive local times, labelled by their start).
"""

import re
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from meter_platform import calendar
from meter_platform.contracts.raw_data import IMPOSSIBLE_KWH, SENTINEL_KWH
from meter_platform.contracts.types import MOST_DECIMALS
from meter_platform.sources.meterpoint_ids import why_no_id

# Hour 24 and an offset of 60 minutes are left to no parser: Python reads them or not, by version.
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[ T]([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)?", re.ASCII
)
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)


class Reason(StrEnum):
    """Why a row is rejected. The codes are stored, counted and charted: they never change their meaning."""

    NOT_A_ROW = "not_a_row"
    BAD_METERPOINT = "bad_meterpoint"
    BAD_TIME = "bad_time"
    OFF_GRID = "off_grid"
    NONEXISTENT_TIME = "nonexistent_time"
    AMBIGUOUS_TIME = "ambiguous_time"
    BEFORE_FIRST_DATE = "before_first_date"
    FUTURE = "future"
    NOT_A_NUMBER = "not_a_number"
    NEGATIVE = "negative"
    SENTINEL = "sentinel"
    IMPOSSIBLE = "impossible"
    TOO_PRECISE = "too_precise"


class NumberText(str):
    """A JSON number as it is written, so that no digit is lost on the way to a decimal."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row that breaks no rule. `consumption` in kWh, `interval_start` in UTC."""

    meterpoint_id: str
    interval_start: datetime
    reference_date: date
    consumption: Decimal


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that breaks a rule, with what could be read of it."""

    reason: Reason
    detail: str
    meterpoint_id: str | None = None
    reference_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRules:
    """The market's conventions that rows are judged by.

    Attributes:
        zone: naive times are local to it.
        first_date: the first reference date that is kept.
        last_date: the newest reference date that a row may have: the day on which the file was first seen.
        label_at_end: times name the end of their half hour, not its start.
    """

    zone: ZoneInfo
    first_date: date
    last_date: date
    label_at_end: bool = False


@dataclass(slots=True)
class _Repeated:
    """A time that the clocks repeat, as one meterpoint has it in one file."""

    occurred: int = 0
    accepted: int = 0


@dataclass(slots=True)
class FileJudge:
    """Judges the rows of one file, in file order: the order tells the repeated autumn hours apart."""

    rules: RowRules
    _repeated: dict[tuple[str, datetime], _Repeated] = field(default_factory=dict)

    @property
    def ambiguous(self) -> int:
        """Accepted rows so far of which the time occurred once and may mean either of two half hours."""
        return sum(repeated.occurred == repeated.accepted == 1 for repeated in self._repeated.values())

    def judge(self, meterpoint: object, time: object, value: object) -> Accepted | Rejected:
        """Applies every rule to one row.

        Args:
            meterpoint: the row's meterpoint_id.
            time: its interval_start.
            value: its consumption_delta. Numbers of the JSON document are given as `NumberText`.
        """
        no_id = why_no_id(meterpoint, is_number=isinstance(meterpoint, NumberText))
        if no_id or not isinstance(meterpoint, str):
            return Rejected(Reason.BAD_METERPOINT, no_id or "meterpoint_id is no text")
        label = _label(time)
        if isinstance(label, str):
            return Rejected(Reason.BAD_TIME, label, meterpoint)
        resolved = label.astimezone(UTC) if label.tzinfo else self._naive(meterpoint, label)
        if isinstance(resolved, Rejected):
            return resolved
        local = calendar.local_label(resolved, self.rules.zone)
        if local.minute % 30 or local.second or local.microsecond:
            return Rejected(Reason.OFF_GRID, "interval_start is not on the half hour", meterpoint, local.date())
        start = resolved - calendar.HALF_HOUR if self.rules.label_at_end else resolved
        day = calendar.reference_date(start, self.rules.zone)
        rejection = self._outside(day) or _value_rejection(value)
        if rejection:
            reason, detail = rejection
            return Rejected(reason, detail, meterpoint, day)
        repeated = self._repeated.get((meterpoint, label))
        if repeated:
            repeated.accepted += 1
        return Accepted(meterpoint, start, day, abs(Decimal(str(value))))

    def _outside(self, day: date) -> tuple[Reason, str] | None:
        if day < self.rules.first_date:
            return Reason.BEFORE_FIRST_DATE, f"{day} is before {self.rules.first_date}, the first reference date kept"
        if day > self.rules.last_date:
            return Reason.FUTURE, f"{day} had not begun on {self.rules.last_date}, when the file was first seen"
        return None

    def _naive(self, meterpoint: str, label: datetime) -> datetime | Rejected:
        candidates = calendar.instants(label, self.rules.zone)
        if not candidates:
            return Rejected(Reason.NONEXISTENT_TIME, "the clocks skip this time in spring", meterpoint, label.date())
        if len(candidates) == 1:
            return candidates[0]
        repeated = self._repeated.setdefault((meterpoint, label), _Repeated())
        repeated.occurred += 1
        if repeated.occurred > len(candidates):
            return Rejected(
                Reason.AMBIGUOUS_TIME,
                f"occurrence {repeated.occurred} of a time that the clocks repeat once in autumn",
                meterpoint,
                label.date(),
            )
        return candidates[repeated.occurred - 1]


def _label(time: object) -> datetime | str:
    """The time that a row names; a text says why it names none."""
    if not isinstance(time, str) or isinstance(time, NumberText) or not _TIME.fullmatch(time):
        return "interval_start is not a time such as 2021-01-31 00:30:00"
    try:
        label = datetime.fromisoformat(time)
    except ValueError as error:
        return f"interval_start is no time: {error}"
    # Files use the ends of the calendar for "never". In another zone they would be beyond it.
    return label if MINYEAR < label.year < MAXYEAR else "interval_start is at the end of the calendar"


def _value_rejection(value: object) -> tuple[Reason, str] | None:
    """Why `value` is not the energy of a half hour; `None` where it is."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return Reason.NOT_A_NUMBER, "consumption_delta is not a decimal number"
    consumption = Decimal(str(value))
    decimals = len(f"{consumption:f}".partition(".")[2].rstrip("0"))
    if consumption < 0:
        return Reason.NEGATIVE, "consumption_delta is below 0 kWh on an import register"
    if consumption >= Decimal(SENTINEL_KWH):
        return Reason.SENTINEL, f"consumption_delta is at least {SENTINEL_KWH} kWh: the meter's sign for no value"
    if consumption > IMPOSSIBLE_KWH:
        return Reason.IMPOSSIBLE, f"consumption_delta is above {IMPOSSIBLE_KWH} kWh, more than a home can use"
    if decimals > MOST_DECIMALS:
        return Reason.TOO_PRECISE, f"consumption_delta has more than {MOST_DECIMALS} decimals"
    return None
