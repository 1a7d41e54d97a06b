"""The rows of many files around repeated hours, placed at once: what `repeated_hours.py` says, at the speed of Arrow.

What belongs here: finding the rows of each meterpoint in each file, and handing out what the rule says of their shape, of
which there are few. What does not: the rule, and the verdict on a row (`validation.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from meter_platform import settlement
from meter_platform.feeds.columns import AROUND_SCHEMA
from meter_platform.feeds.feed import Order
from meter_platform.feeds.formats.format import NumberText
from meter_platform.feeds.repeated_hours import Around, Placement, change_of, place_shape
from meter_platform.feeds.validation import Accepted, FileValidation, Rejected, RowRules

Verdict = Accepted | Rejected


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """What becomes of a single row that waited for its file to end.

    Attributes:
        source_file_id: its file.
        position: in the file.
        verdict: of the rules.
        text: of the row, and
        value: its consumption_delta as it could be read; both `None` for a row that was validated singly before.
    """

    source_file_id: int
    position: int
    verdict: Verdict
    text: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """What becomes of the rows that waited for their files to end.

    Attributes:
        accepted: the acceptable ones of those with a `raw_text`; it has all columns of readings, and others.
        others: the rest.
    """

    accepted: pa.Table | None
    others: list[PlacedRow]


def place(rows: pa.Table, validations: Mapping[int, FileValidation]) -> Placed:
    """Validates all rows that waited.

    Args:
        rows: those around repeated hours in files that have ended, of AROUND_SCHEMA, but for those in the validations.
        validations: the validation of each file, all of the same clocks. They learn what is ambiguous.
    """
    singly = [(number, around) for number, validation in validations.items() for around in validation.around]
    if not rows.num_rows and not singly:
        return Placed(None, [])
    rows = pa.concat_tables([rows, _as_table(singly)]).combine_chunks()
    rows, choices, certain, occurrences = _placements(rows, *next(iter(validations.values())).rules.clocks)
    waited = rows["raw_text"].is_valid().to_numpy()
    numbers = rows["source_file_id"].to_numpy()
    firsts, seconds = rows["first"].to_numpy(), rows["second"].to_numpy()

    instants = np.where(choices == 1, seconds, firsts)
    kinds = _kinds(numbers, validations)
    starts, days = np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.int32)
    good = waited & (choices >= 0)
    for instant in np.unique(instants[good]).tolist():
        for rules, are_of in kinds.items():
            those = good & (instants == instant) & are_of
            found = _half_hour(rules, instant)
            if found is None:
                good &= ~those
            else:
                starts[those], days[those] = found
    for number, count in zip(*np.unique(numbers[good & ~certain], return_counts=True), strict=True):
        validations[int(number)].ambiguous += int(count)

    others: list[PlacedRow] = []
    placements: dict[int, dict[int, Placement]] = {number: {} for number in validations}
    left = np.flatnonzero(~good)
    columns = (
        rows[name].take(pa.array(left)).to_pylist()
        for name in ("source_position", "meterpoint_id", "raw_text", "consumption_delta")
    )
    for i, position, meterpoint, text, value in zip(left.tolist(), *columns, strict=True):
        choice = None if choices[i] < 0 else int(choices[i])
        placement = Placement(choice, is_certain=bool(certain[i]), occurrence=int(occurrences[i]))
        number = int(numbers[i])
        if text is None:
            placements[number][position] = placement
        else:
            instants_of = (int(firsts[i]), int(seconds[i]))
            verdict = validations[number].placed(Around(position, meterpoint, *instants_of), NumberText("0"), placement)
            others.append(PlacedRow(number, position, verdict, text, f"{value:f}"))
    for number, validation in validations.items():
        others += [PlacedRow(number, position, verdict) for position, verdict in validation.finish(placements[number])]
    accepted = rows.append_column("interval_start", pa.array(starts).cast(settlement.INSTANT))
    accepted = accepted.append_column("reference_date", pa.array(days).cast(pa.date32()))
    return Placed(accepted.filter(pa.array(good)), others)


def _placements(
    rows: pa.Table, zone: ZoneInfo, order_of_rows: Order
) -> tuple[pa.Table, npt.NDArray[np.int8], npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """The rows with repeated times, and of each the choice (-1 for none), whether it is certain, and its occurrence."""
    numbers, positions = rows["source_file_id"].to_numpy(), rows["source_position"].to_numpy()
    firsts, seconds = rows["first"].to_numpy(), rows["second"].to_numpy()
    meterpoints = _registers(rows)
    # A time is known by the first instant that it may mean: no other time means that.
    distinct, places, time_of = np.unique(firsts, return_index=True, return_inverse=True)
    times = list(zip(distinct.tolist(), seconds[places].tolist(), strict=True))
    changes = np.array([change_of(first, second, zone) for first, second in times], np.int64)
    order = np.lexsort((positions, meterpoints, changes[time_of], numbers))
    sorted_times = time_of[order].astype(np.int32)
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for key in (meterpoints, changes[time_of], numbers):
        same &= key[order][1:] == key[order][:-1]
    begins = np.flatnonzero(np.concatenate([[True], ~same])).tolist()

    choices: list[int] = []
    certain: list[bool] = []
    occurrences: list[int] = []
    known: dict[bytes, tuple[list[int], list[bool], list[int]]] = {}
    for begin, end in pairwise([*begins, len(order)]):
        group = sorted_times[begin:end]
        shape = group.tobytes()
        if shape not in known:
            placements = place_shape([times[time] for time in group.tolist()], int(changes[group[0]]), order_of_rows)
            known[shape] = (
                [-1 if placement.choice is None else placement.choice for placement in placements],
                [placement.is_certain for placement in placements],
                [placement.occurrence for placement in placements],
            )
        found = known[shape]
        choices += found[0]
        certain += found[1]
        occurrences += found[2]
    repeated = order[(firsts != seconds)[order]]
    return (
        rows.take(pa.array(repeated)),
        np.array(choices, np.int8),
        np.array(certain, np.bool_),
        np.array(occurrences, np.int32),
    )


def _registers(rows: pa.Table) -> npt.NDArray[np.int64]:
    """A number for each register of each meter of a meterpoint: each has an order of its own."""
    numbers = np.zeros(rows.num_rows, np.int64)
    for name in ("meterpoint_id", "register", "serial"):
        codes = rows[name].combine_chunks().dictionary_encode()
        _, numbers = np.unique(
            numbers * (len(codes.dictionary) + 1) + codes.indices.fill_null(-1).to_numpy() + 1, return_inverse=True
        )
    return numbers


def _kinds(
    numbers: npt.NDArray[np.int64], validations: Mapping[int, FileValidation]
) -> dict[RowRules, npt.NDArray[np.bool_]]:
    """The different rules of some rows' files, and which rows they are for. Nearly always there are no two."""
    different = dict.fromkeys(validation.rules for validation in validations.values())
    if len(different) == 1:
        return dict.fromkeys(different, np.ones(len(numbers), np.bool_))
    return {
        rules: np.isin(numbers, [number for number, validation in validations.items() if validation.rules == rules])
        for rules in different
    }


@lru_cache(1 << 10)
def _half_hour(rules: RowRules, instant: int) -> tuple[int, int] | None:
    """Start (microseconds since 1970) and reference date (days since then) of a time; `None` where rules reject it."""
    around = Around(1, "any", instant, instant)
    verdict = FileValidation(rules).placed(around, NumberText("0"), Placement(0, is_certain=True, occurrence=1))
    if isinstance(verdict, Rejected):
        return None
    return (
        (verdict.interval_start - settlement.EPOCH) // timedelta(microseconds=1),
        (verdict.reference_date - settlement.EPOCH.date()).days,
    )


def _as_table(singly: Sequence[tuple[int, Around]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "meterpoint_id": around.meterpoint,
                "first": around.first,
                "second": around.second,
                "source_file_id": number,
                "source_position": around.position,
                "register": around.register,
                "serial": around.serial,
            }
            for number, around in singly
        ],
        AROUND_SCHEMA,
    )
