"""Naive times that the clocks repeat: where each row belongs is found from its file, or told to be unknown.

What belongs here: the rule, by examples that are written out by hand, and as a property of files made from known
instants. What does not: other faults of rows (`test_validation.py`), and what becomes of files (`test_load.py`).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from meter_platform.feeds import chunks
from meter_platform.feeds.columns import AROUND_SCHEMA
from meter_platform.feeds.repeated_in_bulk import place
from meter_platform.feeds.validation import Accepted, FileValidation, Reason, Rejected, RowRules, Waiting
from meter_platform_tests.feeds.reading import assert_same, by_reader, by_rules, write

HALF_HOUR: Final = timedelta(minutes=30)
RULES: Final = RowRules(zone=ZoneInfo("Europe/London"), first_date=date(2021, 1, 1), last_date=date(2021, 12, 31))

PLACES: Final = {"01:00": ("00:00Z", "01:00Z"), "01:30": ("00:30Z", "01:30Z")}
"""What London's repeated times of 2021-10-31 mean, in summer and in winter time."""


def placed(times: str, *, meterpoints: str = "", values: Sequence[str] = ()) -> tuple[list[str], int]:
    """Validates a file of the night of 2021-10-31, given by its local times.

    Returns:
        Of each row with a repeated time what it was taken for: "summer", "winter" or a reason; and how many rows are
        ambiguous.
    """
    validation = FileValidation(RULES)
    verdicts: dict[int, Accepted | Rejected | Waiting] = {}
    labels = times.split()
    for position, label in enumerate(labels, start=1):
        meterpoint = meterpoints[position - 1] if meterpoints else "a"
        day = "30" if label >= "12:00" else "31"
        value = values[position - 1] if values else "0.5"
        verdicts[position] = validation.validate(meterpoint, f"2021-10-{day} {label}:00", value)
    verdicts.update(validation.finish())
    found = []
    for position, verdict in sorted(verdicts.items()):
        label = labels[position - 1]
        if label not in PLACES:
            assert isinstance(verdict, Accepted)
        elif isinstance(verdict, Rejected):
            assert (verdict.meterpoint_id, verdict.reference_date) == (
                meterpoints[position - 1] if meterpoints else "a",
                date(2021, 10, 31),
            )
            found.append(verdict.reason.value)
        else:
            assert isinstance(verdict, Accepted)
            assert verdict.reference_date == date(2021, 10, 31)
            found.append(("summer", "winter")[PLACES[label].index(f"{verdict.interval_start:%H:%MZ}")])
    return found, validation.ambiguous


S, W, X = "summer", "winter", "ambiguous_time"


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        # The oldest first, the newest first
        ("00:30 01:00 01:30 01:00 01:30 02:00", [S, S, W, W]),
        ("02:00 01:30 01:00 01:30 01:00 00:30", [W, W, S, S]),
        ("01:00 01:30 01:00 01:30", [S, S, W, W]),
        ("01:30 01:00 01:30 01:00", [W, W, S, S]),
        # Some are missing: the order is enough where a time comes twice, or a later one before an earlier
        ("00:30 01:00 01:30 01:30 02:00", [S, S, W]),
        ("00:30 01:30 01:00 01:30 02:00", [S, W, W]),
        ("00:30 01:30 01:00 02:00", [S, W]),
        ("02:00 01:00 01:30 00:30", [W, S]),
        ("00:30 01:00 01:00", [S, W]),
        ("01:00 01:00 00:30", [W, S]),
        # The file begins or ends within the hour
        ("00:30 01:00 01:30", [S, S]),
        ("00:30 01:00", [S]),
        ("01:00 01:30 02:00", [W, W]),
        ("01:30 02:00", [W]),
        ("02:00 01:30 01:00", [W, W]),
        ("01:30 01:00 00:30", [S, S]),
        ("00:30 01:00 01:30 01:00", [S, S, W]),
        ("01:30 01:00 01:30 02:00", [S, W, W]),
        # An outage within the hour
        ("00:00 00:30 01:00 02:00 02:30", [S]),
        ("00:00 00:30 01:30 02:00 02:30", [W]),
        ("00:00 01:00 01:30 02:00 02:30", [W, W]),
        # The rows are in no order, but each time comes once
        ("01:30 00:30 01:00", [S, S]),
        ("01:30 02:30 01:00 02:00", [W, W]),
        # Days newest first, each from its start; a night that stands twice
        ("00:00 00:30 01:00 01:30 01:00 01:30 02:00 02:30 23:00 23:30", [S, S, W, W]),
        (
            "00:30 01:00 01:30 01:00 01:30 02:00 02:30 03:00 00:30 01:00 01:30 01:00 01:30 02:00 02:30 03:00",
            [S, S, W, W] * 2,
        ),
    ],
)
def test_the_rows_around_tell_which_hour_is_meant(times: str, expected: list[str]) -> None:
    assert placed(times) == (expected, 0)


