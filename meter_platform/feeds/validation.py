"""What makes one row of a reading file acceptable: the rules of validation, each in one place.

This is the specification. `bulk_validation.py` recognises plainly acceptable rows in bulk and sends every other row
here, so that these rules decide and speed never does. What does not belong here: JSON, files, Postgres.

Sources of the rules: Elexon (half-hour grid, settlement days), SERL observatory data documentation (sentinel and
impossible values), the case study (naive local times, labelled by their start).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from meter_platform import settlement
from meter_platform.contracts.readings import ERROR_CODES_FROM_KWH, IMPOSSIBLE_KWH, MOST_DECIMALS, SENTINEL_KWH, UNSAID
from meter_platform.feeds.feed import Order
from meter_platform.feeds.formats.format import NumberText
from meter_platform.feeds.meterpoint_ids import why_no_id
from meter_platform.feeds.particulars import NONE_SAID, BadParticularsError, Particulars, particulars
from meter_platform.feeds.repeated_hours import Around, Placement, instants_around, place

# An offset of 60 minutes is left to no parser, nor is hour 24, the end of its day (ISO 8601): Python reads them or not, by
# version.
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[ T](([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,6})?)?|(?P<end_of_day>24:00)(:00(\.0{1,6})?)?)"
    r"(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)?",
    re.ASCII,
)
_DATE: Final = re.compile(r" *(\d{4})(?:([-/.])(\d\d?)\2(\d\d?)|(\d\d)(\d\d))(?!\d)", re.ASCII)
"""A date, year first, at the start of what else is no time. One with the year last may be of two days."""

_HOUR: Final = len("2021-01-31 ")
"""Where the hour stands in a time."""

Extras = Mapping[str, str | None] | None
"""What a row says besides a meterpoint, a time and a value, by the names of UNSAID; `None`: nothing."""

_MOST_OCCURRENCES: Final = 2
"""The clocks repeat a time once."""

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)

_DIGITS_BEFORE_POINT: Final = 38 - MOST_DECIMALS
"""Of the largest number that Arrow's decimals hold beside the decimals that are kept."""
_SMALLEST_KWH: Final = Decimal(1).scaleb(-MOST_DECIMALS)
_ROOMY: Final = Context(prec=40)


class Reason(StrEnum):
    """Why a row is rejected. The codes are stored, counted and charted: they never change their meaning."""

    NOT_A_ROW = "not_a_row"
    BAD_METERPOINT = "bad_meterpoint"
    BAD_TIME = "bad_time"
    MISALIGNED_INTERVAL = "misaligned_interval"
    NONEXISTENT_TIME = "nonexistent_time"
    AMBIGUOUS_TIME = "ambiguous_time"
    BEFORE_FIRST_DATE = "before_first_date"
    FUTURE = "future"
    NOT_A_NUMBER = "not_a_number"
    NEGATIVE = "negative"
    SENTINEL = "sentinel"
    IMPOSSIBLE = "impossible"
    TOO_PRECISE = "too_precise"
    FILE_HELD_BACK = "file_held_back"
    """The row breaks no rule, but most others of its file do: `held_back.py`."""
    CONFLICT_IN_FILE = "conflict_in_file"
    INCOMPLETE_HALF_HOUR = "incomplete_half_hour"
    """Shorter intervals make up the half hour, and one of them is missing: `half_hours.py`."""
    BAD_PARTICULARS = "bad_particulars"
    """The register, the serial number or the time of revision that the row says is none: `particulars.py`."""
    OTHER_QUANTITY = "other_quantity"
    """The file says that the value is no active energy of electricity, such as kVArh or m3, or none that its feed wants."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row that breaks no rule, with the names of the contract: `consumption_delta` in kWh, `interval_start` in UTC."""

    meterpoint_id: str
    interval_start: datetime
    reference_date: date
    consumption_delta: Decimal
    particulars: Particulars = NONE_SAID


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that breaks a rule, with what could be read of it."""

    reason: Reason
    detail: str
    meterpoint_id: str | None = None
    reference_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRules:
    """The market's conventions that rows are held to.

    Attributes:
        zone: the market's: reference dates are its days.
        first_date: the first reference date that is kept.
        last_date: the newest reference date that a row may have: the day on which the file was first seen.
        label_at_end: times name the end of their half hour, not its start.
        label_zone: naive times are local to it; `None`: to the market's zone.
        order: of the rows of a meterpoint in a file.
    """

    zone: ZoneInfo
    first_date: date
    last_date: date
    label_at_end: bool = False
    label_zone: ZoneInfo | None = None
    order: Order = "detected"

    @property
    def clocks(self) -> tuple[ZoneInfo, Order]:
        """What decides where the times of a repeated hour belong: the zone that they are local to, and their order."""
        return self.label_zone or self.zone, self.order


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row with a time that the clocks repeat: where it belongs is known when the whole file is."""


