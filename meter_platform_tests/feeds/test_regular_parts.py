"""Parts of half hours in bulk: the same as one by one, whatever stands in the file."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_platform.feeds import regular_parts
from meter_platform.feeds.cells import number
from meter_platform.feeds.feed import Unit
from meter_platform.feeds.half_hours import HalfHours, Intervals

LONDON = ZoneInfo("Europe/London")
Rows = list[dict[str, str | None]]

VALUES = st.one_of(
    st.integers(0, 10**7).map(lambda value: f"{Decimal(value).scaleb(-6):f}"),
    st.sampled_from(["0", "0.10", "9999999.999999999", "12345678", "1e3", "-1", "", "n/a", "0.1234567891"]),
)


def rows_of(begin: datetime, count: int, minutes: int, falling: bool, *, naive: bool) -> Rows:  # noqa: FBT001 - drawn
    starts = [begin + number * timedelta(minutes=minutes) for number in range(count)]
    texts = [
        start.astimezone(LONDON).replace(tzinfo=None).isoformat(sep=" ") if naive else f"{start}" for start in starts
    ]
    rows = [
        {
            "meterpoint_id": f"home-{number * 7 // count}",
            "interval_start": text,
            "consumption_delta": "0.25",
            "quality": "actual",
            "serial": "1",
            "raw_text": f"row {number}",
        }
        for number, text in enumerate(texts)
    ]
    return rows[::-1] if falling else rows


@st.composite
def tables(draw: st.DrawFn) -> tuple[Rows, Intervals, list[int]]:
    """Parts in order, through the repeated hour or not, in which some rows are changed, taken out, or there twice."""
    minutes = draw(st.sampled_from([5, 10, 15]))
    begin = datetime(2021, 10, 30, draw(st.integers(0, 23)), minutes, tzinfo=UTC)
    count = draw(st.integers(100, 500))
    rows = rows_of(begin, count, minutes, draw(st.booleans()), naive=draw(st.booleans()))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(rows) - 1))
        match draw(st.sampled_from(["value", "out", "twice", "swap", "meterpoint", "quality", "serial", "time"])):
            case "value":
                rows[place] |= {"consumption_delta": draw(VALUES)}
            case "out":
                rows.pop(place)
            case "twice":
                rows.insert(place, dict(rows[place]))
            case "swap":
                rows[place - 1], rows[place] = rows[place], rows[place - 1]
            case "meterpoint":
                rows[place] |= {"meterpoint_id": draw(st.sampled_from(["", "home-1", "other"]))}
            case "quality":
                rows[place] |= {"quality": "estimated"}
            case "serial":
                rows[place] |= {"serial": "2"}
            case "time":
                rows[place] |= {
                    "interval_start": draw(st.sampled_from(["", "x", "2021-10-31 01:15:00", "2021-10-31 00:07"]))
                }
    unit: Unit = draw(st.sampled_from(["kWh", "Wh", "MWh", "kW"]))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=2)))
    return rows, Intervals(minutes, unit, LONDON, draw(st.booleans())), cuts


def made(rows: Rows, intervals: Intervals, cuts: list[int]) -> list[dict[str, Any]]:
    """The half hours of some rows that come in several tables."""
    half_hours = HalfHours()
    tables = []
    for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        if rows[begin:end]:
            tables += list(half_hours.of(pa.Table.from_pylist(rows[begin:end]), intervals))
    return [plain(row) for table in [*tables, half_hours.left()] for row in table.to_pylist()]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its number as a number, and nothing where nothing is said."""
    value = number(row["consumption_delta"] or "")
    said = {name: text for name, text in row.items() if text}
    return said | {"consumption_delta": row["consumption_delta"] if value is None else value}


@settings(max_examples=60)
@given(given_=tables())
def test_in_bulk_is_the_same_as_one_by_one(given_: tuple[Rows, Intervals, list[int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regular_parts, "_FEWEST", 10**9)
        one_by_one = made(*given_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regular_parts, "_FEWEST", 1)
        assert made(*given_) == one_by_one
    assert made(*given_) == one_by_one


@pytest.mark.parametrize(
    ("unit", "minutes", "expected"),
    [("kWh", 15, "0.5"), ("Wh", 15, "0.0005"), ("MWh", 10, "750"), ("kW", 15, "0.125"), ("kW", 5, "0.125")],
)
def test_regular_parts_are_summed_in_bulk(
    unit: Unit, minutes: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HalfHours, "_sums", refuse)
    rows = rows_of(datetime(2021, 6, 1, tzinfo=UTC), 120, minutes, falling=False, naive=True)
    for row in rows:
        row["meterpoint_id"] = "home"

    found = made(rows, Intervals(minutes, unit, LONDON, label_at_end=False), [])

    assert [row["consumption_delta"] for row in found] == [Decimal(expected)] * (120 * minutes // 30)
    assert found[0]["raw_text"] == " + ".join(f"row {number}" for number in range(30 // minutes))
    assert found[1]["interval_start"] == "2021-06-01 00:30:00+00:00"


def refuse(*_: object) -> Callable[[], None]:
    raise AssertionError("a row was looked at by itself")
