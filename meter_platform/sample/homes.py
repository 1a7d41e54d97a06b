"""Invented homes and what they use in each half hour.

What belongs here: kinds of homes, their loads through the day and the year, the readings in Wh. What does not: files,
agreements.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meter_platform.sample.chance import Integers, Topic, below, draw, hex_ids
from meter_platform.sample.plan import SamplePlan
from meter_platform.settlement import HALF_HOUR, day_start, days, local_label, periods

MOST: Final = 11_000
"""Wh in a half hour: just below what one 100 A supply can carry, so that no sample reading is improbable."""


class Kind(NamedTuple):
    """The load of a kind of home, in Wh per half hour at its size of 1.

    Attributes:
        base: what is never switched off.
        morning: top of the morning peak.
        evening: top of the evening peak, in midsummer.
        controlled: a load on a timer in the night: a storage heater, a car.
        controlled_until: the local hour the timer ends at; it starts at half past midnight.
        controlled_nights: on how many nights in 100.
        seasonal: whether the timer's load follows the cold.
        solar: what panels send to the grid at noon on a clear midsummer day.
    """

    base: int = 0
    morning: int = 0
    evening: int = 0
    controlled: int = 0
    controlled_until: float = 0.0
    controlled_nights: int = 0
    seasonal: bool = False
    solar: int = 0


_FLAT: Final = Kind(base=45, morning=90, evening=190)
_HOUSE: Final = Kind(base=80, morning=190, evening=360)
_FAMILY: Final = Kind(base=130, morning=330, evening=620)
STORAGE_HEATED: Final = Kind(
    base=70, morning=160, evening=300, controlled=2600, controlled_until=7.5, controlled_nights=100, seasonal=True
)
ELECTRIC_CAR: Final = Kind(
    base=110, morning=240, evening=430, controlled=3550, controlled_until=4.5, controlled_nights=45
)
_EMPTY: Final = Kind()
_EXPORT: Final = Kind(solar=1900)

_KINDS: Final = (_FLAT, _HOUSE, _FAMILY, STORAGE_HEATED, ELECTRIC_CAR, _EMPTY, _EXPORT)
_TEN: Final = (_HOUSE, _FLAT, _FAMILY, STORAGE_HEATED, _HOUSE, ELECTRIC_CAR, _FLAT, _HOUSE, _FAMILY, _HOUSE)
"""Any ten neighbours: more houses than anything else, one heated at night, one with a car."""


class Case(IntEnum):
    """The special cases of agreements; each number is the meterpoint's place among every fifty."""

    SWITCHES = 0
    EXPORTS = 1
    NEVER_AGREED = 2
    LAPSES = 3
    CANCELS = 4
    STANDS_EMPTY = 45


_CASES: Final = {case.value: case for case in Case}
_NEIGHBOURHOOD: Final = 50
"""After how many meterpoints the special cases come again: each is rare, and still there in a small sample."""


def case_of(index: int) -> Case | None:
    """The special case of a meterpoint, by its place in the plan from 0; None for most."""
    return _CASES.get(index % _NEIGHBOURHOOD)


def kind_of(index: int) -> Kind:
    """The kind of home at a place in the plan, from 0."""
    match case_of(index):
        case Case.EXPORTS:
            return _EXPORT
        case Case.STANDS_EMPTY:
            return _EMPTY
        case _:
            return _TEN[index % len(_TEN)]


@dataclass(frozen=True, slots=True)
class Homes:
    """Consecutive meterpoints.

    Attributes:
        ids: their ids.
        number: their places in the plan.
        kind: the index in `_KINDS` of each.
        size: each one's share of its kind's load, in thousandths.
    """

    ids: list[str]
    number: Integers
    kind: Integers
    size: Integers

    def part(self, start: int, stop: int) -> "Homes":
        """The meterpoints from `start` up to `stop`."""
        return Homes(self.ids[start:stop], self.number[start:stop], self.kind[start:stop], self.size[start:stop])

    def blocks(self, most: int) -> Iterator["Homes"]:
        """All of them in order, at most so many at a time."""
        for start in range(0, len(self.ids), most):
            yield self.part(start, start + most)


def homes_of(plan: SamplePlan) -> Homes:
    """All meterpoints of a plan."""
    number = np.arange(plan.meterpoints)
    cycle = np.array([_KINDS.index(kind_of(index)) for index in range(_NEIGHBOURHOOD)])
    return Homes(
        ids=hex_ids(plan.seed, Topic.METERPOINT_ID, plan.meterpoints),
        number=number,
        kind=cycle[number % _NEIGHBOURHOOD],
        size=600 + below(draw(plan.seed, Topic.SIZE, number), 1000),
    )


@dataclass(frozen=True, slots=True)
class HalfHours:
    """The half hours of some days, in order, and what each kind of home does in them.

    Attributes:
        labels: the naive local time of each, as printed.
        number: half hours since 1970, which no two share.
        days: the ordinals of the days.
        day: of each half hour, the index of its day in `days`.
        repeats: the pairs of half hours that share a label, as two arrays of indices: earlier, later.
        load: Wh, one row for each of `_KINDS`, one column for each half hour; varies with the home and by chance.
        controlled: the same for loads on a timer, which run or do not.
    """

    labels: list[str]
    number: Integers
    days: Integers
    day: Integers
    repeats: tuple[Integers, Integers]
    load: Integers
    controlled: Integers

    @property
    def count(self) -> int:
        """How many half hours."""
        return len(self.labels)


