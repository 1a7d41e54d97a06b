"""Lines of separated values: what is read in bulk is what a reader of one line after another finds."""

import csv

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.feeds.formats.lines import Written
from meter_platform.feeds.formats.separated import taken_apart, values_of, with_runs

VALUES = st.sampled_from(["", " ", "-", "0.5", "1,5", "é", "x y", "'", "null", "NaN", '"q"', '"', '"a;b"', "\t"])
ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """Lines of mostly five values with a semicolon between them, with and without quotes."""
    plain = VALUES.filter(lambda text: '"' not in text)
    values = draw(st.sampled_from([plain, plain, VALUES]))
    widths = st.integers(4, 6) if draw(st.booleans()) else st.just(5)
    lines = draw(st.lists(widths.flatmap(lambda width: st.lists(values, min_size=width, max_size=width)), min_size=1))
    end = draw(ENDS)
    text = end.join(";".join(line) for line in lines)
    return text + (end if draw(st.booleans()) else "")


def by_python(text: str) -> list[list[str] | None]:
    """The values of each line that is not empty; `None` for a line that is no row of five."""
    found: list[list[str] | None] = []
    for line in filter(None, text.replace("\r", "\n").split("\n")):
        try:
            (values,) = csv.reader([line], delimiter=";", strict=True)
        except csv.Error:
            values = []
        found.append(values if len(values) == 5 else None)
    return found


@given(text=blocks(), wanted=st.sets(st.integers(0, 4)))
def test_lines_and_their_runs_are_what_python_reads(text: str, wanted: set[int]) -> None:
    expected = by_python(text)
    if not expected:
        return
    runs = {"value": [1, 3], "quality": [2]}

    lines = with_runs(text.encode(), ";", 5, sorted(wanted), runs)
    columns = taken_apart(text.encode(), ";", 5, sorted(wanted))

    assert len(lines.written) == len(expected)
    assert lines.written.all.to_pylist() == lines.written.as_strings()
    good = [row is not None for row in expected]
    for found in (lines, columns):
        assert ([True] * len(good) if found.faults is None else found.faults.is_null().to_pylist()) == good
        for place in wanted:
            assert found.columns[place].to_pylist() == [row[place] if row else "" for row in expected]
    for name, places in runs.items():
        values = [row[place] if row else "" for row in expected for place in places]
        assert lines.runs[name].to_pylist() == values


@given(rows=st.lists(st.lists(VALUES.filter(lambda text: ";" not in text), min_size=3, max_size=3), min_size=1))
def test_values_of_runs_are_as_they_are_written(rows: list[list[str]]) -> None:
    assert values_of([";".join(row) for row in rows], ";").to_pylist() == [value for row in rows for value in row]


@given(text=st.text(st.sampled_from("a,\n\r"), min_size=1, max_size=20))
def test_lines_are_counted_without_being_told_apart(text: str) -> None:
    written = Written(text.encode())
    lines = [line for line in text.replace("\r", "\n").split("\n") if line]

    assert len(written) == len(lines)
    assert written.texts(pa.array(range(len(lines)), pa.int64())).to_pylist() == lines
    # By one who takes no empty line for one, and no end of a line for part of a value.
    assert written.are(len(lines))
