"""Which of two half hours a naive time means that the clocks repeat in autumn: the other rows of the file tell.

What belongs here: the order and the continuity of one meterpoint's times around the hour, in one file. What does not:
what else is right or wrong with a row (`validation.py`), and other files: what a file says depends on that file alone.

The rules, for the rows of one register and meter of a meterpoint whose naive times lie in the hour or up to two hours beside
it:

- The times rise or fall in the file. The direction is the one that needs fewer fresh starts. A file may start afresh
  (days one by one, a day twice), but rarely, and not at a time that is repeated: otherwise its order tells nothing. Nor does
  one by which two rows are one half hour, while every time beside the hour is there once: chance has made it.
  Where a feed says which direction its rows have, it is that one.
- In that order every row is later (where the times fall: earlier) than the one before it. Often that alone places all:
  of a time that occurs twice, the first is the earlier one where the times rise, the later one where they fall.
- What is left open is placed where it continues the rows around it with fewest gaps: after 00:30, a file that ends with
  01:00 and 01:30 means the first of each; one that begins with them and goes on with 02:00 means the second.
- Where that leaves both open, a time is taken in file order, the first for the first (for the second, where the names of
  the times fall all through), and is told to be ambiguous. But a time that occurs once is not taken at all where the
  file begins or ends within the hour: another file may hold the other half hour of that name, and one would pass for
  a correction of the other.

Times with an offset need none of this, and say nothing about those without.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from meter_platform import settlement
from meter_platform.feeds.feed import Order

BESIDE: Final = timedelta(hours=2)
"""Rows up to so far beside the repeated times are considered: enough of them to see a direction, few enough to be kept."""

_LONGEST_REPEAT: Final = timedelta(hours=4)
"""The most that clocks are put back at once; today two hours (Troll), where days are not repeated whole."""

_ROWS_A_START: Final = 4
"""An order is relied on if it has at least so many rows for each fresh start. Of meterpoints whose rows are in no order,
hardly one in a thousand seems to have one then."""

_MINUTE: Final = 60_000_000
_HALF_HOUR: Final = 30

Instants = tuple[int, ...]
"""What a time may mean, in order: one instant, or two. In microseconds since 1970 or minutes since the clock change."""


class Placement(NamedTuple):
    """Where a row belongs whose time the clocks repeat.

    Attributes:
        choice: 0 for the earlier half hour, 1 for the later one; `None` where the file does not say enough to take either.
        is_certain: the rows around it leave no other choice.
        occurrence: its number among the rows with this time, counted from 1.
    """

    choice: int | None
    is_certain: bool
    occurrence: int


class Around(NamedTuple):
    """A row of a file with a naive time in or beside a repeated hour.

    Attributes:
        position: of the row in the file.
        meterpoint: its meterpoint.
        first, second: what its time may mean, in microseconds since 1970: the same where it stands beside.
        register, serial: which of its registers and meters: each has an order of its own.
    """

    position: int
    meterpoint: str
    first: int
    second: int
    register: str = "import"
    serial: str = ""


def instants_around(candidates: Sequence[datetime], zone: ZoneInfo) -> tuple[int, int] | None:
    """The first and the second instant that a naive time may mean, in microseconds since 1970.

    Args:
        candidates: the two instants, in order, or the only one.
        zone: in which the time is local.

    Returns:
        The same twice where there is one, but `None` where that does not stand beside a repeated hour.
    """
    first, second = _micros(candidates[0]), _micros(candidates[-1])
    return None if change_of(first, second, zone) is None else (first, second)


def place(rows: Iterable[Around], zone: ZoneInfo, order: Order = "detected") -> dict[int, Placement]:
    """Places the rows of one file whose times are repeated, by their position.

    Args:
        rows: all rows of the file around repeated hours.
        zone: in which their times are local.
        order: of the times of each meterpoint.
    """
    by_hour: dict[tuple[str, str, str, int | None], list[Around]] = defaultdict(list)
    for row in sorted(rows):
        by_hour[row.meterpoint, row.register, row.serial, change_of(row.first, row.second, zone)].append(row)
    placements: dict[int, Placement] = {}
    for (_, _, _, change), around in by_hour.items():
        found = place_shape([(row.first, row.second) for row in around], change or 0, order)
        placements.update(zip((row.position for row in around if row.first != row.second), found, strict=True))
    return placements


def place_shape(times: Sequence[tuple[int, int]], change: int, order: Order = "detected") -> tuple[Placement, ...]:
    """Places those of one meterpoint's rows around a repeated hour whose times are repeated.

    Args:
        times: what each row's time may mean, in file order.
        change: when the clocks are put back.
        order: of the times.
    """
    if all(first == second for first, second in times):
        return ()
    return _placed(tuple(tuple(sorted({(instant - change) // _MINUTE for instant in time})) for time in times), order)


def _micros(instant: datetime) -> int:
    return (instant - settlement.EPOCH) // timedelta(microseconds=1)


@lru_cache(1 << 12)
def change_of(first: int, second: int, zone: ZoneInfo) -> int | None:
    """When the clocks are put back that repeat a time, or one near it; all in microseconds since 1970.

    Args:
        first: the first instant that the time may mean.
        second: the second one, or the same again.
        zone: in which the time is local.
    """
    if first == second:
        return _change_beside(first, zone)
    change = settlement.clocks_put_back(_instant(first), _instant(second), zone)
    return None if change is None else _micros(change)


def _instant(micros: int) -> datetime:
    return settlement.EPOCH + timedelta(microseconds=micros)


def _change_beside(micros: int, zone: ZoneInfo) -> int | None:
    """When the clocks are put back, if that repeats times within `BESIDE` of an instant."""
    instant = _instant(micros)
    around = BESIDE + _LONGEST_REPEAT
    change = settlement.clocks_put_back(instant - around, instant + around, zone)
    if change is None:
        return None
    repeated = settlement.local_label(change - timedelta(microseconds=1), zone) - settlement.local_label(change, zone)
    near = repeated + timedelta(microseconds=1) + BESIDE
    return _micros(change) if change - near <= instant < change + near else None


@lru_cache(1 << 10)
def _placed(rows: tuple[Instants, ...], order: Order) -> tuple[Placement, ...]:
    """Places the rows with two instants among those of one meterpoint. Nearly all meterpoints of a file are alike."""
    rising, falling = _starts(rows), _starts(_mirrored(rows))
    if order != "detected":
        falls = order == "descending"
        return _in_order(rows, falling if falls else rising, falls=falls)
    if len(rising) == len(falling) == 1:
        # Either may be, and some rows may mean the same in both.
        best = [up | down for up, down in zip(_most_continuous(rows), _falling(rows), strict=True)]
        return _placements(rows, [0], best, falls=False)
    falls = len(falling) < len(rising)
    starts = falling if falls else rising
    if len(rising) != len(falling) and _tells(rows, starts):
        placements = _in_order(rows, starts, falls=falls)
        if not _is_by_chance(rows, placements):
            return placements
    return _without_order(rows)


def _in_order(rows: tuple[Instants, ...], starts: Sequence[int], *, falls: bool) -> tuple[Placement, ...]:
    """The same for rows that rise or fall, with fresh starts."""
    read = _falling if falls else _most_continuous
    best = [choices for begin, end in pairwise([*starts, len(rows)]) for choices in read(rows[begin:end])]
    return _placements(rows, starts, best, falls=falls)


def _without_order(rows: tuple[Instants, ...]) -> tuple[Placement, ...]:
    """The same for rows in no order."""
    # Rows in order of their names have a direction, though it does not place them; others have none.
    falls = rows[0][0] > rows[-1][0] and all(row[0] <= before[0] for before, row in pairwise(rows))
    times = sorted(set(rows))
    if max(Counter(instants for instants in rows if len(instants) > 1).values()) == 1:
        # Without an order there still is continuity.
        found = dict(zip(times, _most_continuous(times), strict=True))
    else:
        found = {instants: set(range(len(instants))) for instants in times}
    return _placements(rows, [0], [found[instants] for instants in rows], falls=falls)


def _placements(
    rows: tuple[Instants, ...], starts: Sequence[int], best: Sequence[set[int]], *, falls: bool
) -> tuple[Placement, ...]:
    """Takes one of the choices that are left for each row with two instants, or none.

    Args:
        rows: all.
        starts: the rows that begin afresh.
        best: the choices for each row.
        falls: whether of two rows the first is the later one.
    """
    placements = []
    seen: Counter[Instants] = Counter()
    for begin, end in pairwise([*starts, len(rows)]):
        in_run = Counter(rows[begin:end])
        known = [row[0] for row in rows[begin:end] if len(row) == 1] or [0]
        for row, choices in zip(rows[begin:end], best[begin:end], strict=True):
            if len(row) == 1:
                continue
            seen[row] += 1
            is_certain = len(choices) == 1
            choice: int | None = None
            if is_certain:
                (choice,) = choices
            elif in_run[row] > 1:
                # Both are there, in what is taken for their order. There is no third.
                choice = {1: int(falls), 2: int(not falls)}.get(seen[row])
            elif min(known) < row[0] < row[1] < max(known):
                choice = 0
            placements.append(Placement(choice, is_certain=is_certain, occurrence=seen[row]))
    return tuple(placements)


def _is_by_chance(rows: tuple[Instants, ...], placements: Sequence[Placement]) -> bool:
    """Whether what looks like an order gives one half hour to two rows, although no time beside the hour stands twice."""
    if len({row for row in rows if len(row) == 1}) < sum(len(row) == 1 for row in rows):
        return False  # the night is there twice
    repeated = (row for row in rows if len(row) > 1)
    taken = Counter(
        (row, placement.choice)
        for row, placement in zip(repeated, placements, strict=True)
        if placement.choice is not None
    )
    return max(taken.values(), default=0) > 1


def _mirrored(rows: Sequence[Instants]) -> tuple[Instants, ...]:
    """The rows with time running backwards: they fall where the others rise."""
    return tuple(tuple(-instant for instant in reversed(instants)) for instants in rows)


def _starts(rows: Sequence[Instants]) -> list[int]:
    """The fewest rows that begin afresh, if every other is later than the one before it: the first row, and others."""
    starts, last = [], None
    for i, instants in enumerate(rows):
        later = [instant for instant in instants if last is None or instant > last]
        if last is None or not later:
            starts.append(i)
        last = min(later or instants)
    return starts


def _tells(rows: Sequence[Instants], starts: Sequence[int]) -> bool:
    """Whether rows with these fresh starts have an order to rely on."""
    if len(starts) == 1:
        return True
    beside = all(len(rows[i - 1]) == len(rows[i]) == 1 for i in starts[1:])
    return beside and len(rows) >= _ROWS_A_START * len(starts)


def _most_continuous(rows: Sequence[Instants]) -> list[set[int]]:
    """The choices for each of some rising rows that leave fewest gaps between them: one, or two that are as good."""
    before, after = _links(rows), _links(_mirrored(rows)[::-1])[::-1]
    best = max(before[-1].values())
    return [
        {
            choice
            for choice, instant in enumerate(instants)
            if instant in before[i] and -instant in after[i] and before[i][instant] + after[i][-instant] == best
        }
        for i, instants in enumerate(rows)
    ]


def _falling(rows: Sequence[Instants]) -> list[set[int]]:
    """The same of falling rows."""
    best = _most_continuous(_mirrored(rows))
    return [{len(instants) - 1 - choice for choice in found} for instants, found in zip(rows, best, strict=True)]


def _links(rows: Sequence[Instants]) -> list[dict[int, int]]:
    """How many rows up to each can follow the one before them without a gap, for each instant that it can have."""
    links = [dict.fromkeys(rows[0], 0)]
    for instants in rows[1:]:
        found = {}
        for instant in instants:
            reached = [count + (instant - last == _HALF_HOUR) for last, count in links[-1].items() if last < instant]
            if reached:
                found[instant] = max(reached)
        links.append(found)
    return links
