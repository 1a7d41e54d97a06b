"""New readings of many dates are put in order of their dates, a round at a time, and are in memory once while they are."""

from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.ingestion.new_rows import by_date, rounds

FIRST = date(2021, 1, 1)


def table(days: list[int], begin: int = 0, scale: int = 3) -> pa.Table:
    """Rows of these days after the first, numbered from `begin`."""
    return pa.table(
        {
            "reference_date": [FIRST + timedelta(days=day) for day in days],
            "source_position": pa.array(range(begin, begin + len(days)), pa.int32()),
            "consumption_delta": pa.array([Decimal(0)] * len(days), pa.decimal128(38, scale)),
        }
    )


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=8), min_size=1, max_size=6))
def test_rows_of_a_date_are_together_and_in_the_order_in_which_they_came(batches: list[list[int]]) -> None:
    tables, expected = [], dict[date, list[int]]()
    for days in batches:
        begin = sum(each.num_rows for each in tables)
        tables.append(table(days, begin))
        for position, day in enumerate(days, begin):
            expected.setdefault(FIRST + timedelta(days=day), []).append(position)

    found = [(day, rows["source_position"].to_pylist()) for day, rows in by_date(tables)]

    assert found == sorted(expected.items())


def test_a_round_has_enough_rows_and_decimals_of_one_scale() -> None:
    tables = [table([0, 1]), table([0], scale=6), table([1]), table([2])]

    found = [[each.num_rows for each in gathered] for gathered in rounds(tables, least=4)]

    assert found == [[2, 1], [1], [1]]


def test_rows_are_in_memory_once_and_no_longer_than_their_round() -> None:
    before = pa.total_allocated_bytes()
    gathered = [table([place % 50 for place in range(50_000)], begin) for begin in range(0, 500_000, 50_000)]
    held = pa.total_allocated_bytes() - before

    most = 0
    for _, last in by_date(gathered):
        assert last.num_rows == 10_000
        most = max(most, pa.total_allocated_bytes() - before)

    assert held > 10_000_000
    # The numbers that say the order are eight bytes a row, where a row has 24 here.
    assert most < 1.5 * held
    assert not gathered
    assert pa.total_allocated_bytes() - before < 0.1 * held, "the last date's rows hold those of all dates"
