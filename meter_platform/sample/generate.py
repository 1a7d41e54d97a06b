"""Generated sample input: reading files and a reference database, as a supplier would hand them over.

What belongs here: invented homes with believable loads and agreements, written in the two forms that the sources read.
What does not: reading or validating them, faulty input (a test spoils its own copy), Dagster.

The figures come from integer arithmetic on numbered draws, not from a generator with a state: a reading depends on
the seed, its meterpoint and its half hour, and on nothing else. Thus one plan always gives the same bytes, the same
readings come out whatever files they are spread over, and memory holds one block of them at a time. Seasons are the
northern hemisphere's.
"""

import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum
from itertools import accumulate
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from meter_platform.errors import PermanentError
from meter_platform.settlement import HALF_HOUR, day_start, days, local_label, periods

FileLayout = Literal["per_meterpoint", "per_day"] | int
Progress = Callable[[int, int], None]

_Integers = NDArray[np.int64]
_Draws = NDArray[np.uint64]
_Texts = NDArray[np.object_]

_DAY: Final = timedelta(days=1)
_LONDON: Final = ZoneInfo("Europe/London")

_BLOCK: Final = 250_000
"""Readings made and held at a time: some 100 MB, and enough of them that the calls around them cost nothing."""

_MOST: Final = 11_000
"""Wh in a half hour: just below what one 100 A supply can carry, so that no sample reading is improbable."""


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