WAITING: Final = Waiting()


class FileValidation:
    """Validates the rows of one file: those around them tell where the repeated autumn hours belong.

    Rows are validated in file order, and `finish` validates those that had to wait.

    Args:
        rules: the market's conventions.

    Attributes:
        rules: those given.
        around: the rows so far with naive times in or beside an hour that the clocks repeat.
        ambiguous: accepted rows, once all are validated, of which the file does not tell which of two half hours they mean.
    """

    def __init__(self, rules: RowRules) -> None:
        self.rules = rules
        self.around: list[Around] = []
        self.ambiguous = 0
        self._position = 0
        self._waiting: dict[int, tuple[Around, object, Extras]] = {}

    def validate(
        self, meterpoint: object, time: object, value: object, *, position: int | None = None, extras: Extras = None
    ) -> Accepted | Rejected | Waiting:
        """Applies every rule to one row.

        Args:
            meterpoint: the row's meterpoint_id.
            time: its interval_start.
            value: its consumption_delta. Numbers of a format that tells them from texts are given as `NumberText`.
            position: of the row in its file, counted from 1; that after the last row's if not given.
            extras: what the row says besides.
        """
        self._position = position or self._position + 1
        no_id = why_no_id(meterpoint, is_number=isinstance(meterpoint, NumberText))
        if no_id or not isinstance(meterpoint, str):
            return Rejected(Reason.BAD_METERPOINT, no_id or "meterpoint_id is no text")
        label = _label(time)
        if isinstance(label, str):
            return Rejected(Reason.BAD_TIME, label, meterpoint, _date_of(time))
        if label.tzinfo:
            return self._at(label.astimezone(UTC), meterpoint, value, extras)
        return self._naive(label, meterpoint, value, extras)

    def refused(self, meterpoint: object, time: object, *, reason: Reason, detail: str) -> Rejected:
        """The verdict on a row that its format has found a fault in, with what can be told of it."""
        is_id = (
            isinstance(meterpoint, str) and why_no_id(meterpoint, is_number=isinstance(meterpoint, NumberText)) is None
        )
        label = _label(time)
        day = _date_of(time)
        if isinstance(label, datetime):
            zone, _ = self.rules.clocks
            instants = [label.astimezone(UTC)] if label.tzinfo else settlement.instants(label, zone)
            day = settlement.reference_date(self._start(instants[0]), self.rules.zone) if instants else label.date()
        return Rejected(reason, detail, str(meterpoint) if is_id else None, day)

    def finish(self, placements: Mapping[int, Placement] | None = None) -> Iterator[tuple[int, Accepted | Rejected]]:
        """Validates the rows that waited, now that the file has ended; with their positions.

        Args:
            placements: where they belong, by position, if this validation has not seen all rows around them.
        """
        if placements is None:
            placements = place(self.around, *self.rules.clocks)
        for position, (around, value, extras) in self._waiting.items():
            verdict = self.placed(around, value, placements[position], extras)
            self.ambiguous += isinstance(verdict, Accepted) and not placements[position].is_certain
            yield position, verdict
        self._waiting.clear()
        self.around.clear()

    def placed(self, around: Around, value: object, placement: Placement, extras: Extras = None) -> Accepted | Rejected:
        """The verdict on a row that waited."""
        instants = [settlement.EPOCH + timedelta(microseconds=micros) for micros in (around.first, around.second)]
        if placement.choice is not None:
            return self._at(instants[placement.choice], around.meterpoint, value, extras)
        day = settlement.reference_date(self._start(instants[0]), self.rules.zone)
        return Rejected(Reason.AMBIGUOUS_TIME, _why_not_placed(placement), around.meterpoint, day)

    def _naive(self, label: datetime, meterpoint: str, value: object, extras: Extras) -> Accepted | Rejected | Waiting:
        zone, _ = self.rules.clocks
        candidates = settlement.instants(label, zone)
        if not candidates:
            return Rejected(Reason.NONEXISTENT_TIME, "the clocks skip this time in spring", meterpoint, label.date())
        if _is_misaligned(label):
            return _misaligned(meterpoint, label.date())
        instants = instants_around(candidates, zone)
        if instants:
            # As they are meant: who says `import` and who says nothing mean the same register.
            of = [((extras or {}).get(name) or "").strip() or str(UNSAID[name]) for name in ("register", "serial")]
            self.around.append(Around(self._position, meterpoint, *instants, *of))
            if len(candidates) > 1:
                self._waiting[self._position] = self.around[-1], value, extras
                return WAITING
        return self._at(candidates[0], meterpoint, value, extras)

    def _start(self, instant: datetime) -> datetime:
        """The start of the half hour that a time with this meaning names."""
        return instant - settlement.HALF_HOUR if self.rules.label_at_end else instant

    def _at(self, instant: datetime, meterpoint: str, value: object, extras: Extras) -> Accepted | Rejected:
        """The verdict on a row with a time that means this instant."""
        local = settlement.local_label(instant, self.rules.zone)
        if _is_misaligned(local):
            return _misaligned(meterpoint, local.date())
        start = self._start(instant)
        day = settlement.reference_date(start, self.rules.zone)
        rejection = self._outside(day) or _value_rejection(value)
        if rejection:
            reason, detail = rejection
            return Rejected(reason, detail, meterpoint, day)
        try:
            said = particulars(extras, self.rules.clocks[0]) if extras else NONE_SAID
        except BadParticularsError as error:
            return Rejected(Reason.BAD_PARTICULARS, str(error), meterpoint, day)
        return Accepted(meterpoint, start, day, abs(Decimal(str(value))), said)

    def _outside(self, day: date) -> tuple[Reason, str] | None:
        if day < self.rules.first_date:
            return Reason.BEFORE_FIRST_DATE, f"{day} is before {self.rules.first_date}, the first reference date kept"
        if day > self.rules.last_date:
            return Reason.FUTURE, f"{day} had not begun on {self.rules.last_date}, when the file was first seen"
        return None