@pytest.mark.parametrize(
    ("times", "expected", "ambiguous"),
    [
        # The file has the whole night, and the hour once: it is taken for the first
        ("00:00 00:30 01:00 01:30 02:00 02:30", [S, S], 2),
        ("02:30 02:00 01:30 01:00 00:30 00:00", [S, S], 2),
        ("00:00 01:00 01:30 02:30", [S, S], 2),
        ("00:00 01:00 02:30", [S], 1),
        ("01:30 02:00 00:30 01:00", [S, S], 2),
        # The night stands twice: no half hour is added to another
        ("00:00 00:30 01:00 01:30 02:00 02:30 03:00 03:30 " * 2, [S, S] * 2, 4),
        # Another file may hold the other hour
        ("01:00", [X], 0),
        ("01:30 01:00", [X, X], 0),
        ("01:00 01:30", [X, X], 0),
        ("00:00 01:00", [X], 0),
        ("01:00 02:30", [X], 0),
        ("00:00 01:30", [X], 0),
        # Both are there, and nothing says in which order
        ("01:00 01:00", [S, W], 2),
        ("01:00 01:30 01:00", [S, S, W], 2),  # whether they rise or fall, 01:30 is the first
        ("02:30 00:30 01:30 03:00 01:00 01:30 00:00 02:00 01:00", [S, S, W, W], 4),
        ("01:00 01:00 00:30 01:30 00:30", [S, W, X], 2),  # neither the times fall all through, nor their names
        # What seems to rise or fall would give one half hour twice, though the night is there once
        ("00:30 01:00 03:00 23:00 00:00 01:00 01:30 02:30 23:30 01:30 02:00 03:30", [S, W, S, W], 4),
        ("02:30 01:30 01:00 23:30 03:00 02:00 01:00 01:30 00:30 00:00 03:30 23:00", [S, S, W, W], 4),
        # In order of their names, the two hours lie between one another
        ("00:00 00:30 01:00 01:00 01:30 01:30 02:00 02:30", [S, W, S, W], 4),
        ("02:30 02:00 01:30 01:30 01:00 01:00 00:30 00:00", [W, S, W, S], 4),
        # One is out of its place
        ("00:30 01:30 01:00 01:00 01:30 02:00 02:30", [S, S, W, W], 4),
        # There is no third
        ("01:30 01:30 01:30 01:30", [S, W, X, X], 2),
    ],
)
def test_what_the_file_does_not_tell_is_told(times: str, expected: list[str], ambiguous: int) -> None:
    assert placed(times) == (expected, ambiguous)


def test_rows_of_several_meterpoints_may_lie_between_one_another() -> None:
    times = "00:30 02:00 01:00 01:30 01:30 01:00 01:00 01:30 01:30 01:00 02:00 00:30"
    assert placed(times, meterpoints="abababababab") == ([S, W, S, W, W, S, W, S], 0)


def test_a_meterpoint_is_not_placed_by_another() -> None:
    assert placed("00:30 01:00 01:30 02:00 01:00", meterpoints="aaaab") == ([S, S, X], 2)


def test_a_row_with_a_bad_value_has_its_place_among_the_others() -> None:
    values = ["0.5", "-1", "0.5", "0.5", "null", "0.5"]
    found, ambiguous = placed("02:00 01:30 01:00 01:30 01:00 00:30", values=values)
    assert (found, ambiguous) == (["negative", W, S, "not_a_number"], 0)


def test_a_row_with_a_bad_value_is_not_counted_as_ambiguous() -> None:
    assert placed("00:30 01:00 01:30 02:00", values=["0.5", "-1", "0.5", "0.5"]) == (["negative", S], 1)