def generate(plan: SamplePlan, out: Path, progress: Progress | None = None) -> SampleSummary:
    """Write the sample: `out/readings/*.json` and `out/reference.db`.

    A file appears whole or not at all. Files of the same names are replaced, others are left where they are, so that a
    later plan can deliver more days beside earlier ones.

    Args:
        plan: what to generate.
        out: the folder to write to; created if need be.
        progress: called after each reading file with the files written so far and the files in all.
    """
    folder = out / "readings"
    folder.mkdir(parents=True, exist_ok=True)
    homes = _homes(plan)
    agreements = _write_reference(plan, homes, out / "reference.db")

    written = readings = wh = 0
    total = _file_count(plan)
    for name, part, slots in _files(plan, homes):
        style = _PRETTY if _takes(written, plan.pretty) else _COMPACT
        with (
            _replacing(folder / f"{name}.json") as temporary,
            temporary.open("w", encoding="ascii", newline="\n") as file,
        ):
            file.write(style.opening)
            before = ""
            for block in part.blocks(max(1, _BLOCK // slots.count)):
                values = _consumption(plan.seed, block, slots)
                order = _shuffled(plan.seed, block, slots) if _takes(written, plan.shuffled) else np.arange(values.size)
                file.write(before + style.between.join(_rows(style, block, slots, values, order)))
                before = style.between
                readings += values.size
                wh += int(values.sum())
            file.write(style.closing)
        written += 1
        if progress is not None:
            progress(written, total)
    return SampleSummary(
        files=written,
        readings=readings,
        meterpoints=plan.meterpoints,
        agreements=agreements,
        kwh=Decimal(wh).scaleb(-3),
    )


# --- Chance -----------------------------------------------------------------------------------------------------------


class _Topic(IntEnum):
    """What a draw is for, so that draws for different things are independent of each other."""

    LOAD = 1
    LEVEL = 2
    ORDER = 3
    SIZE = 4
    HISTORY = 5
    PRODUCT_ID = 6
    CLOUD = 7
    METERPOINT_ID = 8
    ACCOUNT_ID = 9


def _draw(seed: int, topic: _Topic, *keys: _Integers) -> _Draws:
    """Uniform 64-bit numbers, each a function of the seed, the topic and one element of each key (which broadcast).

    The mixing is SplitMix64's (Steele, Lea and Flood 2014): far cheaper than a generator for each meterpoint and day,
    and in no need of an order in which to draw.
    """
    state = np.array([seed & 0xFFFF_FFFF_FFFF_FFFF], dtype=np.uint64)
    for key in (np.array([int(topic)]), *keys):
        state = (state + np.uint64(0x9E37_79B9_7F4A_7C15)) ^ key.astype(np.uint64)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
        state = state ^ (state >> np.uint64(31))
    return state


def _below(draws: _Draws, limit: int) -> _Integers:
    """Draws as integers from 0 to `limit` - 1."""
    return (draws % np.uint64(limit)).astype(np.int64)


def _hex_ids(seed: int, topic: _Topic, count: int) -> list[str]:
    """Ids of 10 hexadecimal characters that look random and all differ: each step permutes the 40-bit numbers."""
    mask = np.uint64((1 << 40) - 1)
    numbers = (np.arange(count, dtype=np.uint64) + _draw(seed, topic)) & mask
    for factor in (0x9E_3779_B97F, 0xC2_B2AE_3D27):
        numbers = (numbers * np.uint64(factor)) & mask
        numbers ^= numbers >> np.uint64(21)
    return [f"{number:010x}" for number in numbers.tolist()]


def _takes(index: int, share: float) -> bool:
    """Whether file `index` is among a `share` of all: evenly spread from the second on, the first only if all are."""
    return math.ceil(index * share) > math.ceil((index - 1) * share)


# --- Homes and their loads --------------------------------------------------------------------------------------------


class _Kind(NamedTuple):
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


_FLAT: Final = _Kind(base=45, morning=90, evening=190)
_HOUSE: Final = _Kind(base=80, morning=190, evening=360)
_FAMILY: Final = _Kind(base=130, morning=330, evening=620)
_STORAGE_HEATED: Final = _Kind(
    base=70, morning=160, evening=300, controlled=2600, controlled_until=7.5, controlled_nights=100, seasonal=True
)
_ELECTRIC_CAR: Final = _Kind(
    base=110, morning=240, evening=430, controlled=3550, controlled_until=4.5, controlled_nights=45
)
_EMPTY: Final = _Kind()
_EXPORT: Final = _Kind(solar=1900)

_KINDS: Final = (_FLAT, _HOUSE, _FAMILY, _STORAGE_HEATED, _ELECTRIC_CAR, _EMPTY, _EXPORT)
_TEN: Final = (_HOUSE, _FLAT, _FAMILY, _STORAGE_HEATED, _HOUSE, _ELECTRIC_CAR, _FLAT, _HOUSE, _FAMILY, _HOUSE)
"""Any ten neighbours: more houses than anything else, one heated at night, one with a car."""


class _Case(IntEnum):
    """The special cases of agreements; each number is the meterpoint's place among every fifty."""

    SWITCHES = 0
    EXPORTS = 1
    NEVER_AGREED = 2
    LAPSES = 3
    CANCELS = 4
    STANDS_EMPTY = 45


_CASES: Final = {case.value: case for case in _Case}
_NEIGHBOURHOOD: Final = 50
"""After how many meterpoints the special cases come again: each is rare, and still there in a small sample."""


def _case(index: int) -> _Case | None:
    return _CASES.get(index % _NEIGHBOURHOOD)


def _kind(index: int) -> _Kind:
    match _case(index):
        case _Case.EXPORTS:
            return _EXPORT
        case _Case.STANDS_EMPTY:
            return _EMPTY
        case _:
            return _TEN[index % len(_TEN)]


@dataclass(frozen=True, slots=True)
class _Homes:
    """Consecutive meterpoints.

    Attributes:
        ids: their ids.
        number: their places in the plan.
        kind: the index in `_KINDS` of each.
        size: each one's share of its kind's load, in thousandths.
    """

    ids: list[str]
    number: _Integers
    kind: _Integers
    size: _Integers

    def part(self, start: int, stop: int) -> "_Homes":
        """The meterpoints from `start` up to `stop`."""
        return _Homes(self.ids[start:stop], self.number[start:stop], self.kind[start:stop], self.size[start:stop])

    def blocks(self, most: int) -> Iterator["_Homes"]:
        """All of them in order, at most so many at a time."""
        for start in range(0, len(self.ids), most):
            yield self.part(start, start + most)


def _homes(plan: SamplePlan) -> _Homes:
    number = np.arange(plan.meterpoints)
    cycle = np.array([_KINDS.index(_kind(index)) for index in range(_NEIGHBOURHOOD)])
    return _Homes(
        ids=_hex_ids(plan.seed, _Topic.METERPOINT_ID, plan.meterpoints),
        number=number,
        kind=cycle[number % _NEIGHBOURHOOD],
        size=600 + _below(_draw(plan.seed, _Topic.SIZE, number), 1000),
    )


@dataclass(frozen=True, slots=True)
class _Slots:
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
    number: _Integers
    days: _Integers
    day: _Integers
    repeats: tuple[_Integers, _Integers]
    load: _Integers
    controlled: _Integers

    @property
    def count(self) -> int:
        """How many half hours."""
        return len(self.labels)


def _slots(plan: SamplePlan, first: date, last: date) -> _Slots:
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
    clear = (0.2 + 0.8 * _below(_draw(plan.seed, _Topic.CLOUD, ordinals), 1000) / 1000)[day]
    shapes = [_shapes(kind, hour=hour, weekend=weekend, winter=winter, clear=clear) for kind in _KINDS]
    return _Slots(
        labels=[time.isoformat(sep=" ") for time in times],
        number=int(start.timestamp() // HALF_HOUR.total_seconds()) + np.arange(len(times)),
        days=ordinals,
        day=day,
        repeats=(np.array(earlier, dtype=np.int64), np.array(later, dtype=np.int64)),
        load=np.array([load for load, _ in shapes]),
        controlled=np.array([controlled for _, controlled in shapes]),
    )


def _shapes(
    kind: _Kind,
    *,
    hour: NDArray[np.float64],
    weekend: NDArray[np.bool_],
    winter: NDArray[np.float64],
    clear: NDArray[np.float64],
) -> tuple[_Integers, _Integers]:
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


def _consumption(seed: int, homes: _Homes, slots: _Slots) -> _Integers:
    """The readings, in Wh: one row for each meterpoint, one column for each half hour."""
    number = homes.number[:, np.newaxis]
    chance = _CHANCE[_below(_draw(seed, _Topic.LOAD, number, slots.number), len(_CHANCE))]
    by_day = _draw(seed, _Topic.LEVEL, number, slots.days)
    level = homes.size[:, np.newaxis] * (750 + _below(by_day, 500)) // 1000
    nights = np.array([kind.controlled_nights for kind in _KINDS])[homes.kind, np.newaxis]
    runs = _below(by_day >> np.uint64(32), 100) < nights
    usual = slots.load[homes.kind] * level[:, slots.day]
    # Loads on a timer swing with the voltage alone.
    controlled = slots.controlled[homes.kind] * runs[:, slots.day] * (990 + chance // 100)
    wh: _Integers = np.minimum(usual * chance // 1_000_000 + controlled // 1000, _MOST)
    return wh


# --- Reading files ----------------------------------------------------------------------------------------------------


class _Style(NamedTuple):
    """How a reading file is printed: what stands around the rows, and around the three values of a row."""

    opening: str
    closing: str
    between: str
    before_label: str
    after_label: str
    before_id: str
    after_id: str


_COMPACT: Final = _Style(
    opening='{"columns":["interval_start","consumption_delta","meterpoint_id"],"data":[',
    closing="]}",
    between=",",
    before_label='["',
    after_label='",',
    before_id=',"',
    after_id='"]',
)
_PRETTY: Final = _Style(
    opening='{\n  "columns": [\n    "interval_start",\n    "consumption_delta",\n    "meterpoint_id"\n  ],\n'
    '  "data": [\n',
    closing="\n  ]\n}",
    between=",\n",
    before_label='    [\n      "',
    after_label='",\n      ',
    before_id=',\n      "',
    after_id='"\n    ]',
)

_KWH: Final = np.array([repr(wh / 1000) for wh in range(_MOST + 1)], dtype=object)
"""Every possible reading as JSON prints it: the shortest decimal, which for thousandths is the exact one."""


def _file_count(plan: SamplePlan) -> int:
    if plan.files == "per_meterpoint":
        return plan.meterpoints
    if plan.files == "per_day":
        return (plan.last - plan.first).days + 1
    return plan.files


def _files(plan: SamplePlan, homes: _Homes) -> Iterator[tuple[str, _Homes, _Slots]]:
    """The name, the meterpoints and the half hours of each file."""
    if plan.files == "per_day":
        for day in days(plan.first, plan.last):
            yield day.isoformat(), homes, _slots(plan, day, day)
        return
    count = _file_count(plan)
    slots = _slots(plan, plan.first, plan.last)
    for index in range(count):
        start, stop = (place * plan.meterpoints // count for place in (index, index + 1))
        name = homes.ids[index] if plan.files == "per_meterpoint" else f"readings-{index:05d}"
        yield name, homes.part(start, stop), slots


def _shuffled(seed: int, homes: _Homes, slots: _Slots) -> _Integers:
    """Places in the matrix of readings, in random order but for half hours that share a label."""
    keys = _draw(seed, _Topic.ORDER, homes.number[:, np.newaxis], slots.number)
    earlier, later = slots.repeats
    keys[:, earlier], keys[:, later] = (
        np.minimum(keys[:, earlier], keys[:, later]),
        np.maximum(keys[:, earlier], keys[:, later]),
    )
    return np.argsort(keys, axis=None, kind="stable")


def _rows(style: _Style, homes: _Homes, slots: _Slots, values: _Integers, order: _Integers) -> list[str]:
    """The readings as text, in the order given."""
    heads: _Texts = np.array([style.before_label + label + style.after_label for label in slots.labels], dtype=object)
    tails: _Texts = np.array([style.before_id + name + style.after_id for name in homes.ids], dtype=object)
    home, slot = np.divmod(order, slots.count)
    rows: list[str] = (heads[slot] + _KWH[values.ravel()[order]] + tails[home]).tolist()
    return rows


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A name to write to that no reader takes for a finished file; becomes `path` once the block has ended well."""
    temporary = path.with_name(f".{path.name}.partial")
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


# --- The reference database -------------------------------------------------------------------------------------------

_REGIONS: Final = (
    "Eastern",
    "East Midlands",
    "London",
    "Merseyside and North Wales",
    "Midlands",
    "Northern",
    "North Western",
    "North Scotland",
    "South Scotland",
    "South Eastern",
    "Southern",
    "South Wales",
    "South Western",
    "Yorkshire",
)
"""The GSP groups of Great Britain (Elexon)."""


class _Product(NamedTuple):
    """A product as customers know it.

    Attributes:
        display_name: its name, which all its versions share.
        is_variable: whether its price may change during an agreement. Those agreements end when the customer leaves.
        versions: how many product ids it has had.
    """

    display_name: str
    is_variable: bool
    versions: int


_FLEXIBLE: Final = _Product("Flexible Lantern", is_variable=True, versions=6)
_TRACKER: Final = _Product("Lantern Tracker", is_variable=True, versions=3)
_FIXED: Final = _Product("Lantern 12M Fixed", is_variable=False, versions=8)
_GREEN: Final = _Product("Greener Lantern 12M Fixed", is_variable=False, versions=3)
_LOYAL: Final = _Product("Loyal Lantern 12M Fixed", is_variable=False, versions=2)
_NIGHT: Final = _Product("Lantern Night Saver", is_variable=True, versions=2)
_DRIVE: Final = _Product("Lantern Drive", is_variable=True, versions=2)
_OUTGOING: Final = _Product("Outgoing Lantern 12M Fixed", is_variable=False, versions=2)

_PRODUCTS: Final = (_FLEXIBLE, _TRACKER, _FIXED, _GREEN, _LOYAL, _NIGHT, _DRIVE, _OUTGOING)
_FIRST_VERSION: Final = dict(
    zip(_PRODUCTS, accumulate((product.versions for product in _PRODUCTS), initial=0), strict=False)
)
"""The place of a product's first version among the versions of all."""

_SCHEMA: Final = """
CREATE TABLE agreement (
    agreement_id INTEGER,
    agreement_valid_from DATE,
    agreement_valid_to DATE,
    product_id TEXT,
    meterpoint_id TEXT,
    account_id TEXT
);
CREATE TABLE product (display_name TEXT, is_variable INTEGER, id INTEGER, product_id TEXT);
CREATE TABLE meterpoint (region TEXT, meterpoint_id TEXT);
"""


class _Term(NamedTuple):
    """One agreement: valid from its first day until the day before `until`, or until further notice."""

    since: date
    until: date | None
    product: _Product


def _write_reference(plan: SamplePlan, homes: _Homes, path: Path) -> int:
    """Write the reference database and return how many agreements it holds."""
    with _replacing(path) as temporary, closing(sqlite3.connect(temporary)) as database:
        database.executescript("PRAGMA journal_mode = MEMORY; BEGIN;" + _SCHEMA)
        database.executemany("INSERT INTO product VALUES (?, ?, ?, ?)", _product_rows(plan))
        database.executemany(
            "INSERT INTO meterpoint VALUES (?, ?)",
            ((_REGIONS[index % len(_REGIONS)], name) for index, name in enumerate(homes.ids)),
        )
        inserted = database.executemany("INSERT INTO agreement VALUES (?, ?, ?, ?, ?, ?)", _agreement_rows(plan, homes))
        agreements = inserted.rowcount
        database.commit()
    return agreements


def _product_ids(plan: SamplePlan) -> list[str]:
    return _hex_ids(plan.seed, _Topic.PRODUCT_ID, sum(product.versions for product in _PRODUCTS))


def _product_rows(plan: SamplePlan) -> Iterator[tuple[Any, ...]]:
    versions = [product for product in _PRODUCTS for _ in range(product.versions)]
    for number, (product, product_id) in enumerate(zip(versions, _product_ids(plan), strict=True)):
        yield product.display_name, int(product.is_variable), 30 + 7 * number, product_id


def _agreement_rows(plan: SamplePlan, homes: _Homes) -> Iterator[tuple[Any, ...]]:
    product_ids = _product_ids(plan)
    accounts = _hex_ids(plan.seed, _Topic.ACCOUNT_ID, plan.meterpoints)
    histories = _draw(plan.seed, _Topic.HISTORY, homes.number).tolist()
    agreement_id = 0
    for index, (meterpoint_id, history) in enumerate(zip(homes.ids, histories, strict=True)):
        # Panels belong to the customer next door, who has an account already.
        account_id = accounts[index - 1] if _case(index) is _Case.EXPORTS else accounts[index]
        # The newest comes first, as in an export of a system that shows the current agreement first.
        for term in reversed(_terms(plan, index, history)):
            agreement_id += 1
            version = (history + term.since.toordinal()) % term.product.versions
            yield (
                agreement_id,
                term.since.isoformat(),
                term.until and term.until.isoformat(),
                product_ids[_FIRST_VERSION[term.product] + version],
                meterpoint_id,
                account_id,
            )


def _terms(plan: SamplePlan, index: int, history: int) -> list[_Term]:
    """The agreements of one meterpoint, oldest first.

    They abut: a home has one at a time. What is special about some happens on the second day of the plan (or on its
    only one), so that a longer plan tells the same story.
    """
    eventful = min(plan.first + _DAY, plan.last)
    since = plan.first - timedelta(days=20 + history % 1100)
    fixed = (_FIXED, _GREEN, _LOYAL)[history // 1100 % 3]
    match _case(index):
        case _Case.NEVER_AGREED:
            terms = []
        case _Case.SWITCHES:
            terms = [_Term(eventful - timedelta(days=365), eventful, fixed), _Term(eventful, None, _FLEXIBLE)]
        case _Case.EXPORTS:
            terms = _renewed(since, _OUTGOING, plan.last)
        case _Case.LAPSES:
            terms = [_Term(since, eventful, _FLEXIBLE), _Term(eventful + _DAY, None, _TRACKER)]
        case _Case.CANCELS:
            terms = [_Term(since, None, _FLEXIBLE), _Term(eventful, eventful, fixed)]
        case _:
            timed = {_STORAGE_HEATED: _NIGHT, _ELECTRIC_CAR: _DRIVE}.get(_kind(index))
            year_later = _year_after(since)
            choices = (
                [_Term(since, None, timed or _FLEXIBLE)],
                _renewed(since, fixed, plan.last),
                [_Term(since, year_later, fixed), _Term(year_later, None, _FLEXIBLE)],
            )
            # Whoever has a load on a timer has a product to go with it.
            terms = choices[0 if timed else history // 5000 % len(choices)]
            if history // 20_000 % 12 == 0:  # cancelled on the day they joined, and chose again
                terms.insert(0, _Term(since, since, _FIXED))
    return terms


def _renewed(since: date, product: _Product, last: date) -> list[_Term]:
    """Agreements of a year each, until one covers the `last` day."""
    terms = [_Term(since, _year_after(since), product)]
    while (until := _year_after(terms[-1].since)) <= last:
        terms.append(_Term(until, _year_after(until), product))
    return terms


def _year_after(day: date) -> date:
    # Most years lack a 29 February; an agreement from one runs through the 28th of the next.
    return date(day.year + 1, 3, 1) if (day.month, day.day) == (2, 29) else day.replace(year=day.year + 1)
