"""What is pushed is taken apart without a digit lost."""

import json

import pytest

from meter_platform.feeds.malformed import MalformedFileError
from meter_platform.receive.delivery import from_document, from_lines

COLUMNS = ["interval_start", "consumption_delta", "meterpoint_id"]
ROWS = '["2021-01-04 00:30:00", 0.10, "1200010001"], ["2021-01-04 01:00:00", 1e-3, "1200010001"]'
DOCUMENT = f'{{"columns": {json.dumps(COLUMNS)}, "data": [{ROWS}]}}'


def test_a_document_keeps_its_columns_and_every_number_as_it_was_written() -> None:
    found = from_document(DOCUMENT.encode())

    assert found.columns == tuple(COLUMNS)
    assert found.rows.decode() == ROWS.replace("], [", "],[")
    assert found.count == 2
    assert found.keys == {("1200010001", "2021-01-04 00:30:00"), ("1200010001", "2021-01-04 01:00:00")}


def test_lines_are_rows_in_the_order_of_the_first_lines_keys() -> None:
    lines = (
        '{"meterpoint_id": "1", "interval_start": "2021-01-04 00:30:00", "consumption_delta": 0.10, "note": "a\\nb"}\n\n'
        '{"consumption_delta": 2, "interval_start": "2021-01-04 01:00:00", "meterpoint_id": "1", "note": null}\r\n'
    )
    found = from_lines(lines.encode())

    assert found.columns == ("meterpoint_id", "interval_start", "consumption_delta", "note")
    assert found.rows == (b'["1", "2021-01-04 00:30:00", 0.10, "a\\nb"],["1", "2021-01-04 01:00:00", 2, null]')


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no line"),
        (b'{"meterpoint_id": "1"}', "lacks interval_start and consumption_delta"),
        (b'{"meterpoint_id": "1", "interval_start": "x", "consumption_delta": 1}\n[1]', "line 2 is not a JSON object"),
        (b'{"meterpoint_id": "1", "interval_start": "x", "consumption_delta": 1}\n{"a": 1}', "line 2 has other keys"),
        (b'{"meterpoint_id": "1", "meterpoint_id": "2"}', "line 1"),
        (b'{"meterpoint_id": "1"', "line 1"),
        (b"\xff\xfe{", "line 1"),
    ],
)
def test_lines_that_are_none_are_refused_with_their_number(content: bytes, said: str) -> None:
    with pytest.raises(MalformedFileError, match=said):
        from_lines(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", "it is not"),
        (b'{"columns": ["a"], "data": []}', "lacks"),
        (DOCUMENT.replace(ROWS, "").encode(), "no rows"),
        (DOCUMENT[:-1].encode(), "line 1, column"),
        (b'{"columns": 1, "data": {}}', "data"),
        (DOCUMENT.replace("columns", "colunms").encode(), "columns"),
    ],
)
def test_a_document_that_is_none_is_refused_with_the_reason(content: bytes, said: str) -> None:
    with pytest.raises(MalformedFileError, match=said):
        from_document(content)


def test_a_row_that_is_none_stays_for_the_platform_to_reject() -> None:
    found = from_document(DOCUMENT.replace(ROWS, f'{ROWS}, "no row", [1]').encode())

    assert found.count == 4
    assert found.rows.endswith(b'"no row",[1]')
    assert len(found.keys) == 2