def test_registers_and_meters_have_an_order_of_their_own_and_a_row_that_says_none_is_of_the_import_register() -> None:
    validation = FileValidation(RULES)
    said = [
        ("01:00", "import", ""),
        ("01:00", "export", ""),
        ("01:00", None, " "),
        ("01:00", "export", " S1 "),
        ("01:00", "export", "S1"),
    ]
    for time, register, serial in [*said, ("00:30", "export", "")]:
        validation.validate("a", f"2021-10-31 {time}:00", "0.5", extras={"register": register, "serial": serial})
    found = dict(validation.finish())
    starts = {
        position: verdict.interval_start.hour for position, verdict in found.items() if isinstance(verdict, Accepted)
    }
    assert starts == {1: 0, 2: 0, 3: 1, 4: 0, 5: 1}


def test_a_row_that_cannot_be_placed_says_why_and_what_to_do() -> None:
    validation = FileValidation(RULES)
    for time in ("01:00", "01:30", "01:30", "01:30"):
        validation.validate("a", f"2021-10-31 {time}:00", "0.5")
    verdicts = dict(validation.finish())
    alone, third = verdicts[1], verdicts[4]
    assert isinstance(alone, Rejected)
    assert isinstance(third, Rejected)
    assert (alone.reason, third.reason) == (Reason.AMBIGUOUS_TIME, Reason.AMBIGUOUS_TIME)
    assert "send times with their offset" in alone.detail
    assert "occurrence 3" in third.detail


def test_a_time_with_its_offset_says_nothing_about_one_without() -> None:
    validation = FileValidation(RULES)
    first = validation.validate("a", "2021-10-31 01:00:00+00:00", "0.5")
    second = validation.validate("a", "2021-10-31 01:00:00+01:00", "0.5")
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.interval_start == datetime(2021, 10, 31, 1, tzinfo=UTC)
    assert second.interval_start == datetime(2021, 10, 31, 0, tzinfo=UTC)
    assert isinstance(validation.validate("a", "2021-10-31 01:30:00", "0.5"), Waiting)
    ((_, verdict),) = validation.finish()
    assert isinstance(verdict, Rejected)
    assert validation.ambiguous == 0


def test_one_repeated_half_hour_needs_no_neighbour_but_a_direction() -> None:
    """Lord Howe puts its clocks back by half an hour."""
    rules = RowRules(zone=ZoneInfo("Australia/Lord_Howe"), first_date=date(2021, 1, 1), last_date=date(2021, 12, 31))
    for times, expected in (
        (["01:00", "01:30", "01:30", "02:00"], [(14, 30), (15, 0)]),
        (["02:00", "01:30", "01:30", "01:00"], [(15, 0), (14, 30)]),
    ):
        validation = FileValidation(rules)
        for time in times:
            validation.validate("a", f"2021-04-04 {time}:00", "0.5")
        found = [verdict.interval_start for _, verdict in validation.finish() if isinstance(verdict, Accepted)]
        assert found == [datetime(2021, 4, 3, *at, tzinfo=UTC) for at in expected]
        assert validation.ambiguous == 0


# Files made from known instants


@dataclass(frozen=True)
class Night:
    """A night on which clocks are put back. `first` is the first half hour of the repeated ones, in UTC.

    Attributes:
        repeated: how many half hours are repeated.
    """

    zone: str
    first: datetime
    repeated: int

    def half_hours(self, beside: int) -> list[datetime]:
        """The repeated ones, twice, and so many on each side."""
        begin = self.first - beside * HALF_HOUR
        return [begin + number * HALF_HOUR for number in range(2 * beside + 2 * self.repeated)]

    @property
    def ambiguous(self) -> set[datetime]:
        return {self.first + number * HALF_HOUR for number in range(2 * self.repeated)}

    def label(self, instant: datetime) -> str:
        return f"{instant.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M:%S}"


NIGHTS: Final = [
    Night("Europe/London", datetime(2021, 10, 31, 0, 0, tzinfo=UTC), 2),
    Night("Europe/Paris", datetime(2021, 10, 31, 0, 0, tzinfo=UTC), 2),
    Night("Australia/Sydney", datetime(2021, 4, 3, 15, 0, tzinfo=UTC), 2),
    Night("Australia/Lord_Howe", datetime(2021, 4, 3, 14, 30, tzinfo=UTC), 1),
    Night("America/St_Johns", datetime(2021, 11, 7, 3, 30, tzinfo=UTC), 2),
    # At midnight: the hour before it comes again, and belongs to the day before.
    Night("America/Havana", datetime(2021, 11, 7, 4, 0, tzinfo=UTC), 2),
    Night("Asia/Beirut", datetime(2021, 10, 30, 20, 0, tzinfo=UTC), 2),
    Night("Atlantic/Azores", datetime(2021, 10, 31, 0, 0, tzinfo=UTC), 2),
    # By two hours
    Night("Antarctica/Troll", datetime(2021, 10, 30, 23, 0, tzinfo=UTC), 4),
]


