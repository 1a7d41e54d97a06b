"""Documents taken apart: the pieces together are the whole, wherever they are cut."""

import io
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.feeds.formats import json_document
from meter_platform.feeds.formats.format import NumberText
from meter_platform.feeds.formats.json_document import chunks, parse, parse_json, row_text
from meter_platform.feeds.formats.json_rows import Columns
from meter_platform.feeds.malformed import FileReason, MalformedFileError
from meter_platform_tests.feeds.reading import parse_whole

HEAD = '{"columns": ["meterpoint_id", "interval_start", "consumption_delta"], "data": '


class Dribble(io.BytesIO):
    """A file that gives its head in one go, and then as little at a time as it likes."""

    def __init__(self, content: bytes, head: int, most: Sequence[int]) -> None:
        super().__init__(content)
        self._head = head
        self._most = list(most)

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() == 0:
            return super().read(max(self._head, 1))
        if size is None or size < 0:
            return super().read()
        return super().read(min(size, self._most[self.tell() % len(self._most)]))


def taken_apart(content: bytes, *, head: int = 200, most: Sequence[int] = (1000,)) -> list[list[object]]:
    """The rows of each chunk."""
    stream = Dribble(content, head, most)
    parts = chunks(stream, len(content), last_bytes=content[-json_document.TAIL_BYTES :], chunk_bytes=1 << 16)
    return [parse_json(part.text) for part in parts]


strings = [
    *map(json.dumps, ["a", "", "],[", "[", "]", '"', "\\", '\\"],["', "é", "{", "}", "], ["]),
    '"\\\\"',
    '"\\u005d,["',
    *["0.1", "-1e-3", "null", "{}"],
]
lists = ['"a"', '"\\""', "1", "[]", "[1]", "[[1], [2]]", '{"a": [1]}', '[["a"], "b"]', "[[], [], []]"]
spaces = st.sampled_from(["", " ", "\n    ", "\r\n\t"])


@pytest.mark.parametrize("values", [strings, lists], ids=["brackets in strings", "nested lists"])
@given(data=st.data())
def test_the_chunks_of_a_document_are_its_rows(values: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(st.sampled_from(values), min_size=1, max_size=4), max_size=12))
    between, around = data.draw(spaces), data.draw(spaces)
    texts = [f"[{around}{f',{between}'.join(row)}{around}]" for row in rows]
    content = f"{HEAD}[{around}{f'{around},{between}'.join(texts)}{around}]{around}}}{around}".encode()
    whole = parse_whole(content).rows
    assert list(parse(content).rows) == whole
    assert len(whole) == len(rows)
    most = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    parts = taken_apart(content, head=len(HEAD) + len(around) + 2, most=most)
    assert [row for part in parts for row in part] == whole


def test_a_chunk_ends_with_the_last_whole_row_that_was_read() -> None:
    rows = [f'["a", "{number:06}"]' for number in range(1000)]
    content = f"{HEAD}[{', '.join(rows)}]}}".encode()
    parts = taken_apart(content, most=[1000])
    assert 15 <= len(parts) <= 30
    assert all(len(part) > 10 for part in parts[1:-1])


def test_brackets_in_strings_do_not_make_up_for_those_of_lists() -> None:
    rows = ", ".join(['["]", [1], [2]]'] * 50)
    content = f"{HEAD}[{rows}]}}".encode()
    assert [row for part in taken_apart(content, most=[7]) for row in part] == [["]", ["1"], ["2"]]] * 50


def test_a_row_may_be_longer_than_a_chunk() -> None:
    content = f'{HEAD}[["{"x" * 100_000}"], ["y"]]}}'.encode()
    assert [row for part in taken_apart(content, most=[100]) for row in part] == [["x" * 100_000], ["y"]]


@pytest.mark.parametrize(
    "content",
    [
        '{"data": [[1]], "columns": ["meterpoint_id", "interval_start", "consumption_delta"]}',
        '{"x": {"columns": []}, ' + HEAD[1:] + "[[1]]}",
        HEAD + '[[1]], "x": null}',
        HEAD + '[[1]], "x": [[2]]}',
        HEAD.replace("columns", "c\\u006flumns") + "[[1]]}",
        HEAD.replace('"]', '", "[x]"]') + "[[1]]}",
        "\ufeff" + HEAD + "[[1]]}",
        "\n\n" + HEAD + "\n[\n[\n1\n]\n]\n}\n\n",
    ],
)
def test_keys_may_stand_in_any_order_and_beside_others(content: str) -> None:
    assert list(parse(content.encode()).rows) == [["1"]]


