"""The file of feeds: what is wrong with it is said by file, feed and key; which feed takes a file, and under which rules."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from meter_platform.errors import SettingsError
from meter_platform.feeds.configured import NO_FEEDS, feeds_of
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.formats.json_document import JsonDocument
from meter_platform.feeds.reading_rules import judging_rules
from meter_platform_tests.feeds.configured import SETTINGS, accepted, assert_accounted, feeds, read_file, rejected
from meter_platform_tests.feeds.reading import by_reader, write

JSON = '[feeds.plain]\nformat = "json"\npaths = "*.json"\n'
CSV = """
[feeds.long]
format = "csv"
paths = "*.csv"
columns = { meterpoint = "id", time = "at", value = "kWh" }
"""


def document(*rows: tuple[str, str, str], names: tuple[str, ...] = ("meterpoint_id", "interval_start")) -> str:
    data = ", ".join(f'["{meterpoint}", "{time}", {value}]' for meterpoint, time, value in rows)
    return f'{{"columns": {json.dumps([*names, "consumption_delta"])}, "data": [{data}]}}'


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[feeds", "is not TOML"),
        ("", "names no feed"),
        ("x = 1\n", "the key 'x' means nothing here"),
        ("[feeds.a]\npaths = '*.csv'\n", "feed 'a', key 'format': it is one of: json, csv, csv_days, nem12, "),
        (
            "[feeds.a]\nformat = 'xls'\npaths = '*.xls'\n",
            "feed 'a', key 'format': it is one of: json, csv, csv_days, nem12, ",
        ),
        ("[feeds.a]\nformat = 'json'\n", "feed 'a', key 'paths': it is missing."),
        (JSON + "unti = 'kWh'\n", "feed 'plain', key 'unti': there is no such key."),
        (JSON + "unit = 'GWh'\n", "feed 'plain', key 'unit': input should be 'kWh', 'Wh', 'MWh' or 'kW'."),
        (JSON + "zone = 'Europe/Londn'\n", "feed 'plain', key 'zone': it is a time zone such as Europe/London or UTC."),
        (
            JSON + "interval_minutes = 20\n",
            "feed 'plain', key 'interval_minutes': input should be 5, 10, 15, 30 or 60.",
        ),
        (JSON + "label = 'middle'\n", "feed 'plain', key 'label': input should be 'start' or 'end'."),
        (JSON + "meterpoint_in_path = true\n", "feed 'plain', key 'paths': '*.json' does not say the meterpoint"),
        (
            JSON + "qualities = { A = 'good' }\n",
            "feed 'plain', key 'qualities.A': input should be 'actual', 'estimated'",
        ),
        ("[feeds.a]\nformat = 'json'\npaths = ['a.json', '{mpan}.json']\n", "key 'paths.1': {mpan} means nothing"),
        (CSV.replace('time = "at", ', ""), "feed 'long', key 'columns': a row's time is `time`, or"),
        (CSV + "encoding = 'utf-9'\n", "feed 'long', key 'encoding': it is an encoding of text"),
        (
            CSV + "has_names = false\n",
            "feed 'long', key 'columns': without has_names, columns are numbers, counted from 1.",
        ),
        (CSV + "separator = ';;'\n", "feed 'long', key 'separator': "),
    ],
)
def test_what_is_wrong_is_named_by_file_feed_and_key(tmp_path: Path, toml: str, says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        feeds(tmp_path / "readings", toml)

    assert str(tmp_path / "readings.toml") in str(raised.value)
    assert says in str(raised.value)


def test_a_file_that_is_not_there_is_named_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"METER_PLATFORM_FEEDS=.*feeds.toml cannot be read: No such file"):
        feeds_of(SETTINGS.replace(feeds=tmp_path / "feeds.toml"))


def test_the_first_feed_that_takes_a_file_has_it_and_the_others_are_counted(tmp_path: Path) -> None:
    found = feeds(
        tmp_path,
        '[feeds.a]\nformat = "json"\npaths = "a/*.json"\nunit = "Wh"\n[feeds.b]\nformat = "json"\npaths = "**/*.json"\n',
    )
    for name in ("a/1.json", "b/1.json", "b/2.json.gz", "b/3.csv", "4.JSON", "b/.hidden.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, b"{}")

    listing = ReadingFolder(str(tmp_path), found).listing()

    taken = {Path(file.path).name: ReadingFolder(str(tmp_path), found).taking(file) for file in listing.files}
    assert [(name, each.feed) for name, each in taken.items() if each] == [("1.json", "b"), ("2.json.gz", "b")]
    assert len(listing.files) == 3
    assert listing.unread.named == "2 files lie there that are not read (3.csv, 4.JSON): no feed takes such names"


def test_without_feeds_all_is_as_it_was(tmp_path: Path) -> None:
    (file,) = [write(tmp_path / "a.json", b"{}"), write(tmp_path / "b.json.gz", b"")][:1]
    folder = ReadingFolder(str(tmp_path))

    assert [listed.path for listed in folder.list()] == [str(file)]
    assert NO_FEEDS.taking("x/a.json.gz") is None
    taken = NO_FEEDS.taking("x/a.json")
    assert taken is not None
    assert taken.format == JsonDocument()
    assert folder.listing().unread.named == "1 file lies there that is not read (b.json.gz): names end in .json"


def test_a_feed_that_differs_in_nothing_but_zone_and_label_is_read_as_fast_as_without_one(tmp_path: Path) -> None:
    taken = feeds(tmp_path, JSON + 'zone = "UTC"\nlabel = "end"\norder = "descending"\n').taking("a.json")

    assert taken is not None
    assert taken.format == JsonDocument()


@pytest.mark.parametrize(
    "change", ['unit = "Wh"', 'zone = "UTC"', 'label = "end"', 'order = "ascending"', 'decimal = ","']
)
def test_rules_of_a_file_change_with_its_feed_and_with_no_other(tmp_path: Path, change: str) -> None:
    def rules(toml: str) -> list[str]:
        named = feeds(tmp_path, toml).named
        assert named is not None
        return [judging_rules(SETTINGS, feed) for feed in named.values()]

    before, after = rules(JSON + CSV), rules(JSON + change + "\n" + CSV)

    assert before[0] != after[0]
    assert before[1] == after[1]
    assert judging_rules(SETTINGS) not in before


def test_two_conventions_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "smets1").mkdir()
    (tmp_path / "smets2").mkdir()
    write(tmp_path / "smets1" / "a.json", document(("m1", "2021-06-01 18:00:00", "2")).encode())
    write(tmp_path / "smets2" / "b.json", document(("m2", "2021-06-01 18:30:00", "2")).encode())
    found = feeds(
        tmp_path,
        '[feeds.smets1]\nformat = "json"\npaths = "smets1/*.json"\n'
        '[feeds.smets2]\nformat = "json"\npaths = "smets2/*.json"\nlabel = "end"\n',
    )

    read = by_reader(tmp_path, feeds=found)

    assert [accepted(each) for each in read.values()] == [
        [("m1", "06-01 17:00Z", Decimal(2))],
        [("m2", "06-01 17:00Z", Decimal(2))],
    ]


@pytest.mark.parametrize(("day", "dates"), [("2021-03-28", {28: 46, 29: 2}), ("2021-10-31", {31: 48})])
def test_labels_in_another_zone_than_the_market(tmp_path: Path, day: str, dates: dict[int, int]) -> None:
    """48 labels that are UTC, on days of 46 and 50 half hours: none is skipped, none is repeated."""
    rows = [("m", f"{day} {hour:02}:{minute:02}", "0.1") for hour in range(24) for minute in (0, 30)]

    read = read_file(tmp_path, JSON + 'zone = "UTC"\n', "a.json", document(*rows))

    assert read.rejected == {}
    assert read.account is not None
    assert {each.day: count for each, count in read.account.rows_per_date.items()} == dates
    assert read.account.rows_ambiguous == 0
    assert accepted(read)[2][1].endswith("01:00Z")


@pytest.mark.parametrize(
    ("unit", "kwh"),
    [("kWh", "12.5"), ("Wh", "0.0125"), ("kW", "6.25"), ("MWh", "12500")],
)
def test_units(tmp_path: Path, unit: str, kwh: str) -> None:
    read = read_file(
        tmp_path, JSON + f'unit = "{unit}"\n', "a.json", document(("m", "2021-06-01 00:00", "12.5"), ("m", "x", "1"))
    )

    values = [row[3] for row in read.accepted.values()] or [read.rejected_kwh[1]]
    assert values == [Decimal(kwh)]
    assert rejected(read)[-1][0] == "bad_time"
    assert_accounted(read)


def test_what_is_odd_in_a_document_stays_odd_in_another_unit(tmp_path: Path) -> None:
    text = (
        '{"columns": ["at", "mpan", "Wh", "kind"], "data": [["2021-06-01 00:00", 1012345, 500, "A"],\n'
        '["2021-06-01 00:30", 1.01e12, 500, "A"], [5, "m", 500, "A"], ["2021-06-01 01:00", "m", null, "A"],\n'
        '["2021-06-01 01:30", "m", "500", "E"], [1], ["2021-06-01 02:00", " m", 1e3, "E"]]}'
    )
    toml = JSON + 'unit = "Wh"\ncolumns = { meterpoint = "mpan", time = "at", value = "Wh", quality = "kind" }\n'

    read = read_file(tmp_path, toml, "a.json", text)

    assert accepted(read) == [("1012345", "05-31 23:00Z", Decimal("0.5")), ("m", "06-01 00:30Z", Decimal("0.5"))]
    assert [(row[0], row[3]) for row in rejected(read)] == [
        ("bad_meterpoint", '["2021-06-01 00:30", 1.01e12, 500, "A"]'),
        ("bad_time", '[5, "m", 500, "A"]'),
        ("not_a_number", '["2021-06-01 01:00", "m", null, "A"]'),
        ("not_a_row", "[1]"),
        ("bad_meterpoint", '["2021-06-01 02:00", " m", 1e3, "E"]'),
    ]
    assert_accounted(read)


@pytest.mark.parametrize(("ending", "codec"), [(".gz", "gzip"), (".zst", "zstd")])
def test_compressed_files_of_formats_that_stream_and_of_those_that_want_the_end(
    tmp_path: Path, ending: str, codec: str
) -> None:
    rows = [("m", f"2021-06-{day:02} {hour:02}:00", "0.5") for day in range(1, 29) for hour in range(24)] * 60
    whole = document(*rows).encode()
    assert len(whole) > 1 << 20
    lines = "id,at,kWh\n" + "".join(f"{','.join(row)}\n" for row in rows)
    packed = pa.Codec(codec)
    for name, content in (("a.json", whole), ("b.csv", lines.encode())):
        compressed = gzip.compress(content) if codec == "gzip" else packed.compress(content, asbytes=True)
        write(tmp_path / f"{name}{ending}", compressed)
        write(tmp_path / f"cut-{name}{ending}", compressed[: len(compressed) // 2])
        write(tmp_path / f"no-{name}{ending}", b"no such thing")
        write(tmp_path / f"none-{name}{ending}", b"")

    read = by_reader(tmp_path, feeds=feeds(tmp_path, JSON + CSV))

    for name in ("a.json", "b.csv"):
        account = read[f"{name}{ending}"].account
        assert account is not None
        assert (account.malformed, account.rows_in_file, account.rows_rejected) == (None, len(rows), 0)
        why = {of: (read[f"{of}-{name}{ending}"].account or account).malformed for of in ("cut", "no", "none")}
        assert (why["cut"] or "").startswith("truncated: the file ends within its")
        assert (why["no"] or "").startswith("not_a_document: the file is not")
        assert why["none"] == "empty: the file has no content"