@pytest.mark.parametrize("night", NIGHTS, ids=lambda night: night.zone)
def test_the_nights_of_these_tests_are_such(night: Night) -> None:
    labels = Counter(night.label(instant) for instant in night.half_hours(beside=4))
    assert sorted(labels.values()) == [1] * 8 + [2] * night.repeated
    assert {night.label(instant) for instant in night.ambiguous} == {label for label, n in labels.items() if n == 2}


Rows = list[tuple[str, datetime]]
"""Meterpoint and instant of each row of a file."""


def content(night: Night, rows: Rows) -> bytes:
    """A file of rows with naive times, each with a value of its own."""
    data = [
        [meterpoint, night.label(instant), number / 1000] for number, (meterpoint, instant) in enumerate(rows, start=1)
    ]
    return json.dumps({"columns": ["meterpoint_id", "interval_start", "consumption_delta"], "data": data}).encode()


def found(night: Night, rows: Rows, *, at_end: bool) -> tuple[list[datetime | None], int]:
    """The instant that each row's time was taken for, `None` where the row was rejected for it; how many are ambiguous."""
    read = by_rules(content(night, rows), zone=ZoneInfo(night.zone), label_at_end=at_end)
    assert read.account is not None
    assert {reason for reason, *_ in read.rejected.values()} <= {"ambiguous_time"}
    starts = {at: start + HALF_HOUR if at_end else start for at, (_, start, _, _) in read.accepted.items()}
    return [starts.get(at) for at in range(1, len(rows) + 1)], read.account.rows_ambiguous


nights, at_ends = st.sampled_from(NIGHTS), st.booleans()


@st.composite
def shuffled_together(draw: st.DrawFn, of_meterpoints: list[list[datetime]]) -> Rows:
    """One file of the rows of several meterpoints, each in the order that it has."""
    left = {name: list(instants) for name, instants in zip("abc", of_meterpoints, strict=False)}
    rows: Rows = []
    while left := {name: instants for name, instants in left.items() if instants}:
        name = draw(st.sampled_from(sorted(left)))
        taken = draw(st.integers(1, len(left[name])))
        rows += [(name, instant) for instant in left[name][:taken]]
        del left[name][:taken]
    return rows


@settings(max_examples=300)
@given(data=st.data(), night=nights, at_end=at_ends)
def test_half_hours_without_a_gap_are_placed_as_they_were(data: st.DataObject, night: Night, *, at_end: bool) -> None:
    half_hours = night.half_hours(beside=6)
    stretches = []
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(half_hours) - 1))
        stretch = half_hours[begin : data.draw(st.integers(begin + 1, len(half_hours)))]
        stretches.append(stretch[::-1] if data.draw(st.booleans()) else stretch)
    rows = data.draw(shuffled_together(stretches))

    instants, ambiguous = found(night, rows, at_end=at_end)

    lonely = {name for name, stretch in zip("abc", stretches, strict=False) if night.ambiguous >= set(stretch)}
    wrong = [name for (name, true), instant in zip(rows, instants, strict=True) if instant not in {true, None}]
    assert [name for name in wrong if name not in lonely] == []
    assert [row for row, instant in zip(rows, instants, strict=True) if instant is None and row[0] not in lonely] == []
    # Of those that have nothing but repeated times, not all can be placed; what is not is told.
    assert len(wrong) <= ambiguous <= sum(name in lonely for name, _ in rows)


def forced(night: Night, instants: Sequence[datetime]) -> set[datetime]:
    """What the order of rising or falling times tells by itself: found by trying every meaning of each."""
    by_label: dict[str, list[datetime]] = {}
    for instant in night.half_hours(beside=6):
        by_label.setdefault(night.label(instant), []).append(instant)
    readings = [
        reading
        for reading in product(*(by_label[night.label(instant)] for instant in instants))
        if list(reading) in (sorted(set(reading)), sorted(set(reading), reverse=True))
    ]
    return {instant for at, instant in enumerate(instants) if {reading[at] for reading in readings} == {instant}}