def _is_misaligned(local: datetime) -> bool:
    return bool(local.minute % 30 or local.second or local.microsecond)


def _misaligned(meterpoint: str, day: date) -> Rejected:
    return Rejected(Reason.MISALIGNED_INTERVAL, "interval_start is not on the half hour", meterpoint, day)


def _why_not_placed(placement: Placement) -> str:
    if placement.occurrence > _MOST_OCCURRENCES:
        return f"occurrence {placement.occurrence} of a time that the clocks repeat once in autumn"
    return (
        "the clocks repeat this time in autumn, and no row beside it in its file tells which of the two half hours it "
        "means: send times with their offset from UTC, or the hour in one file"
    )


def _label(time: object) -> datetime | str:
    """The time that a row names; a text says why it names none."""
    match = _TIME.fullmatch(time) if isinstance(time, str) and not isinstance(time, NumberText) else None
    if match is None:
        return "interval_start is not a time such as 2021-01-31 00:30:00"
    ends_day = match["end_of_day"] is not None
    try:
        label = datetime.fromisoformat(f"{match[0][:_HOUR]}00{match[0][_HOUR + 2 :]}" if ends_day else match[0])
        label += timedelta(days=ends_day)
    except (ValueError, OverflowError) as error:
        return f"interval_start is no time: {error}"
    # Files use the ends of the calendar for "never". In another zone they would be beyond it.
    return label if MINYEAR < label.year < MAXYEAR else "interval_start is at the end of the calendar"


def _date_of(time: object) -> date | None:
    """The date that stands in what is no time, where one can be read."""
    match = _DATE.match(time) if isinstance(time, str) and not isinstance(time, NumberText) else None
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[3] or match[5]), int(match[4] or match[6]))
    except ValueError:
        return None


def acceptable_kwh(value: object) -> Decimal | None:
    """The energy that a value says, to as many decimals as are kept; `None` where it breaks a rule."""
    return None if _value_rejection(value) else readable_kwh(value)


def readable_kwh(value: object) -> Decimal | None:
    """The number that a value holds, to as many decimals as are kept; `None` where none can be read."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    consumption = Decimal(str(value))
    if not consumption:
        return Decimal(0)
    if consumption.adjusted() < _DIGITS_BEFORE_POINT:
        rounded = consumption.quantize(_SMALLEST_KWH, context=_ROOMY)
        if rounded.adjusted() < _DIGITS_BEFORE_POINT:
            return rounded or Decimal(0)  # no "-0"
    return None


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
        why = f"consumption_delta is above {IMPOSSIBLE_KWH} kWh, more than a home can use"
        if consumption >= Decimal(ERROR_CODES_FROM_KWH):
            why += f"; just below {SENTINEL_KWH} kWh it is likely a meter's error code"
        return Reason.IMPOSSIBLE, why
    if decimals > MOST_DECIMALS:
        return Reason.TOO_PRECISE, f"consumption_delta has more than {MOST_DECIMALS} decimals"
    return None
