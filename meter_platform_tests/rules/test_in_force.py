"""The predicates on agreements say the same as expressions and as SQL, on every order of their dates."""

from datetime import date
from itertools import product

import duckdb
import ibis
import pytest

from meter_platform.app.library import ready_queries
from meter_platform.rules.in_force import EVER_IN_FORCE, IN_FORCE, ever_in_force, in_force

DAYS = [date(2021, 1, day) for day in (1, 2, 3)]
ROWS = [
    {"agreement_valid_from": begin, "agreement_valid_to": end, "reference_date": day}
    for begin, end, day in product(DAYS, [*DAYS, None], DAYS)
]


def by_hand(row: dict[str, date | None]) -> tuple[bool, bool]:
    """In force on its date; in force on any date: counted day by day."""
    begin, end, day = row["agreement_valid_from"], row["agreement_valid_to"], row["reference_date"]
    assert begin is not None
    covered = {each for each in DAYS if each >= begin and not (end is not None and each >= end)}
    return day in covered, bool(covered)


@pytest.fixture(scope="module")
def table() -> ibis.Table:
    schema = dict.fromkeys(ROWS[0], "date")
    return ibis.memtable(ROWS, schema=schema)


def test_both_forms_are_what_the_calendar_says(table: ibis.Table) -> None:
    connection = ibis.duckdb.connect()
    shown = table.mutate(now=in_force(table), ever=ever_in_force(table))
    expressed = connection.to_pyarrow(shown).select(["now", "ever"]).to_pylist()
    rows = connection.to_pyarrow(table)
    asked = duckdb.sql(f"SELECT {IN_FORCE} AS now, {EVER_IN_FORCE} AS ever FROM rows").fetchall()  # noqa: S608 - our own
    assert rows.num_rows == len(ROWS)

    expected = [by_hand(row) for row in ROWS]
    assert [(row["now"], row["ever"]) for row in expressed] == expected
    assert asked == expected
    assert len({*expected}) == 3  # of the four, in force on a date and never in force cannot be


def test_the_ready_query_of_switches_leaves_out_what_was_never_in_force() -> None:
    assert EVER_IN_FORCE in ready_queries()["switches"].text