def test_columns_are_found_wherever_they_stand() -> None:
    names = ["x", "consumption_delta", "meterpoint_id", "y", "interval_start"]
    assert Columns.of(names) == Columns(places=(2, 4, 1), width=5)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (None, FileReason.BAD_COLUMNS),
        ({}, FileReason.BAD_COLUMNS),
        ("meterpoint_id", FileReason.BAD_COLUMNS),
        ([1, 2, 3], FileReason.BAD_COLUMNS),
        (["meterpoint_id", "interval_start", "consumption_delta", None], FileReason.BAD_COLUMNS),
        (["meterpoint_id", "interval_start", "consumption_delta", "meterpoint_id"], FileReason.BAD_COLUMNS),
        ([], FileReason.MISSING_COLUMN),
        (["meterpoint_id", "interval_start"], FileReason.MISSING_COLUMN),
    ],
)
def test_columns_that_are_missing_or_no_names_are_named(names: object, reason: FileReason) -> None:
    with pytest.raises(MalformedFileError) as caught:
        Columns.of(names)
    assert caught.value.reason is reason


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MalformedFileError, match="lacks interval_start and consumption_delta"):
        Columns.of(["meterpoint_id", "start", "kwh"])


@pytest.mark.parametrize("text", ["0.10", "1E+5", "-0.0", "12345678901234567890.123", "NaN", "-Infinity", "1e400"])
def test_numbers_are_kept_as_they_are_written(text: str) -> None:
    value = parse_json(f"[{text}]".encode())[0]
    assert isinstance(value, NumberText)
    assert value == text
    assert row_text([value]) == f"[{text}]"


def test_a_row_is_written_again_as_it_was_read() -> None:
    text = '["a", 0.10, null, true, false, [1e-3, {"k": [NaN], "l": "\\"\\\\\\u00e9"}], {}]'
    assert row_text(parse_json(text.encode())) == text


def test_an_error_names_its_place() -> None:
    with pytest.raises(MalformedFileError, match="line 2, column 3") as caught:
        parse_json(b'{"a": 1,\n  b: 2}')
    assert caught.value.reason is FileReason.NOT_JSON
    with pytest.raises(MalformedFileError, match="byte 5"):
        parse_json(b'["ab\xff"]')
    with pytest.raises(MalformedFileError, match='key "k" twice'):
        parse_json(b'[{"k": 1, "j": 2, "k": 3}]')


@pytest.mark.parametrize(
    ("data", "within", "fine"),
    [
        ("[" * 100 + "]" * 100, 0, True),
        ("[" * 101 + "]" * 101, 0, False),
        ("[" * 99 + "]" * 99, 1, True),
        ("[" * 100 + "]" * 100, 1, False),
        ('{"a":' * 100 + "1" + "}" * 100, 0, True),
        ('{"a":' * 101 + "1" + "}" * 101, 0, False),
        ("[" + ",".join(["[[]]"] * 1000) + "]", 0, True),
        (json.dumps(["[" * 5000, "{" * 5000]), 0, True),
        (json.dumps(['"[' * 5000, "\\["]), 0, True),
    ],
)
def test_nesting_has_its_limit_whatever_stands_in_strings(data: str, within: int, *, fine: bool) -> None:
    if fine:
        parse_json(data.encode(), within=within)
    else:
        with pytest.raises(MalformedFileError) as caught:
            parse_json(data.encode(), within=within)
        assert caught.value.reason is FileReason.TOO_DEEP


def test_the_codes_never_change() -> None:
    assert {reason.value for reason in FileReason} == {
        "unreadable",
        "empty",
        "not_utf8",
        "not_json",
        "truncated",
        "too_deep",
        "not_a_document",
        "duplicate_key",
        "bad_columns",
        "missing_column",
        "bad_data",
        "too_large",
        "too_slow",
    }


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        ("value", 'an object has the key "value" twice'),
        ("k" * 1_000_000, "an object has the key of 1,000,000 characters twice"),
        ("1200031234567", "an object has the key of 13 characters twice"),
        ("[x](y)", "an object has the key of 6 characters twice"),
    ],
)
def test_a_key_that_stands_twice_is_quoted_where_it_is_a_name(key: str, detail: str) -> None:
    with pytest.raises(MalformedFileError) as caught:
        parse_json(json.dumps({key: 1})[:-1].encode() + b"," + json.dumps({key: 2})[1:].encode())
    assert str(caught.value) == f"duplicate_key: {detail}"
