"""What a sample is to hold, and what it turned out to hold."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal
from zoneinfo import ZoneInfo

from meter_platform.errors import PermanentError

FileLayout = Literal["per_meterpoint", "per_day"] | int

_LONDON: Final = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """What to generate.

    Every kind of home is there from 10 meterpoints on, and every special case of an agreement from 5.

    Attributes:
        meterpoints: how many meterpoints, each with a reading for every half hour.
        first: the first local day.
        last: the last local day, included.
        seed: plans that differ in it share neither ids nor figures.
        zone: the market's zone, whose naive local times the files print.
        files: a file for each meterpoint, a file for each day, or a number of files over which the meterpoints are
            spread, each spanning all days.
        pretty: the share of files that are printed over many lines, between 0 and 1.
        shuffled: the share of files whose rows are in no order, between 0 and 1. (Of the two readings with the same
            label on the autumn clock change the earlier one still comes first: the order is all that tells them apart.)
    """

    meterpoints: int = 60
    first: date
    last: date
    seed: int = 0
    zone: ZoneInfo = _LONDON
    files: FileLayout = "per_meterpoint"
    pretty: float = 0.03
    shuffled: float = 0.3

    def __post_init__(self) -> None:
        """Refuse a plan that would give nothing, or files with nothing in them."""
        if self.meterpoints < 1:
            raise PermanentError(f"A sample needs at least one meterpoint, not {self.meterpoints}.")
        if self.last < self.first:
            raise PermanentError(f"The sample's last day, {self.last}, is before its first, {self.first}.")
        if isinstance(self.files, int) and not 1 <= self.files <= self.meterpoints:
            raise PermanentError(
                f"{self.meterpoints} meterpoints can be spread over 1 to {self.meterpoints} files, not {self.files}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSummary:
    """What was generated, counted while it was written.

    Attributes:
        files: reading files.
        readings: rows in all of them.
        meterpoints: rows of the reference database's `meterpoint`.
        agreements: rows of its `agreement`.
        kwh: the exact total of the readings, export included.
    """

    files: int
    readings: int
    meterpoints: int
    agreements: int
    kwh: Decimal
