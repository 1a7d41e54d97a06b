"""What makes one row of a reading file acceptable: the rules of validation, each in one place.

This is the specification. `reading_files.py` recognises plainly acceptable rows in bulk and sends every other row
here, so that these rules decide and speed never does. What does not belong here: JSON, files, Postgres.

Sources of the rules: Elexon (half-hour grid, settlement days), SERL observatory data documentation (sentinel and
impossible values), the case study (naive local times, labelled by their start).
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from meter_platform import calendar
from meter_platform.contracts.raw_data import IMPOSSIBLE_KWH, SENTINEL_KWH
from meter_platform.contracts.types import MOST_DECIMALS

LONGEST_METERPOINT_ID: Final = 64
"""Characters of a meterpoint id: an MPAN has 13, a UUID 36; a longer text is not an id."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
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
class FileJudge:
    """Judges the rows of one file, in file order: the order tells the repeated autumn hours apart."""

    rules: RowRules
    _occurrences: dict[tuple[str, datetime], int] = field(default_factory=dict)

    @property
    def ambiguous(self) -> int:
        """Rows so far in a repeated autumn hour that occurred once, and may mean either of the two half hours."""
        return sum(1 for count in self._occurrences.values() if count == 1)

    def judge(self, meterpoint: object, time: object, value: object) -> Accepted | Rejected:
        """Applies every rule to one row.

        Args:
            meterpoint: the row's meterpoint_id.
            time: its interval_start.
            value: its consumption_delta. Numbers of the JSON document are given as `NumberText`.
        """
        if not isinstance(meterpoint, str) or not _is_id(meterpoint):
            return Rejected(Reason.BAD_METERPOINT, "meterpoint_id is no text of 1 to 64 printable characters")
        resolved = self._interval_start(meterpoint, time)
        if isinstance(resolved, Rejected):
            return resolved
        day = calendar.reference_date(resolved, self.rules.zone)
        rejection = self._outside(day) or _value_rejection(value)
        if rejection:
            reason, detail = rejection
            return Rejected(reason, detail, meterpoint, day)
        return Accepted(meterpoint, resolved, day, abs(Decimal(str(value))))

    def _outside(self, day: date) -> tuple[Reason, str] | None:
        if day < self.rules.first_date:
            return Reason.BEFORE_FIRST_DATE, f"{day} is before {self.rules.first_date}, the first reference date kept"
        if day > self.rules.last_date:
            return Reason.FUTURE, f"{day} had not begun on {self.rules.last_date}, when the file was first seen"
        return None

    def _interval_start(self, meterpoint: str, time: object) -> datetime | Rejected:
        if not isinstance(time, str) or isinstance(time, NumberText) or not _TIME.fullmatch(time):
            return Rejected(Reason.BAD_TIME, "interval_start is not a time such as 2021-01-31 00:30:00", meterpoint)
        try:
            label = datetime.fromisoformat(time)
        except ValueError as error:
            return Rejected(Reason.BAD_TIME, f"interval_start is no time: {error}", meterpoint)
        instant = label.astimezone(UTC) if label.tzinfo else self._naive(meterpoint, label)
        if isinstance(instant, Rejected):
            return instant
        local = calendar.local_label(instant, self.rules.zone)
        if local.minute % 30 or local.second or local.microsecond:
            return Rejected(Reason.OFF_GRID, "interval_start is not on the half hour", meterpoint, local.date())
        return instant - calendar.HALF_HOUR if self.rules.label_at_end else instant

    def _naive(self, meterpoint: str, label: datetime) -> datetime | Rejected:
        try:
            candidates = calendar.instants(label, self.rules.zone)
        except OverflowError:
            return Rejected(Reason.BAD_TIME, "interval_start is beyond the calendar", meterpoint)
        if not candidates:
            return Rejected(Reason.NONEXISTENT_TIME, "the clocks skip this time in spring", meterpoint, label.date())
        if len(candidates) == 1:
            return candidates[0]
        occurrence = self._occurrences.get((meterpoint, label), 0)
        self._occurrences[meterpoint, label] = occurrence + 1
        if occurrence >= len(candidates):
            return Rejected(
                Reason.AMBIGUOUS_TIME,
                f"occurrence {occurrence + 1} of a time that the clocks repeat once in autumn",
                meterpoint,
                label.date(),
            )
        return candidates[occurrence]


def _is_id(text: str) -> bool:
    return 1 <= len(text) <= LONGEST_METERPOINT_ID and text.isprintable()


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