def half_hours_of(plan: SamplePlan, first: date, last: date) -> HalfHours:
    """The half hours of the local days from `first` to `last`, both included: 46, 48 or 50 a day."""
    ordinals = np.arange(first.toordinal(), last.toordinal() + 1)
    lengths = [periods(day, plan.zone) for day in days(first, last)]
    start = day_start(first, plan.zone)
    instants = [start + k * HALF_HOUR for k in range(sum(lengths))]
    times = [local_label(instant, plan.zone) for instant in instants]
    day = np.repeat(np.arange(len(lengths)), lengths)

    seen: dict[object, int] = {}
    repeats = [(seen[time], index) for index, time in enumerate(times) if seen.setdefault(time, index) != index]
    earlier, later = zip(*repeats, strict=True) if repeats else ((), ())

    # The middle of the half hour, as an hour of the local day: people follow the clock on the wall.
    hour = np.array([time.hour + time.minute / 60 + 0.25 for time in times])
    weekend = np.array([time.weekday() >= 5 for time in times])  # noqa: PLR2004 - Saturday, as the library counts
    day_of_year = np.array([time.timetuple().tm_yday for time in times])
    winter = 0.5 + 0.5 * np.cos((day_of_year - 15) * (2 * np.pi / 365.25))
    clear = (0.2 + 0.8 * below(draw(plan.seed, Topic.CLOUD, ordinals), 1000) / 1000)[day]
    shapes = [_shapes(kind, hour=hour, weekend=weekend, winter=winter, clear=clear) for kind in _KINDS]
    return HalfHours(
        labels=[time.isoformat(sep=" ") for time in times],
        number=int(start.timestamp() // HALF_HOUR.total_seconds()) + np.arange(len(times)),
        days=ordinals,
        day=day,
        repeats=(np.array(earlier, dtype=np.int64), np.array(later, dtype=np.int64)),
        load=np.array([load for load, _ in shapes]),
        controlled=np.array([controlled for _, controlled in shapes]),
    )


def _shapes(
    kind: Kind,
    *,
    hour: NDArray[np.float64],
    weekend: NDArray[np.bool_],
    winter: NDArray[np.float64],
    clear: NDArray[np.float64],
) -> tuple[Integers, Integers]:
    """The load of a kind of home and its load on a timer, in Wh, for each half hour given.

    Args:
        kind: the kind.
        hour: hour of the local day.
        weekend: whether it is Saturday or Sunday.
        winter: 1 in mid-January to 0 in mid-July.
        clear: how clear the sky is that day, up to 1.
    """
    rising = np.where(weekend, 9.0, 7.5)
    morning = np.exp(-(((hour - rising) / 1.3) ** 2))
    evening = np.exp(-(((hour - 18.75) / 2.2) ** 2)) * (1 + 0.6 * winter)
    at_home = np.where(weekend & (np.abs(hour - 13.5) < 4), 0.35, 0.0)  # noqa: PLR2004 - half past nine to half past five
    load = kind.base * (1 + 0.25 * winter) + kind.morning * (morning + at_home) + kind.evening * evening

    summer = 1 - winter
    sun = np.maximum(0, 1 - ((hour - 12.5) / (3.6 + 4.2 * summer)) ** 2) * (0.3 + 0.7 * summer)
    load = load + kind.solar * sun * clear

    on = (hour > 0.5) & (hour < kind.controlled_until)  # noqa: PLR2004 - half past midnight
    controlled = kind.controlled * on * (winter if kind.seasonal else 1.0)
    return np.rint(load).astype(np.int64), np.rint(controlled).astype(np.int64)


_CHANCE: Final = np.array(
    [round(1000 * math.exp(NormalDist(-0.08, 0.4).inv_cdf((i + 0.5) / 1024))) for i in range(1024)]
)
"""Thousandths: how one half hour differs from what is usual. Mostly less, now and then a kettle and an oven at once."""


def consumption(seed: int, homes: Homes, half_hours: HalfHours) -> Integers:
    """The readings, in Wh: one row for each meterpoint, one column for each half hour."""
    number = homes.number[:, np.newaxis]
    chance = _CHANCE[below(draw(seed, Topic.LOAD, number, half_hours.number), len(_CHANCE))]
    by_day = draw(seed, Topic.LEVEL, number, half_hours.days)
    level = homes.size[:, np.newaxis] * (750 + below(by_day, 500)) // 1000
    nights = np.array([kind.controlled_nights for kind in _KINDS])[homes.kind, np.newaxis]
    runs = below(by_day >> np.uint64(32), 100) < nights
    usual = half_hours.load[homes.kind] * level[:, half_hours.day]
    # Loads on a timer swing with the voltage alone.
    controlled = half_hours.controlled[homes.kind] * runs[:, half_hours.day] * (990 + chance // 100)
    wh: Integers = np.minimum(usual * chance // 1_000_000 + controlled // 1000, MOST)
    return wh
