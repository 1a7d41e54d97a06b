"""Bad files and bad rows: each is quarantined with its reason, and costs nothing else anything."""

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from meter_platform.feeds import chunks, reading
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.formats import json_document
from meter_platform.feeds.formats.format import WHOLE_BYTES
from meter_platform.feeds.reading import read
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.sample.generate import generate
from meter_platform.sample.plan import SamplePlan
from meter_platform.settings import Settings
from meter_platform.settlement import days
from meter_platform.warehouse.database import Database
from meter_platform_tests.feeds.reading import FIRST, LAST, LONDON, OLD, Read, by_reader, write
from meter_platform_tests.places import CASES, ROOT

GOOD: Final = '["a", "2021-06-01 00:00:00", 0.5]'
NAMES: Final = '"columns": ["meterpoint_id", "interval_start", "consumption_delta"]'
HEAD: Final = f'{{{NAMES}, "data": '
DOCUMENT: Final = f"{HEAD}[{GOOD}]}}"


def columns(text: str) -> bytes:
    return f'{{"columns": {text}, "data": [{GOOD}]}}'.encode()


def data(text: str) -> bytes:
    return f"{HEAD}{text}}}".encode()


BAD_FILES: Final[dict[str, tuple[bytes, str]]] = {
    # Nothing
    "nothing": (b"", "empty"),
    "white space": (b" \n\t\r\n ", "empty"),
    "a byte order mark": (b"\xef\xbb\xbf", "empty"),
    # Not text
    "utf-16 with a byte order mark": (DOCUMENT.encode("utf-16"), "not_utf8"),
    "utf-16, big end first": (b"\xfe\xff" + DOCUMENT.encode("utf-16-be"), "not_utf8"),
    "utf-32 with a byte order mark": (DOCUMENT.encode("utf-32"), "not_utf8"),
    "utf-16 without a byte order mark": (DOCUMENT.encode("utf-16-le"), "not_utf8"),
    "latin-1": (DOCUMENT.replace("a", "é").encode("latin-1"), "not_utf8"),
    "latin-1 in an id": (data('[["\xe9", "2021-06-01 00:00:00", 0.5]]').replace(b"\xc3\xa9", b"\xe9"), "not_utf8"),
    "a surrogate in utf-8": (data('[["?", "2021-06-01 00:00:00", 0.5]]').replace(b"?", b"\xed\xa0\x80"), "not_utf8"),
    "an overlong slash": (data('[["?", "2021-06-01 00:00:00", 0.5]]').replace(b"?", b"\xc0\xaf"), "not_utf8"),
    "gzip": (gzip.compress(DOCUMENT.encode(), mtime=0), "not_utf8"),
    "binary": (bytes(range(256)) * 20, "not_utf8"),
    "zeros": (bytes(5000), "not_json"),
    # Other formats
    "csv": (b"meterpoint_id,interval_start,consumption_delta\na,2021-06-01 00:00:00,0.5\n", "not_json"),
    "xml": (b"<?xml version='1.0'?><readings/>", "not_json"),
    "html": (b"<!DOCTYPE html><html><body>503 Service Unavailable</body></html>", "not_json"),
    "a word": (b"readings", "not_json"),
    "lines of json": (b'{"meterpoint_id": "a"}\n{"meterpoint_id": "b"}\n', "not_json"),
    # Cut off
    "cut in a key": (DOCUMENT[:6].encode(), "truncated"),
    "cut in the columns": (DOCUMENT[:40].encode(), "truncated"),
    "cut before the data": (HEAD.encode(), "truncated"),
    "cut before a row": (HEAD.encode() + b"[", "truncated"),
    "cut in a string": (DOCUMENT[:-20].encode(), "truncated"),
    "cut in a number": (DOCUMENT[:-4].encode(), "truncated"),
    "cut after a decimal point": (DOCUMENT[:-4].encode() + b"0.", "truncated"),
    "cut after a minus": (HEAD.encode() + b'[["a", "2021-06-01 00:00:00", -', "truncated"),
    "cut in a word": (HEAD.encode() + b'[["a", "2021-06-01 00:00:00", nul', "truncated"),
    "cut after a row": (DOCUMENT[:-2].encode(), "truncated"),
    "cut after a comma": (DOCUMENT[:-2].encode() + b", ", "truncated"),
    "cut before the last brace": (DOCUMENT[:-1].encode(), "truncated"),
    "cut in a letter of two bytes": (HEAD.encode() + '[["é'.encode()[:-1], "truncated"),
    "cut in an escape": (HEAD.encode() + b'[["\\u00', "truncated"),
    # Nearly JSON
    "a comma too many in a row": (data('[["a", "2021-06-01 00:00:00", 0.5,]]'), "not_json"),
    "a comma too many after the rows": (data(f"[{GOOD},]"), "not_json"),
    "a comma too many in the document": (DOCUMENT[:-1].encode() + b",}", "not_json"),
    "a comma too few": (data(f"[{GOOD} {GOOD}]"), "not_json"),
    "two commas": (data(f"[{GOOD},, {GOOD}]"), "not_json"),
    "single quotes": (DOCUMENT.replace('"', "'").encode(), "not_json"),
    "a comment": (DOCUMENT.encode() + b" // end", "not_json"),
    "a comment in the data": (data(f"[/* first */ {GOOD}]"), "not_json"),
    "leading zeros": (data('[["a", "2021-06-01 00:00:00", 00.5]]'), "not_json"),
    "a plus": (data('[["a", "2021-06-01 00:00:00", +0.5]]'), "not_json"),
    "a bare decimal point": (data('[["a", "2021-06-01 00:00:00", .5]]'), "not_json"),
    "nan in small letters": (data('[["a", "2021-06-01 00:00:00", nan]]'), "not_json"),
    "a Python None": (data('[["a", "2021-06-01 00:00:00", None]]'), "not_json"),
    "a tab in a string": (data('[["a\t", "2021-06-01 00:00:00", 0.5]]'), "not_json"),
    "an unknown escape": (data('[["\\x61", "2021-06-01 00:00:00", 0.5]]'), "not_json"),
    "two documents": (DOCUMENT.encode() * 2, "not_json"),
    "two documents on two lines": ((DOCUMENT + "\n").encode() * 2, "not_json"),
    "something after the end": (DOCUMENT.encode() + b"]", "not_json"),
    "a word after the end": (DOCUMENT.encode() + b" end", "not_json"),
    "a zero byte after the end": (DOCUMENT.encode() + b"\x00", "not_json"),
    "a byte order mark in the middle": (b"\n\xef\xbb\xbf" + DOCUMENT.encode(), "not_json"),
    # Another document
    "a list": (f"[{GOOD}]".encode(), "not_a_document"),
    "an empty list": (b"[]", "not_a_document"),
    "a list of objects": (b'[{"meterpoint_id": "a"}]', "not_a_document"),
    "a number": (b"17", "not_a_document"),
    "a text": (b'"readings"', "not_a_document"),
    "null": (b"null", "not_a_document"),
    "not a number": (b"NaN", "not_a_document"),
    # Keys twice
    "columns twice": (b'{"columns": ["x"], ' + DOCUMENT[1:].encode(), "duplicate_key"),
    "data twice": (DOCUMENT[:-1].encode() + f', "data": [{GOOD}]}}'.encode(), "duplicate_key"),
    "data twice at once": (DOCUMENT[:-1].encode() + b', "data": []}', "duplicate_key"),
    "a key of another member twice": (DOCUMENT[:-1].encode() + b', "x": {"y": 1, "y": 2}}', "duplicate_key"),
    "a key in a row twice": (data('[["a", "2021-06-01 00:00:00", {"v": 1, "v": 2}]]'), "duplicate_key"),
    # Columns
    "an empty document": (b"{}", "bad_columns"),
    "no columns": (b'{"data": []}', "bad_columns"),
    "columns are null": (columns("null"), "bad_columns"),
    "columns are a text": (columns('"meterpoint_id"'), "bad_columns"),
    "columns are an object": (columns('{"meterpoint_id": 0}'), "bad_columns"),
    "columns are numbers": (columns("[0, 1, 2]"), "bad_columns"),
    "columns are objects": (columns('[{"name": "meterpoint_id"}]'), "bad_columns"),
    "a column is a number": (columns('["meterpoint_id", "interval_start", "consumption_delta", 4]'), "bad_columns"),
    "a column is null": (columns('["meterpoint_id", "interval_start", "consumption_delta", null]'), "bad_columns"),
    "a column twice": (
        columns('["meterpoint_id", "interval_start", "consumption_delta", "interval_start"]'),
        "bad_columns",
    ),
    "a strange column twice": (
        columns('["meterpoint_id", "interval_start", "consumption_delta", "x", "x"]'),
        "bad_columns",
    ),
    "columns are empty": (columns("[]"), "missing_column"),
    "a column is missing": (columns('["meterpoint_id", "interval_start"]'), "missing_column"),
    "a column in capitals": (columns('["METERPOINT_ID", "interval_start", "consumption_delta"]'), "missing_column"),
    "a column with a space": (columns('["meterpoint_id ", "interval_start", "consumption_delta"]'), "missing_column"),
    # Data
    "no data": (HEAD.removesuffix(', "data": ').encode() + b"}", "bad_data"),
    "data is null": (data("null"), "bad_data"),
    "data is an object": (data('{"0": ["a"]}'), "bad_data"),
    "data is a text": (data('"[]"'), "bad_data"),
    "data is a number": (data("0"), "bad_data"),
    # Deep
    "lists within lists, closed": (data("[" * 100_000 + "]" * 100_000), "too_deep"),
    "lists within lists, open": (b"[" * 100_000, "too_deep"),
    "objects within objects": (b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    "a value of 101 lists": (data(f'[["a", "2021-06-01 00:00:00", {"[" * 101}{"]" * 101}]]'), "too_deep"),
    "a value of 500 lists": (data(f'[["a", "2021-06-01 00:00:00", {"[" * 500}{"]" * 500}]]'), "too_deep"),
    "an unneeded member of 1000 lists": (
        DOCUMENT[:-1].encode() + b', "x": ' + b"[" * 1000 + b"]" * 1000 + b"}",
        "too_deep",
    ),
}
"""Content of a file, and the reason code of its error."""

BAD_ROWS: Final[dict[str, str]] = {
    # No rows
    "null": "not_a_row",
    "0": "not_a_row",
    '"a"': "not_a_row",
    "true": "not_a_row",
    "{}": "not_a_row",
    '{"meterpoint_id": "a", "interval_start": "2021-06-01 00:00:00", "consumption_delta": 0.5}': "not_a_row",
    "[]": "not_a_row",
    '["a"]': "not_a_row",
    '["a", "2021-06-01 00:00:00"]': "not_a_row",
    '["a", "2021-06-01 00:00:00", 0.5, 1]': "not_a_row",
    '[["a", "2021-06-01 00:00:00", 0.5]]': "not_a_row",
    "[[], [], []]": "bad_meterpoint",
    # Meterpoints
    '["", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    f'["{"x" * 65}", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[null, "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[true, "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[1.5, "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[-5, "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[1e3, "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[NaN, "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[["a"], "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[{"id": "a"}, "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[" a", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["a ", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '[" ", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    """["'1030061234567", "2021-06-01 00:00:00", 0.5]""": "bad_meterpoint",
    '["1.01235E+12", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["NULL", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["nan", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["n/a", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["=HYPERLINK(1)", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["@SUM(1)", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["-5", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["a\\u0000", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["a\\n", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["\\ud800", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    '["a\\u200b", "2021-06-01 00:00:00", 0.5]': "bad_meterpoint",
    # Times
    '["a", null, 0.5]': "bad_time",
    '["a", "", 0.5]': "bad_time",
    '["a", "Null", 0.5]': "bad_time",
    '["a", 1622505600, 0.5]': "bad_time",
    '["a", 20210601, 0.5]': "bad_time",
    '["a", ["2021-06-01 00:00:00"], 0.5]': "bad_time",
    '["a", "01/06/2021 00:00:00", 0.5]': "bad_time",
    '["a", "2021-06-01", 0.5]': "bad_time",
    '["a", "20210601T000000", 0.5]': "bad_time",
    '["a", "2021-06-01 0:00:00", 0.5]': "bad_time",
    '["a", " 2021-06-01 00:00:00", 0.5]': "bad_time",
    '["a", "2021-06-01 00:00:00 ", 0.5]': "bad_time",
    '["a", "2021-06-01 00:00:0Z", 0.5]': "bad_time",
    '["a", "2021-06-01 24:30:00", 0.5]': "bad_time",
    '["a", "2021-06-01 00:60:00", 0.5]': "bad_time",
    '["a", "2021-06-01 00:29:60", 0.5]': "bad_time",
    '["a", "2021-02-29 00:00:00", 0.5]': "bad_time",
    '["a", "2021-13-01 00:00:00", 0.5]': "bad_time",
    '["a", "2021-06-01 00:00:00 Europe/London", 0.5]': "bad_time",
    '["a", "2021-06-01 00:00:00+25:00", 0.5]': "bad_time",
    '["a", "0001-01-01 00:00:00", 0.5]': "bad_time",
    '["a", "9999-12-31 23:30:00", 0.5]': "bad_time",
    '["a", "0001-01-01 00:00:00+01:00", 0.5]': "bad_time",
    '["a", "9999-12-31 23:30:00-01:00", 0.5]': "bad_time",
    '["a", "2021-06-01 12:37:27", 0.5]': "misaligned_interval",
    '["a", "2021-06-01 15:13:41", 0.5]': "misaligned_interval",
    '["a", "2021-06-01 00:15:00", 0.5]': "misaligned_interval",
    '["a", "2021-06-01 00:00:00.001", 0.5]': "misaligned_interval",
    '["a", "2021-06-01 00:00:00+05:45", 0.5]': "misaligned_interval",
    '["a", "2021-03-28 01:00:00", 0.5]': "nonexistent_time",
    '["a", "2021-03-28T01:30:00", 0.5]': "nonexistent_time",
    '["a", "2020-12-31 23:30:00", 0.5]': "before_first_date",
    '["a", "1970-01-01 00:00:00", 0.5]': "before_first_date",
    '["a", "2021-01-01 00:00:00+01:00", 0.5]': "before_first_date",
    '["a", "2022-01-01 00:00:00", 0.5]': "future",
    '["a", "9998-12-31 00:00:00", 0.5]': "future",
    # Values
    '["a", "2021-06-01 00:00:00", null]': "not_a_number",
    '["a", "2021-06-01 00:00:00", "Null"]': "not_a_number",
    '["a", "2021-06-01 00:00:00", ""]': "not_a_number",
    '["a", "2021-06-01 00:00:00", NaN]': "not_a_number",
    '["a", "2021-06-01 00:00:00", Infinity]': "not_a_number",
    '["a", "2021-06-01 00:00:00", -Infinity]': "not_a_number",
    '["a", "2021-06-01 00:00:00", "nan"]': "not_a_number",
    '["a", "2021-06-01 00:00:00", true]': "not_a_number",
    '["a", "2021-06-01 00:00:00", [0.5]]': "not_a_number",
    '["a", "2021-06-01 00:00:00", {"kwh": 0.5}]': "not_a_number",
    '["a", "2021-06-01 00:00:00", "0,5"]': "not_a_number",
    '["a", "2021-06-01 00:00:00", " 0.5"]': "not_a_number",
    '["a", "2021-06-01 00:00:00", ".5"]': "not_a_number",
    '["a", "2021-06-01 00:00:00", "0.5 kWh"]': "not_a_number",
    '["a", "2021-06-01 00:00:00", "0x1"]': "not_a_number",
    '["a", "2021-06-01 00:00:00", "1_000"]': "not_a_number",
    '["a", "2021-06-01 00:00:00", "\\u0663"]': "not_a_number",
    '["a", "2021-06-01 00:00:00", -0.001]': "negative",
    '["a", "2021-06-01 00:00:00", -1e-30]': "negative",
    '["a", "2021-06-01 00:00:00", -16777.215]': "negative",
    '["a", "2021-06-01 00:00:00", 16777.215]': "sentinel",
    '["a", "2021-06-01 00:00:00", 16777.2150000001]': "sentinel",
    '["a", "2021-06-01 00:00:00", 1e400]': "sentinel",
    '["a", "2021-06-01 00:00:00", 16777.214]': "impossible",
    '["a", "2021-06-01 00:00:00", 24.000000001]': "impossible",
    '["a", "2021-06-01 00:00:00", 24.000000000000000000000000001]': "impossible",
    '["a", "2021-06-01 00:00:00", 25]': "impossible",
    '["a", "2021-06-01 00:00:00", 0.123456789012345678901]': "too_precise",
    '["a", "2021-06-01 00:00:00", 1e-21]': "too_precise",
}
"""A row among good ones of a file that was first seen on the last day of 2021, and the reason code of its rejection."""

ODD_BUT_GOOD: Final[dict[str, bytes]] = {
    "a byte order mark": b"\xef\xbb\xbf" + DOCUMENT.encode(),
    "a byte order mark and no data in the usual place": b'\xef\xbb\xbf{"unit": "kWh", ' + DOCUMENT[1:].encode(),
    "many lines": json.dumps(json.loads(DOCUMENT), indent=4).encode(),
    "windows line ends": json.dumps(json.loads(DOCUMENT), indent="\t").replace("\n", "\r\n").encode(),
    "no spaces": json.dumps(json.loads(DOCUMENT), separators=(",", ":")).encode(),
    "space around": b"\n\n  " + DOCUMENT.encode() + b"\n\n",
    "data first": f'{{"data": [{GOOD}], {NAMES}}}'.encode(),
    "more members": b'{"version": 2, ' + DOCUMENT[1:-1].encode() + b', "rows": 1, "x": [["y"]]}',
    "a data frame, split": f'{{{NAMES}, "index": [0], "data": [{GOOD}]}}'.encode(),
    "escaped keys": DOCUMENT.replace('"columns"', '"\\u0063olumns"').encode(),
    "another order, and more columns": b'{"columns": ["consumption_delta", "x", "interval_start", "meterpoint_id"], '
    b'"data": [[0.5, {"y": ["],["]}, "2021-06-01 00:00:00", "a"]]}',
}
"""Content with the one reading of GOOD in it."""


def slug(name: str) -> str:
    return name.replace(" ", "-").replace(",", "")


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """All bad files, read at once."""
    folder = tmp_path_factory.mktemp("files")
    for name, (content, _) in BAD_FILES.items():
        write(folder / f"{slug(name)}.json", content)
    return by_reader(folder)


@pytest.fixture(scope="module")
def bad_rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """All bad rows, each the second of three in a file of its own."""
    folder = tmp_path_factory.mktemp("rows")
    for number, row in enumerate(BAD_ROWS):
        write(folder / f"{number}.json", data(f"[{GOOD}, {row}, {GOOD}]"))
    return by_reader(folder)


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_quarantined_with_its_reason(bad_files: dict[str, Read], name: str) -> None:
    result = bad_files[f"{slug(name)}.json"]
    assert result.account is not None
    assert result.account.malformed is not None
    reason, _, detail = result.account.malformed.partition(": ")
    assert reason == BAD_FILES[name][1]
    assert detail
    assert result.account.rows_in_file == 0
    assert not result.account.rows_per_date


@pytest.mark.parametrize(("number", "row"), list(enumerate(BAD_ROWS)))
def test_a_bad_row_is_rejected_with_its_reason_and_its_neighbours_are_not(
    bad_rows: dict[str, Read], number: int, row: str
) -> None:
    result = bad_rows[f"{number}.json"]
    assert result.account is not None
    assert result.account.malformed is None
    assert sorted(result.accepted) == [1, 3]
    assert list(result.rejected) == [2]
    reason, _, _, text, detail = result.rejected[2]
    assert reason == BAD_ROWS[row]
    assert detail
    # As it stands in the file, but for how characters are written.
    assert text == row or json.dumps(json.loads(text)) == json.dumps(json.loads(row))
    assert (result.account.rows_in_file, result.account.rows_rejected) == (3, 1)


@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_an_odd_layout_is_no_fault(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a.json", ODD_BUT_GOOD[name])
    result = by_reader(tmp_path)["a.json"]
    assert result.account is not None
    assert result.account.malformed is None
    assert result.accepted == {1: ("a", datetime(2021, 5, 31, 23, tzinfo=UTC), date(2021, 6, 1), Decimal("0.5"))}
    assert result.rejected == {}


KINDS: Final[dict[str, tuple[bytes, str]]] = {
    "utf-16-le": (DOCUMENT.encode("utf-16-le"), "not_utf8: the file looks like UTF-16"),
    "utf-16-be": (DOCUMENT.encode("utf-16-be"), "not_utf8: the file looks like UTF-16"),
    "utf-32": (DOCUMENT.encode("utf-32-le"), "not_utf8: the file looks like UTF-32"),
    "utf-16 that is short": ("{}".encode("utf-16-le"), "not_utf8: the file looks like UTF-16"),
    "zeros": (bytes(5000), "not_json: the file begins with zero bytes: its space may have been taken"),
    "login": (
        b'\r\n<html xmlns="x"><title>Session expired</title>',
        "not_json: the file is a web page (HTML), such as a log",
    ),
    "login 2": (b"<!doctype HTML><body>Please log in</body>", "not_json: the file is a web page (HTML)"),
    "xml": (b'<?xml version="1.0"?><feed/>', "not_json: the file is XML"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not_utf8: the file is a picture (PNG)"),
    "gzip": (gzip.compress(DOCUMENT.encode()), "not_utf8: the file is compressed (gzip): unpack it first"),
    "zip": (b"PK\x03\x04\x14\0\0\0", "not_utf8: the file is an archive (ZIP), or a spreadsheet"),
    "csv": (b"meterpoint_id,interval_start,kwh\r\na,b,1\r\n", "not_json: the file looks like comma-separated values"),
    "csv 2": (b'"Start","Usage (kWh)"\n1,2\n', "not_json: the file looks like comma-separated values"),
    "octopus": (
        b'{"count": 1, "next": null, "previous": null, "results": [{"consumption": 0.1}]}',
        'bad_columns: the file has no "columns"; it has "count", "next", "previous" and "results": it looks like a page of',
    ),
    "an error": (
        b'{"status": 404, "message": "no measure found for 1030061234567"}',
        'bad_columns: the file has no "columns"; it has "status" and "message": it looks like an error that a server',
    ),
    "ids as keys": (
        b'{"1030061234567": [], "1030061234568": []}',
        'bad_columns: the file has no "columns"; it has 2 keys that are no names',
    ),
    "more keys": (
        b'{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "1030061234567": 1}',
        'bad_columns: the file has no "columns"; it has "a", "b", "c", "d", "e" and 2 other keys',
    ),
    "an empty object": (b"{}", 'bad_columns: the file has no "columns"; it has no key at all'),
    "records": (b'[{"meterpoint_id": "1030061234567"}]', 'not_a_document: the file is a list, not {"columns"'),
    "an id as a key twice": (
        data('[{"1030061234567": 1, "1030061234567": 2}]'),
        "duplicate_key: an object has the key of",
    ),
    "a name as a key twice": (data('[{"k": 1, "k": 2}]'), 'duplicate_key: an object has the key "k" twice'),
    "a very long key twice": (
        data(f'[{{"{"k" * 9999}": 1, "{"k" * 9999}": 2}}]'),
        "duplicate_key: an object has the key of",
    ),
}
"""What is saved as a reading file, and how what is said of it begins."""


def test_a_person_is_told_what_a_file_is_that_is_no_reading_file(tmp_path: Path) -> None:
    for number, (content, _) in enumerate(KINDS.values()):
        write(tmp_path / f"{number}.json", content)

    results = by_reader(tmp_path)

    for number, (kind, (_, said)) in enumerate(KINDS.items()):
        account = results[f"{number}.json"].account
        assert account is not None
        assert account.malformed is not None
        assert account.malformed.startswith(said), (kind, account.malformed)
        assert len(account.malformed) < 300
        assert "1030061234567" not in account.malformed


def test_a_document_without_rows_is_no_fault(tmp_path: Path) -> None:
    write(tmp_path / "a.json", data("[]"))
    account = by_reader(tmp_path)["a.json"].account
    assert account is not None
    assert (account.malformed, account.rows_in_file, account.rows_per_date) == (None, 0, {})


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "23-encodings",
            {
                "a_utf8_bom": "",
                "b_utf16le_bom": "not_utf8: the file begins with the byte order mark of UTF-16",
                "c_utf16le_no_bom": "not_utf8: the file looks like UTF-16",
                "d_cp1252": "not_utf8: byte ",
                "e_crlf": "",
                "f_cr_only": "",
            },
        ),
        (
            "24-not-a-reading-file",
            {
                "a_login_page": "not_json: the file is a web page",
                "b_png": "not_utf8: the file is a picture",
                "c_empty": "empty: ",
                "d_api_error": 'bad_columns: the file has no "columns"; it has "status" and "message"',
                "e_results": 'bad_columns: the file has no "columns"; it has "count", "next", "previous" and "results"',
                "f_good": "",
                "g_no_rows": "",
            },
        ),
    ],
)
def test_the_cases_of_public_reports_say_what_the_files_are(case: str, expected: dict[str, str]) -> None:
    folder = CASES / case / "readings"
    if not folder.is_dir():
        pytest.skip("the cases are not beside this checkout")

    results = {Path(name).stem: result for name, result in by_reader(folder).items()}

    assert results.keys() == expected.keys()
    for name, said in expected.items():
        account = results[name].account
        assert account is not None
        assert (account.malformed or "").startswith(said)
        assert (account.malformed is None) == (not said)
    assert sum(len(result.accepted) for result in results.values()) == (3 if case.startswith("23") else 1)


def test_a_value_of_100_lists_is_a_matter_of_its_row(tmp_path: Path) -> None:
    # The document and its data are two of them, the row a third.
    write(tmp_path / "a.json", data(f'[{GOOD}, ["a", "2021-06-01 00:00:00", {"[" * 97}{"]" * 97}], "{"[" * 200}"]'))
    result = by_reader(tmp_path)["a.json"]
    assert list(result.accepted) == [1]
    assert [reason for reason, *_ in result.rejected.values()] == ["not_a_number", "not_a_row"]


def test_a_file_that_cannot_be_opened_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("link.json", "pipe.json"):
        os.utime(tmp_path / name, (OLD, OLD), follow_symlinks=False)
    for result in by_reader(tmp_path).values():
        assert result.account is not None
        assert result.account.malformed is not None
        assert result.account.malformed.startswith("unreadable: ")
        assert not result.account.still_growing


def test_a_run_over_all_of_them_stores_the_good_sample_exactly(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    first, last = date(2021, 3, 27), date(2021, 3, 29)
    sample = generate(SamplePlan(meterpoints=12, first=first, last=last), tmp_path)
    folder = tmp_path / "readings"
    (folder / "bad").mkdir()
    for name, (content, _) in BAD_FILES.items():
        write(folder / "bad" / f"{slug(name)}.json", content)
    # The clock of a load is today's: what was the future for a file of 2021 is not.
    bad_rows = {row: reason for row, reason in BAD_ROWS.items() if reason != "future" or "9998" in row}
    rows = list(bad_rows)
    for number in range(0, len(rows), 10):
        write(folder / f"bad-rows-{number}.json", data("[" + ",\n".join(rows[number : number + 10]) + "]"))
    load = ReadingsLoad(
        settings.replace(first_reference_date=date(2021, 1, 1)), ReadingFolder(str(folder)), log=lambda _: None
    )
    report = load.store(database, list(days(first, last)))
    with database.connect() as connection:
        stored = connection.execute(
            "SELECT count(*), sum(consumption_delta), count(DISTINCT source_file_id) FROM raw_data.raw_meter_readings"
        ).fetchone()
        assert stored == (sample.readings, sample.kwh, sample.files)
        files = connection.execute(
            "SELECT url, error FROM raw_data.source_files WHERE outcome = 'malformed'"
        ).fetchall()
        assert {Path(url).stem: error.partition(":")[0] for url, error in files} == {
            slug(name): reason for name, (_, reason) in BAD_FILES.items()
        }
        rejected = connection.execute("SELECT reason, count(*) FROM raw_data.rejected_readings GROUP BY 1").fetchall()
        assert dict(rejected) == Counter(bad_rows.values())
        unaccounted = connection.execute(
            "SELECT url FROM raw_data.source_files WHERE rows_in_file "
            "<> rows_stored + rows_rejected + rows_redelivered + rows_replaced + rows_withdrawn + rows_pending"
        ).fetchall()
        assert unaccounted == []
    assert sum(report.rows_per_date.values()) == sample.readings
    assert report.facts["files_quarantined"] == len(BAD_FILES)
    assert report.facts["rows_rejected"] == len(bad_rows)
    assert report.facts["rejected_by_reason"] == Counter(bad_rows.values())
    assert report.facts["quarantined_examples"]


MIB: Final = 1 << 20
ROW: Final = '["MP-0000000001", "2021-06-01 00:00:00", 0.123]'


def write_large(path: Path, size: int, *, before: str = HEAD + "[", after: str = "]}", middle: str = "") -> int:
    """Writes a document of at least so many bytes, with something in the middle of it.

    Returns:
        How many times ROW is in it.
    """
    block = (ROW + ",\n") * 10_000
    count = size // len(block) + 1
    with path.open("w") as file:
        file.write(before)
        for number in range(count):
            if number == count // 2:
                file.write(middle)
            file.write(block)
        file.write(ROW + after)
    os.utime(path, (OLD, OLD))
    return count * 10_000 + 1


PEAK: Final = """
import sys
from datetime import date
from zoneinfo import ZoneInfo
from benchmarks.memory import own_peak
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.reading import read

folder = ReadingFolder(sys.argv[1])
rows = rejected = 0
files = [FileToRead(file, number, date(2021, 12, 31)) for number, file in enumerate(folder.list())]
for batch in read(folder, files, zone=ZoneInfo("Europe/London"), first_date=date(2021, 1, 1), last_date=date(2021, 12, 31)):
    rows += sum(table.num_rows for table in batch.readings)
    rejected += batch.rejected.num_rows
print(rows, rejected, own_peak() >> 20)
"""
"""Reads a folder in a process of its own, and says how many MiB it ever used."""


def read_apart(folder: Path) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


@pytest.mark.whole
def test_memory_does_not_grow_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "large").mkdir()
    small_rows = write_large(tmp_path / "small" / "a.json", 50 * MIB, middle='["bad"],')
    large_rows = write_large(tmp_path / "large" / "a.json", 200 * MIB, middle='["bad"],')
    assert (tmp_path / "large" / "a.json").stat().st_size > 200 * MIB
    small, large = read_apart(tmp_path / "small"), read_apart(tmp_path / "large")
    assert small[:2] == [small_rows, 1]
    assert large[:2] == [large_rows, 1]
    # What waits between the stages is full in both: of the 150 MiB between them hardly any is held.
    assert large[2] - small[2] < 50, "reading takes memory for the whole file"


def test_a_file_above_the_limit_that_is_no_document_is_quarantined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (json_document, reading):
        monkeypatch.setattr(module, "WHOLE_BYTES", MIB)
    for module in (json_document, chunks):
        monkeypatch.setattr(module, "CHUNK_BYTES", 64 << 10)
    quarantine_large(tmp_path, limit=MIB)


@pytest.mark.whole
def test_so_it_is_above_the_limit_that_holds(tmp_path: Path) -> None:
    quarantine_large(tmp_path, limit=WHOLE_BYTES)


def quarantine_large(folder: Path, *, limit: int) -> None:
    """Reads files above the limit up to which a file is read at once, one for each way to be no document."""
    size, expected = limit + limit // 64, {}
    with (folder / "zeros.json").open("wb") as file:
        file.truncate(16 * limit)  # takes no space
    expected["zeros"] = "not_json"
    with (folder / "cut.json").open("wb") as file:
        file.write(HEAD.encode() + b"[" + (GOOD + ",").encode() * 10)
        file.truncate(size)
    expected["cut"] = "truncated"
    write_large(folder / "spoilt.json", size, middle='["a" "b"],')
    expected["spoilt"] = "not_json"
    write_large(folder / "comma.json", size, middle='["a", "2021-06-01 00:00:00", 1,],')
    expected["comma"] = "not_json"
    write_large(folder / "other.json", size, before='{"unit": "kWh", ' + HEAD[1:] + "[")
    expected["other"] = "too_large"
    for path in folder.iterdir():
        os.utime(path, (OLD, OLD))
    write(folder / "good.json", DOCUMENT.encode())
    results = by_reader(folder)
    assert list(results.pop("good.json").accepted) == [1]
    reasons = {Path(name).stem: str(result.account and result.account.malformed) for name, result in results.items()}
    assert {name: reason.partition(":")[0] for name, reason in reasons.items()} == expected
    assert "after row " in reasons["spoilt"], "the place within the file is said"


def read_once(folder: Path, *, wait: bool) -> tuple[str | None, bool]:
    """Why the one file of a folder is malformed, and whether it is still growing."""
    source = ReadingFolder(str(folder))
    files = [FileToRead(file, number, LAST) for number, file in enumerate(source.list(), start=1)]
    batches = list(read(source, files, zone=LONDON, first_date=FIRST, last_date=LAST, wait_for_growing=wait))
    (account,) = (account for batch in batches for account in batch.accounts)
    return account.malformed, account.still_growing


def test_a_broken_file_written_just_now_is_left_for_the_next_look(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(DOCUMENT[:-5])
    assert read_once(tmp_path, wait=False)[1]
    os.utime(tmp_path / "a.json", (OLD, OLD))
    malformed, growing = read_once(tmp_path, wait=False)
    assert malformed is not None
    assert not growing


def test_a_whole_file_written_just_now_is_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(DOCUMENT)
    begun = time.monotonic()
    assert read_once(tmp_path, wait=True) == (None, False)
    assert time.monotonic() - begun < 3


def test_a_load_waits_to_see_whether_a_broken_file_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meter_platform.feeds.reading.SETTLE_SECONDS", 0.6)
    path = tmp_path / "a.json"
    path.write_text(DOCUMENT[:-5])
    malformed, growing = read_once(tmp_path, wait=True)
    assert malformed is not None
    assert not growing, "it did not change"
    path.write_text(DOCUMENT[:-5])
    timer = threading.Timer(0.3, lambda: path.write_text(DOCUMENT[:-4]))
    timer.start()
    assert read_once(tmp_path, wait=True)[1], "it was written on"
    timer.join()
    path.write_text(DOCUMENT[:-5])
    timer = threading.Timer(0.3, path.unlink)
    timer.start()
    assert read_once(tmp_path, wait=True)[1], "it was taken away"
    timer.join()
