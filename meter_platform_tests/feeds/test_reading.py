"""Validation in bulk and the rules are one: whatever a file holds, reading it gives what validating each row gives."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_platform.feeds import chunks
from meter_platform_tests.feeds.reading import assert_same, by_reader, by_rules, write

COLUMNS = ["meterpoint_id", "interval_start", "consumption_delta"]


def text(value: str) -> str:
    return json.dumps(value)


GOOD_IDS = [text(name) for name in ("a", "MP-1", "1030061234567", "x.y:z/9", "12e3f", "9e5", "00123")]
UNUSUAL_IDS = [
    '"GB\\/1"',
    '"GB/1"',
    '"Bath, [GB]"',
    '"H\u00f6he-1"',
    '"H\\u00f6he-1"',
    '"say \\"a\\""',
    '"back\\\\slash"',
    '"\\ud83d\\ude00"',
]
"""Good ones, with characters that mean something to the shape of rows, escapes, and others than ASCII."""
ODD_IDS = [
    *map(
        text, ["", "x" * 64, "x" * 65, "a],[b", 'say "a"', "back\\slash", "é", "\u00a0", "a b", " ", "[1]", "{}", "a,b"]
    ),
    *map(text, ["true", "null", "nan", "Infinity", "-inf", "1e3", "1.5", "-5", "1E400", "\x00", "\t", "]", "[", '"']),
    *map(
        text,
        [" a", "a ", "  ", "'1030061234567", "'", "1.01235E+12", "1E+12", "1e-3", "1.5E12", "19E0123456", "1,5E+2"],
    ),
    *map(
        text, ["NULL", "NaN", "None", "n/a", "N/A", "#N/A", "<NA>", "undefined", "nanny", "n-a", "null-1", "Undefined1"]
    ),
    *map(
        text,
        ["=1+1", "=cmd|' /C calc'!A0", "+1", "@SUM(1)", "-", "=", "a=b", "a'b", "e", "E+1", ".E+1", "1E+", "-1E+3"],
    ),
    '" "',
    '"\\u0020a"',
    '"\\u003d1"',
    '"\\u0041b"',
    '"\\ud83d\\ude00"',
    '"\\ud800"',
    '"a\x7f"',
    *["1030061234567", "0", "12345678901234567890123", "1e3", "1.50", "-5", "1E400", "9e5"],
    *["true", "false", "null", "NaN", "-Infinity", '["a"]', '{"a": 1}', "[]"],
]
ODD_TIMES = [
    *(
        f'"2021-{day} {hour}:{minute}:00"'
        for day in ("03-28", "10-31")
        for hour in ("01", "02")
        for minute in ("00", "30")
    ),
    '"2021-10-31T01:00:00"',
    '"2021-10-31 01:00:00+00:00"',
    '"2021-06-01 00:00:00Z"',
    '"2021-06-01T00:00:00+0530"',
    '"2021-06-01 00:00"',
    '"2021-06-01 00:30:00.000000"',
    '"2021-06-01 00:30:00.5"',
    '"2021-06-01 12:37:27"',
    '"2021-06-01T00:00:0Z"',
    '"2021-06-01 00:00:0 "',
    '"2021-06-1  00:00:00"',
    '" 021-06-01 00:00:00"',
    '"2021-06-01 24:00:00"',
    '"2021-06-01 00:29:60"',
    '"2021-13-01 00:00:00"',
    '"2021-02-29 00:00:00"',
    '"2020-12-31 23:30:00"',
    '"2022-01-01 00:00:00"',
    '"0001-01-01 00:00:00"',
    '"9999-12-31 23:30:00"',
    '"0001-01-01 00:00:00+01:00"',
    '"9999-12-31 23:30:00-01:00"',
    '"2021-06-01\\u002000:00:00"',
    '"٢٠٢١-06-01 00:00:00"',
    *['""', "null", "20210601", "1622505600", "true", '["2021-06-01 00:00:00"]', "NaN"],
]
ODD_VALUES = [
    *[
        "0",
        "-0",
        "-0.0",
        "0.0",
        "24",
        "24.000000000",
        "24.000000001",
        "16777.215",
        "16777.214",
        "1e400",
        "-1",
        "-0.001",
    ],
    *[
        "1e-3",
        "5E-1",
        "1e1",
        "1E+1",
        "2.4e1",
        "2.5e1",
        "100e-2",
        "0.1e0",
        "1.5e-20",
        "1e-21",
        "0e-30",
        "1e999",
        "1e1000",
    ],
    *["0.18600000000000000433", "0.1234567891", "0.12345678901234567890", "0.123456789012345678901", "1.5" + "0" * 30],
    *["0.1" + "0" * 60, "12.3456789012", "0.000001", "0.0000001", "9007199254740993", "23.999999999999999999999"],
    *map(text, ["0.5", " 0.5", "0.5 ", "+0.5", ".5", "5.", "1_0", "0x1", "1e-3", "007", "Null", "NaN", "", "0,5", "٣"]),
    *["null", "true", "false", "NaN", "Infinity", "-Infinity", "[0.5]", '{"v": 1}', "[]", "{}"],
]
EXTRAS = [
    *map(text, ["", "x", "],[", "a, b", '\\"', "[[", "{", "nan", "é"]),
    *[
        "1",
        "0.12345678901",
        "1e-5",
        "null",
        "true",
        "NaN",
        "[1, 2]",
        "[[1], [2]]",
        '{"a": [1]}',
        '{"a": {"b": 1}}',
        "[]",
    ],
]
NO_JSON = [
    "nan",
    "inf",
    "-INF",
    "NAN",
    "01",
    "+1",
    ".5",
    "1.",
    "'a'",
    "tru",
    '{"a": 1, "a": 2}',
    '"\x01"',
    "1,",
    "",
    "[1,]",
    "{,}",
    '"\\x"',
    '"\\u12g4"',
    '"\\u12"',
    '"\\u00e9\\',
    '"a\tb, c"',
    '"\x04u0041"',
    '"a\x01b"',
]
"""Values that make a file malformed. Lenient parsers take some of them."""
NO_ROWS = ["null", '"row"', "1", "[]", "{}", '[["a"]]', '{"meterpoint_id": "a"}', "[[], []]", '"],["']

good_ids, odd_ids = st.sampled_from(GOOD_IDS), st.sampled_from(ODD_IDS)
unusual_ids = st.sampled_from([*GOOD_IDS, *UNUSUAL_IDS])
plain_extras = st.sampled_from(
    [
        '"A"',
        "1",
        "null",
        "true",
        "-0.5e-3",
        *UNUSUAL_IDS,
        *map(text, ["", "],[", "é", "\x7f", "\ud800", "\n", '"', "\\"]),
    ]
)
odd_times, odd_values, extras = st.sampled_from(ODD_TIMES), st.sampled_from(ODD_VALUES), st.sampled_from(EXTRAS)
good_times = st.builds(
    '"2021-{:02}-{:02}{}{:02}:{:02}{}{}"'.format,
    st.integers(1, 12),
    st.integers(1, 28),
    st.sampled_from([" ", "T"]),
    st.integers(0, 23),
    st.sampled_from([0, 30]),
    st.sampled_from([":00", ":00", ":00.000", ""]),
    st.sampled_from(["", "", "Z", "+00:00", "+01:00", "-0530"]),
)
good_values = (
    st.decimals(0, 24, places=3).map(str)
    | st.decimals(0, 24, places=9).map("{:f}".format)
    | st.decimals(0, 24, places=20).map("{:f}".format)
    | st.floats(0, 24).map(repr)
)
spaces = st.sampled_from(["", "", " ", "\n  ", "\t", "\r\n"])


@st.composite
def rows(draw: st.DrawFn, names: Sequence[str], *, odd: bool, unusual: bool) -> str:
    """The text of a row, perhaps of none.

    Args:
        draw: of hypothesis.
        names: of its columns.
        odd: perhaps it breaks a rule.
        unusual: perhaps it has strings of unusual characters, where that breaks none.
    """
    if odd and draw(st.integers(0, 9)) == 0:
        return draw(
            st.sampled_from(["null", '"row"', "1", "[]", "{}", '[["a"]]', '{"meterpoint_id": "a"}', "[[], []]"])
        )
    by_name = {
        "meterpoint_id": good_ids | odd_ids if odd else unusual_ids if unusual else good_ids,
        "interval_start": good_times | odd_times if odd else good_times,
        "consumption_delta": good_values | odd_values if odd else good_values,
    }
    values = [draw(by_name.get(name, plain_extras if unusual and not odd else extras)) for name in names]
    if odd and draw(st.integers(0, 19)) == 0:
        values = draw(st.sampled_from([values[:-1], [*values, "1"]]))
    space = draw(spaces)
    return "[" + space + f"{space},{space}".join(values) + space + "]"


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """The bytes of a document, or of something that nearly is one."""
    names = draw(st.permutations([*COLUMNS, *draw(st.lists(st.sampled_from(["unit", "note"]), unique=True))]))
    odd = draw(st.booleans())
    unusual = draw(st.booleans())
    share = draw(st.sampled_from([0, 1, 5]))
    listed = [
        draw(rows(names, odd=odd and draw(st.integers(0, 5)) <= share, unusual=unusual))
        for _ in range(draw(st.integers(0, 25)))
    ]
    before, between = draw(spaces), draw(spaces)
    data = "[" + before + f"{between},{before}".join(listed) + between + "]"
    columns = json.dumps(names)
    layout = draw(st.integers(0, 14))
    members = [f'"columns": {columns}', f'"data": {data}']
    match layout:
        case 0:
            members.reverse()
        case 1:
            members.append(f'"more": {data}')
        case 2:
            members.insert(1, '"unit": "kWh"')
        case 3:
            members.append(f'"data": {data}')
        case 4:
            members[1] = members[1][:-1] + ",]"
        case 5:
            members.append('"n": [[1], [2]]')
    content = ("{" + before + ", ".join(members) + between + "}" + between).encode()
    if layout == 6:
        content = b"\xef\xbb\xbf" + content
    if layout == 7:
        content = content[: draw(st.integers(0, len(content)))]
    return content


def document(rows: Sequence[str], *, columns: Sequence[str] = COLUMNS, between: str = ",") -> bytes:
    return f'{{"columns": {json.dumps(columns)}, "data": [{between.join(rows)}]}}'.encode()


def row(**values: str) -> str:
    good = {"meterpoint_id": '"a"', "interval_start": '"2021-06-01 00:00:00"', "consumption_delta": "0.5"}
    return "[" + ", ".join((good | values).values()) + "]"


@pytest.mark.parametrize("label_at_end", [False, True])
@pytest.mark.parametrize("zone", ["Europe/London", "Australia/Sydney", "Asia/Kathmandu"])
def test_bulk_and_rules_agree_on_each_odd_value_among_good_ones(
    tmp_path: Path, zone: str, *, label_at_end: bool
) -> None:
    odd = [
        *(row(meterpoint_id=value) for value in [*ODD_IDS, *UNUSUAL_IDS]),
        *(row(interval_start=value) for value in ODD_TIMES),
        *(row(consumption_delta=value) for value in ODD_VALUES),
        *NO_ROWS,
        "[]",
        '["a", "2021-06-01 00:00:00"]',
        '["a", "2021-06-01 00:00:00", 0.5, 1]',
        *(row(**{name: value}) for value in NO_JSON for name in COLUMNS),
    ]
    extra = [*EXTRAS, *ODD_IDS, *UNUSUAL_IDS, *ODD_VALUES, *NO_JSON]
    contents = [document([row(), row(), text, row()]) for text in odd]
    contents += [
        document([row(note="1"), row(note=value), row(note='"x"')], columns=[*COLUMNS, "note"], between=" , ")
        for value in extra
    ]
    for number, content in enumerate(contents):
        write(tmp_path / f"{number}.json", content)
    market = ZoneInfo(zone)
    results = by_reader(tmp_path, zone=market, label_at_end=label_at_end)
    assert len(results) == len(contents) > 200
    for name, result in results.items():
        content = contents[int(name.removesuffix(".json"))]
        assert_same(result, by_rules(content, zone=market, label_at_end=label_at_end))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0.186", "0.186"),
        ("0.18600000000000000433", "0.18600000000000000433"),
        ("0.123456789", "0.123456789"),
        ("0.1234567891", "0.1234567891"),
        ("12.34567890123456789", "12.34567890123456789"),
        ("0.00000000000000000001", "0.00000000000000000001"),
        ("1e-3", "0.001"),
        ("25E-2", "0.25"),
        ("1.5e-19", "0.00000000000000000015"),
        ("2.4e1", "24"),
        ("0.1", "0.1"),
        ("23.999999999", "23.999999999"),
        ("0.300000000000000044", "0.300000000000000044"),
        ("-0.0", "0"),
        ('"7.25"', "7.25"),
        ("1.50000000000000000000000000000000", "1.5"),
    ],
)
def test_a_value_is_kept_to_its_last_digit(tmp_path: Path, written: str, expected: str) -> None:
    write(tmp_path / "a.json", document([row(), row(meterpoint_id='"b"', consumption_delta=written)]))
    result = by_reader(tmp_path)["a.json"]
    half_hour = (datetime(2021, 5, 31, 23, tzinfo=UTC), date(2021, 6, 1))
    assert result.accepted == {1: ("a", *half_hour, Decimal("0.5")), 2: ("b", *half_hour, Decimal(expected))}


def test_rows_are_counted_across_chunks_and_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(chunks, "BATCH_BYTES", 5000)
    values = [f"{number / 1000:.3f}" if number % 7 else "-1" for number in range(1, 3001)]
    write(
        tmp_path / "a.json",
        document(
            [row(meterpoint_id=f'"{n}"', consumption_delta=value) for n, value in enumerate(values)], between=",\n"
        ),
    )
    result = by_reader(tmp_path)["a.json"]
    assert {position: value for position, (_, _, _, value) in result.accepted.items()} == {
        position: Decimal(value) for position, value in enumerate(values, start=1) if position % 7
    }
    assert {position: reason for position, (reason, *_) in result.rejected.items()} == dict.fromkeys(
        range(7, 3001, 7), "negative"
    )
    assert result.account is not None
    assert (result.account.rows_in_file, result.account.rows_rejected) == (3000, 428)


@pytest.mark.parametrize("examples", [20, pytest.param(100, marks=pytest.mark.whole)])
def test_bulk_and_rules_agree_wherever_a_document_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(st.lists(contents(), min_size=1, max_size=8), st.integers(90, 600), st.sampled_from([1, 300, 10**6]))
    def agree(files: list[bytes], chunk: int, batch: int) -> None:
        assert_they_agree(tmp_path, monkeypatch, files, chunk, batch)

    agree()


def assert_they_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[bytes], chunk: int, batch: int
) -> None:
    """Cuts files into chunks and batches, and compares what is read of them."""
    monkeypatch.setattr(chunks, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(chunks, "BATCH_BYTES", batch)
    for path in tmp_path.iterdir():
        path.unlink()
    for number, content in enumerate(files):
        write(tmp_path / f"{number}.json", content)
    for name, result in by_reader(tmp_path).items():
        assert_same(result, by_rules(files[int(name.removesuffix(".json"))]))
