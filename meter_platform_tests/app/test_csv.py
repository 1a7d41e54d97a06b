"""A table as a file for other programs: every digit, and nothing that a spreadsheet would compute."""

import csv
import io
from decimal import Decimal

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.app import frames
from meter_platform.warehouse.arrow_rows import to_arrow


def read(table: pa.Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(frames.as_csv(table).decode(), newline="")))


def test_text_that_begins_like_a_formula_gets_an_apostrophe() -> None:
    cells = ['=HYPERLINK("http://evil","x")', "@SUM(1)", "-2+3", "+1", "\tx", "\rx", "a=b", "", 'a","b']
    assert [row[0] for row in read(pa.table({"=1+1": cells}))] == [
        "'=1+1",
        '\'=HYPERLINK("http://evil","x")',
        "'@SUM(1)",
        "'-2+3",
        "'+1",
        "'\tx",
        "'\rx",
        "a=b",
        "",
        'a","b',
    ]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5), min_size=1, max_size=5))
def test_no_cell_of_text_is_a_formula_and_none_loses_a_letter(cells: list[str]) -> None:
    frame = pd.DataFrame({"a": pd.Series(cells, dtype="str"), "b": pd.Categorical(cells)})
    rows = read(frames.arrow(frame))[1:]
    for cell, row in zip(cells, rows, strict=True):
        for written in row:
            assert written[:1] not in {"=", "+", "-", "@", "\t", "\r"}
            assert written in {cell, f"'{cell}"}


def test_numbers_stay_numbers() -> None:
    table = pa.table({"whole": [-1, 2], "exact": [Decimal("-1.50"), None], "real": [-0.5, 2.0]})
    assert read(table) == [["whole", "exact", "real"], ["-1", "-1.50", "-0.5"], ["2", "", "2"]]
    # No Arrow type holds these two: they are text in the table, and numbers all the same.
    assert read(to_arrow(["n"], [1700], [["-5", "NaN"]], timezone="UTC")) == [["n"], ["-5"], ["NaN"]]


@given(st.lists(st.decimals(-(10**6), 10**6, places=20), min_size=1, max_size=5))
def test_decimals_are_plain_digits(values: list[Decimal]) -> None:
    table = pa.table({"n": pa.array([*values, Decimal(0)], pa.decimal128(38, 20))})
    written = [row[0] for row in read(table)[1:]]
    assert [Decimal(text) for text in written] == [*values, Decimal(0)]
    assert all(set(text) <= set("-.0123456789") for text in written)
