"""Rows in bulk: what is plainly good, and that chunks parsed together are parsed as each of them alone."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.feeds.bulk_validation import PLAIN_SCHEMA, BulkValidation, ValidatedChunks
from meter_platform.feeds.columns import PARTICULARS
from meter_platform.feeds.formats import in_bulk
from meter_platform.feeds.formats.format import Chunk
from meter_platform.feeds.formats.json_document import JsonDocument
from meter_platform.feeds.formats.json_rows import Columns
from meter_platform.feeds.validation import RowRules

NAMES = ["meterpoint_id", "interval_start", "consumption_delta"]
LAST = date(2021, 12, 31)
GOOD = '["a","2021-06-01 00:00:00",0.25]'


JSON = JsonDocument()


@pytest.fixture(scope="module")
def bulk() -> BulkValidation:
    return BulkValidation(RowRules(zone=ZoneInfo("Europe/London"), first_date=date(2021, 1, 1), last_date=LAST))


def validated(bulk: BulkValidation, chunks: list[Chunk], last_dates: list[date] | None = None) -> ValidatedChunks:
    """What validation makes of chunks of JSON documents."""
    found, last_dates = ValidatedChunks([0] * len(chunks)), last_dates or [LAST] * len(chunks)
    for rows in in_bulk([(None, JSON, chunk) for chunk in chunks]):
        bulk.validate(rows, [last_dates[index] for index in rows.chunks], found)
    return found


def plain(found: ValidatedChunks) -> pa.Table:
    """All rows that are plainly good. Documents say nothing of particulars."""
    schema = pa.schema([field for field in PLAIN_SCHEMA if field.name not in PARTICULARS])
    return pa.concat_tables([schema.empty_table(), *(table.cast(schema) for table in found.plain)])


def chunk(text: str | bytes, *names: str) -> Chunk:
    return Chunk(Columns.of(list(names) or NAMES), text.encode() if isinstance(text, str) else text)


def seen(bulk: BulkValidation, chunks: list[Chunk]) -> list[dict[str, Any]]:
    """What is made of each chunk, when all are parsed at once."""
    parsed = validated(bulk, chunks)
    rows: list[dict[str, Any]] = sorted(plain(parsed).to_pylist(), key=lambda row: row["ordinal"])
    return [
        {
            "plain": [{**row, "chunk": 0} for row in rows if row["chunk"] == index],
            "rows": parsed.row_counts[index],
            "odd": sorted(parsed.odd.get(index, [])),
            "around": sorted(
                (row["ordinal"], row["meterpoint_id"], row["raw_text"])
                for table in parsed.around
                for row in table.to_pylist()
                if row["chunk"] == index
            ),
        }
        for index in range(len(chunks))
    ]


def test_plainly_good_rows_are_read_exactly(bulk: BulkValidation) -> None:
    (found,) = seen(bulk, [chunk(f'[{GOOD},["b","2021-06-01 00:30:00",23.12345678901234567891]]')])

    assert found == {
        "rows": 2,
        "odd": [],
        "around": [],
        "plain": [
            {
                "chunk": 0,
                "ordinal": ordinal,
                "meterpoint_id": meterpoint,
                "interval_start": datetime(2021, 5, 31, 23, minute, tzinfo=UTC),
                "reference_date": date(2021, 6, 1),
                "consumption_delta": Decimal(kwh),
            }
            for ordinal, meterpoint, minute, kwh in ((1, "a", 0, "0.25"), (2, "b", 30, "23.12345678901234567891"))
        ],
    }


@pytest.mark.parametrize(
    ("time", "start"),
    [
        ("2021-06-01T00:00:00", datetime(2021, 5, 31, 23, tzinfo=UTC)),
        ("2021-06-01 00:00:00Z", datetime(2021, 6, 1, tzinfo=UTC)),
        ("2021-06-01T00:00+05:30", datetime(2021, 5, 31, 18, 30, tzinfo=UTC)),
        ("2021-10-31 01:00:00+01:00", datetime(2021, 10, 31, 0, tzinfo=UTC)),  # the offset tells which hour is meant
        ("2021-06-01 24:00:00", datetime(2021, 6, 1, 23, tzinfo=UTC)),
        ("2021-06-01 24:30:00", None),
        ("2021-03-28 01:00:00", None),
        ("2021-06-01 00:10:00", None),
        ("2020-12-31 23:30:00", None),
        ("2022-01-01 00:00:00", None),
        ("soon", None),
    ],
)
def test_a_time_is_plain_where_it_names_one_half_hour_however_it_is_written(
    bulk: BulkValidation, time: str, start: datetime | None
) -> None:
    (found,) = seen(bulk, [chunk(f'[["a","{time}",1]]')])

    assert [row["interval_start"] for row in found["plain"]] == ([start] if start else [])
    assert found["odd"] == ([] if start else [1])


IDS = [
    "1030061234567",
    "MP-1",
    "a b",
    "19E0123456",
    "nanny",
    "7f3e-5",
    "00e4a1b2-0000-4000-8000-00000000e+7",
    "x=1",
    "e",
]
NO_IDS = [" a", "a ", " ", "'1", "=1", "+1", "-1", "@x", "nan", "NULL", "None", "n/a", "#N/A", "1.01235E+12", "1e-3"]


@pytest.mark.parametrize("among", ["1030061234567", "nan", "=1"])
def test_an_id_is_plain_whatever_stands_in_its_letters_and_signs(bulk: BulkValidation, among: str) -> None:
    ids = [*IDS, among]
    (found,) = seen(bulk, [chunk(json.dumps([[name, "2021-06-01 00:00:00", 1] for name in ids]))])

    found_ids = [row["meterpoint_id"] for row in found["plain"]]
    assert found_ids == [name for name in ids if name not in NO_IDS]


@pytest.mark.parametrize("no_id", NO_IDS)
def test_what_stands_in_place_of_an_id_is_never_plain(bulk: BulkValidation, no_id: str) -> None:
    rows = [[name, "2021-06-01 00:00:00", 1] for name in ("7", no_id, "8")]

    (found,) = seen(bulk, [chunk(json.dumps(rows))])

    assert found["odd"] == [2]


def test_a_row_with_a_repeated_time_waits_with_those_beside_it(bulk: BulkValidation) -> None:
    times = [
        "2021-10-30 22:30:00",
        "2021-10-31 00:30:00",
        "2021-10-31T01:00",
        "2021-10-31 00:30:00Z",
        "2021-10-31 04:00:00",
    ]
    rows = [f'[ "m" ,\t"{time}", "0.50" , null]' for time in times]

    (found,) = seen(bulk, [chunk(f"[{','.join(rows)}]", *NAMES, "note")])

    assert [row["ordinal"] for row in found["plain"]] == [1, 2, 4, 5]
    assert found["odd"] == []
    assert found["around"] == [(2, "m", None), (3, "m", '["m", "2021-10-31T01:00", "0.50", null]')]


def test_no_row_is_plain_that_is_later_than_its_file(bulk: BulkValidation) -> None:
    chunks = [chunk(f"[{GOOD}]"), chunk(f"[{GOOD}]")]

    parsed = validated(bulk, chunks, [date(2021, 5, 31), date(2021, 6, 1)])

    assert parsed.odd == {0: [1]}
    assert plain(parsed)["chunk"].to_pylist() == [1]


WORDS = [
    f"[{GOOD}]",
    f"[{GOOD},{GOOD}]",
    f"[ {GOOD} ,\n {GOOD} ]",
    "[]",
    f"[{GOOD},]",  # a comma too many
    f"[{GOOD},1]",  # a bracket fewer than rows have, and two commas
    f"[{GOOD},null]",
    '[["a","2021-06-01 00:00:00",0.25,]]',
    '[["a","2021-06-01 00:00:00"]]',  # a value too few
    '[["a","2021-06-01 00:00:00",0.25,1]]',  # one too many
    '[["a","2021-06-01 00:00:00",[0.25]]]',  # a bracket too many
    '[["a","2021-06-01 00:00:00",{"b":1}]]',
    '[["[]","2021-06-01 00:00:00",0.25]]',
    '[["a,b","2021-06-01 00:00:00",0.25]]',
    '[["a\\\\b","2021-06-01 00:00:00",0.25]]',
    '[["é","2021-06-01 00:00:00",0.25]]',
    '[["9e5","2021-06-01 00:00:00",0.25]]',
    '[[9e5,"2021-06-01 00:00:00",0.25]]',
    '[[9e400,"2021-06-01 00:00:00",0.25]]',
    '[["a","2021-06-01 00:00:00",0.1234567890]]',
    '[["a","2021-06-01 00:00:00",25e-2]]',
    '[["a","2021-06-01 00:00:00","0.25"]]',
    '[["a","2021-06-01 00:00:00",NaN]]',
    '[["a","2021-10-31 01:30:00",0.25]]',
    '[["a","2021-06-01 00:00:00",0.2\n5]]',
    '[["a\n","2021-06-01 00:00:00",0.25]]',
    '[["a\0","2021-06-01 00:00:00",0.25]]',
    '[["a","2021-06-01 00:00:00",00.25]]',
    '[["a","2021-06-01 00:00:00",.25]]',
    '[["a","2021-06-01 00:00:00",0.25"x"]]',
    '[["a"x,"2021-06-01 00:00:00",0.25]]',
    '[["a","2021-06-01 00:00:00",0.25]x]',
    '[x["a","2021-06-01 00:00:00",0.25]]',
    f"[{GOOD}x,{GOOD}]",
    f"[{GOOD},x{GOOD}]",
    f'[{GOOD},5[7,"2021-06-01 00:00:00",0.25]]',
    '[["a" "b"]]',
    "[[",
    b"[[\xff]]",
]
"""Texts of chunks: good ones, and those that differ from them by a character more or less."""


@pytest.mark.whole
def test_two_chunks_together_are_each_as_it_is_alone(bulk: BulkValidation) -> None:
    alone = {word: seen(bulk, [chunk(word)])[0] for word in WORDS}

    for pair in permutations(WORDS, 2):
        assert seen(bulk, [chunk(word) for word in pair]) == [alone[word] for word in pair], pair


VALID = b"""[["a","2021-06-01 00:00:00",0.25,null], [ "b" ,\n "2021-06-01 00:30:00",\t12.5 , "kWh"],
[7,"2021-06-01T01:00:00Z",0,-1.5e3]]"""
NASTY = b'[]{},":\\\0\x01\t\n\r \x7f\xc3aenut0159.-+/'


@given(edits=st.lists(st.tuples(st.integers(0, len(VALID)), st.integers(0, 2), st.sampled_from(NASTY)), max_size=3))
def test_what_is_taken_in_bulk_is_json_with_these_very_values(
    bulk: BulkValidation, edits: list[tuple[int, int, int]]
) -> None:
    text = VALID
    for place, replaced, character in edits:
        text = text[:place] + bytes([character]) + text[place + replaced :]

    parsed = validated(bulk, [chunk(text, *NAMES, "unit")])

    if not parsed.row_counts[0] or parsed.odd:
        return  # validated row by row
    rows = json.loads(text, parse_float=str, parse_int=str)
    assert [str(row[0]) for row in rows] == plain(parsed)["meterpoint_id"].to_pylist()
    assert [Decimal(row[2]) for row in rows] == plain(parsed)["consumption_delta"].to_pylist()
    assert [len(row) for row in rows] == [4] * parsed.row_counts[0]


def test_the_valid_text_of_that_test_is_taken_in_bulk(bulk: BulkValidation) -> None:
    parsed = validated(bulk, [chunk(VALID, *NAMES, "unit")])

    assert (parsed.row_counts, parsed.odd, plain(parsed).num_rows) == ([3], {}, 3)


@pytest.mark.parametrize("value", ["NaN", "nan", "Infinity", "nulL", "01", "1.", "x", "1 2", "", '"a"b', "tru\ne"])
def test_a_further_value_that_is_not_json_is_not_taken_in_bulk(bulk: BulkValidation, value: str) -> None:
    row = f'["a","2021-06-01 00:00:00",0.25,{value}]'

    parsed = validated(bulk, [chunk(f'[["a","2021-06-01 00:00:00",0.25,1],{row}]', *NAMES, "unit")])

    assert parsed.odd == {0: [2]}


@pytest.mark.parametrize(
    "text",
    [
        "[[1,2,3],[4,5]]",
        '[["\\u0061",1,2],[]]',
        '[["\x01",1,2]]',
        '[["a\tb",1,2]]',
        "[[[],1,2]]",
        "[[{},1,2],[",
        "[]",
        "",
    ],
)
def test_a_chunk_that_is_no_list_of_plain_rows_is_left_alone(bulk: BulkValidation, text: str) -> None:
    parsed = validated(bulk, [chunk(text)])

    assert (parsed.row_counts, plain(parsed).num_rows) == ([0], 0)


@given(
    words=st.lists(st.sampled_from(WORDS), min_size=3, max_size=12), wide=st.lists(st.sampled_from(WORDS), max_size=3)
)
def test_many_chunks_together_are_each_as_it_is_alone(
    bulk: BulkValidation, words: list[str | bytes], wide: list[str | bytes]
) -> None:
    chunks = [*(chunk(word, *NAMES, "unit") for word in wide), *map(chunk, words)]

    assert seen(bulk, chunks) == [seen(bulk, [one])[0] for one in chunks]