@settings(max_examples=300)
@given(data=st.data(), night=nights, at_end=at_ends)
def test_what_the_order_of_rising_or_falling_times_tells_is_found_whatever_is_missing(
    data: st.DataObject, night: Night, *, at_end: bool
) -> None:
    half_hours = night.half_hours(beside=3)
    kept = [instant for instant in half_hours if data.draw(st.booleans())]
    instants = kept[::-1] if data.draw(st.booleans()) else kept
    assume(instants)

    placed, ambiguous = found(night, [("a", instant) for instant in instants], at_end=at_end)

    told = forced(night, instants)
    assert [true for true in instants if true in told] == [
        instant for true, instant in zip(instants, placed, strict=True) if true in told
    ]
    assert ambiguous <= len(instants) - len(told)
    accepted = [instant for instant in placed if instant is not None]
    assert len(set(accepted)) == len(accepted), "two different half hours were taken for one"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    night=nights,
    at_end=at_ends,
    chunk=st.integers(90, 400),
    batch=st.sampled_from([1, 300, 10**6]),
)
def test_bulk_and_rules_agree_on_a_night_in_whatever_order_and_wherever_it_is_cut(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: st.DataObject,
    *,
    night: Night,
    at_end: bool,
    chunk: int,
    batch: int,
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(chunks, "BATCH_BYTES", batch)
    times = st.sampled_from([night.label(instant) for instant in night.half_hours(beside=5)])
    rows = st.lists(
        st.tuples(st.sampled_from("ab"), times, st.sampled_from(["0.5", "0.25", "-1", "null"])), max_size=30
    )
    contents = {}
    for name in ("1.json", "2.json"):
        listed = data.draw(rows)
        if data.draw(st.booleans()):
            listed.sort(key=lambda row: row[:2], reverse=data.draw(st.booleans()))
        zoned = data.draw(st.sampled_from(["", "Z"]))
        texts = [
            f'["{meterpoint}", "{time}{zoned if at % 5 == 0 else ""}", {value}]'
            for at, (meterpoint, time, value) in enumerate(listed)
        ]
        head = '{"columns": ["meterpoint_id", "interval_start", "consumption_delta"], "data": ['
        contents[name] = f"{head}{', '.join(texts)}]}}".encode()
        write(tmp_path / name, contents[name])

    zone = ZoneInfo(night.zone)
    for name, read in by_reader(tmp_path, zone=zone, label_at_end=at_end).items():
        assert_same(read, by_rules(contents[name], zone=zone, label_at_end=at_end))


def test_rows_that_waited_are_rejected_as_they_are_written_and_by_the_day_of_their_file() -> None:
    """Two files in one batch; one was first seen on the day before the clocks change."""
    first, second = (int(datetime(2021, 10, 31, hour, tzinfo=UTC).timestamp()) * 10**6 for hour in (0, 1))
    before = first - int(HALF_HOUR.total_seconds()) * 10**6
    rows = pa.Table.from_pylist(
        [
            {"source_file_id": number, "source_position": at, "meterpoint_id": "a", "first": one, "second": other}
            | ({"consumption_delta": Decimal("0.5"), "raw_text": f"[{at}]"} if one != other else {})
            for number in (1, 2)
            for at, (one, other) in enumerate([(before, before), (first, second)] + [(first, second)] * 2, start=1)
        ],
        AROUND_SCHEMA,
    )
    validations = {
        1: FileValidation(RULES),
        2: FileValidation(replace(RULES, last_date=date(2021, 10, 30))),
    }

    placed = place(rows, validations)

    assert placed.accepted is not None
    assert [
        (row["source_file_id"], row["source_position"], row["interval_start"], row["reference_date"])
        for row in placed.accepted.to_pylist()
    ] == [(1, at, datetime(2021, 10, 31, hour, tzinfo=UTC), date(2021, 10, 31)) for at, hour in ((2, 0), (3, 1))]
    reasons = {
        (row.source_file_id, row.position): (row.text, row.verdict.reason.value)
        for row in placed.others
        if isinstance(row.verdict, Rejected)
    }
    assert reasons == {
        (1, 4): ("[4]", "ambiguous_time"),
        **{(2, at): (f"[{at}]", "future") for at in (2, 3)},
        (2, 4): ("[4]", "ambiguous_time"),
    }
    assert (validations[1].ambiguous, validations[2].ambiguous) == (2, 0)
