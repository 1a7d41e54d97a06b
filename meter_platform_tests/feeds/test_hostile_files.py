"""Files made to stop a reader: each takes time in proportion to its size, has an end, and costs no other file anything.

What belongs here: what a file may cost. What does not: with which reason it is refused (`test_bad_input.py`).
"""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meter_platform.feeds import allowance, chunks
from meter_platform.feeds.allowance import Allowance, checkpoint
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.formats import json_document
from meter_platform.feeds.formats.json_document import parse, parse_json
from meter_platform.feeds.malformed import FileReason, MalformedFileError
from meter_platform.feeds.reading import read
from meter_platform.orchestration.memory import patient_collector
from meter_platform.stages import run_ahead
from meter_platform_tests.feeds.configured import feeds
from meter_platform_tests.feeds.reading import FIRST, LAST, LONDON, by_reader, write

COLUMNS: Final = '"columns": ["meterpoint_id", "interval_start", "consumption_delta"]'
GOOD: Final = '["a", "2021-06-01 00:00:00", 0.5]'
START: Final = f'{{{COLUMNS}, "data": [{GOOD}, '
"""The beginning of a file, up to its second row."""
END: Final = f", {GOOD}]}}"
ROW: Final = '["a", "2021-06-01 00:30:00", '
"""The beginning of a row, up to its value."""
BEHIND: Final = f', ["a", "2021-06-01 00:30:00", 1]{END}'

Repeated = Callable[[int], str]


def repeat(text: str) -> Repeated:
    """Some text as often as it takes to be of a size."""
    return lambda size: text * (size // len(text))


def keys(size: int) -> str:
    """Members of an object, of which the last one is there twice."""
    return "".join(f'"k{number}": 1, ' for number in range(size // 12)) + '"z": 1, "z": 2'


def numbered(text: str) -> Repeated:
    """Some text again and again, with a number in it that is another each time."""
    return lambda size: "".join(text.format(number) for number in range(size // len(text)))


HOSTILE: Final[dict[str, tuple[str, Repeated, str]]] = {
    # In a string
    "an unterminated string of escaped quotes": (START + ROW + '"],[', repeat('\\"'), ""),
    "a string of escaped quotes": (START + ROW + '"],[', repeat('\\"'), f'"]{END}'),
    "a string of backslashes": (START + ROW + '"', repeat("\\\\"), f'"]{END}'),
    "an odd number of backslashes": (START + ROW + '"\\', repeat("\\\\"), f'"]{END}'),
    "a string of closing brackets": (START + ROW + '"', repeat("]"), f'"]{END}'),
    "a string of ends of rows": (START + ROW + '"', repeat("],["), f'"]{END}'),
    "a string of opening brackets": (START + ROW + '"', repeat("[{"), f'"]{END}'),
    "a string of unicode escapes": (START + ROW + '"', repeat("\\u005d"), f'"]{END}'),
    "a string of unknown escapes": (START + ROW + '"', repeat("\\x"), f'"]{END}'),
    "an unterminated string": (START + ROW + '"', repeat("x"), ""),
    "strings that nobody ends": (START, repeat('"],['), ""),
    "letters of four bytes": (START + ROW + '"', repeat("😀"), f'"]{END}'),
    # Brackets
    "closing brackets": (START, repeat("]"), ""),
    "closing brackets with blanks": (START, repeat("] \n"), END),
    "ends of rows": (START, repeat("],["), END),
    "opening brackets": (START, repeat("["), ""),
    "lists in lists": (START, lambda size: "[" * (size // 2) + "]" * (size // 2), END),
    "objects in objects": (START, repeat('{"a": '), ""),
    "empty rows": (START, repeat("[], "), f"[]{END}"),
    "rows in rows": (START + "[", repeat("[[1], [2]], "), f"1]{END}"),
    "rows without commas": (START, repeat(GOOD), END),
    "commas": (START, repeat(", "), END),
    "rows that are null": (START, repeat("null, "), f"null{END}"),
    "rows that are objects": (START, repeat('{"a": 1}, '), f"null{END}"),
    # Numbers
    "digits": (START + ROW, repeat("9"), f"]{END}"),
    "decimals": (START + ROW + "0.", repeat("1"), f"]{END}"),
    "digits in a text": (START + ROW + '"1', repeat("0"), f'x"]{END}'),
    "decimals in a text": (START + ROW + '"1.', repeat("0"), f'x"]{END}'),
    "an exponent": (START + ROW + "1e", repeat("9"), f"]{END}"),
    "an exponent of zeros": (START + ROW + "1e-", repeat("0"), f"1]{END}"),
    "all values different": (START, numbered('["a", "2021-06-01 00:00:00", 0.{:06}], '), f"1{END}"),
    "minus signs": (START + ROW, repeat("-"), f"]{END}"),
    # Times and ids
    "a time without end": (START + '["a", "2021-06-01 00:00:00.', repeat("0"), f'", 1]{END}'),
    "an id without end": (START + '["', repeat("1"), f'", "2021-06-01 00:00:00", 1]{END}'),
    "an id of a number without end": (START + "[", repeat("1"), f', "2021-06-01 00:00:00", 1]{END}'),
    "an exponent for an id": (START + '["1.', repeat("0"), f'E+", "2021-06-01 00:00:00", 1]{END}'),
    "blanks for an id": (START + '["', repeat(" "), f'", "2021-06-01 00:00:00", 1]{END}'),
    "all ids different": (START, numbered('["m{:07}", "2021-06-01 00:00:00", 1], '), f"1{END}"),
    "the repeated hour": (START, repeat('["a", "2021-10-31 01:30:00", 1], '), f"1{END}"),
    "the repeated hour of many": (START, numbered('["m{:07}", "2021-10-31 01:30:00", 1], '), f"1{END}"),
    "the repeated hour, oddly": (START, numbered('["é{:07}", "2021-10-31 01:30:00", 1], '), f"1{END}"),
    "all ids different, with escapes": (START, numbered('["\\u0041\\/{:07}", "2021-06-01 00:00:00", 1], '), f"1{END}"),
    "an id of stand-ins": (START + '["\\"', repeat("\x01\x04\x05"), f'", "2021-06-01 00:00:00", 1]{END}'),
    "all values different, with exponents": (START, numbered('["a", "2021-06-01 00:00:00", {:06}e-9], '), f"1{END}"),
    "the repeated hour, with escapes": (START, numbered('["\\/{:07}", "2021-10-31 01:30:00", 1], '), f"1{END}"),
    "all times wrong": (START, numbered('["a", "{:07}", 1], '), f"1{END}"),
    # Keys and columns
    "a key of an object twice": (START + "{", keys, f"}}{END}"),
    "a key of the document twice": ("{" + COLUMNS + f', "data": [{GOOD}], ', keys, "}"),
    "a long key twice": (START + "{", lambda size: f'"{"A" * (size // 2)}": 1, "{"A" * (size // 2)}": 2', f"}}{END}"),
    "objects with keys": (START, numbered('{{"k{0:06}": 1, "k{0:06}": 2}}, '), f"1{END}"),
    "members that are lists": ("{" + COLUMNS + f', "data": [{GOOD}], ', numbered('"k{:06}": [], '), '"z": 1}'),
    "members that are objects": ("{", numbered('"k{:06}": {{}}, '), f'{COLUMNS}, "data": []}}'),
    "columns": ('{"columns": ["x"', numbered(', "c{:06}"'), f'], "data": [{GOOD}]}}'),
    "the same column": ('{"columns": ["x"', repeat(', "x"'), f'], "data": [{GOOD}]}}'),
    "a wide row": (START + '["a", "2021-06-01 00:00:00", 1', repeat(",1"), f"]{END}"),
    "a list of values beside the data": ("{" + COLUMNS + ', "index": [0', repeat(",0"), f'], "data": [{GOOD}]}}'),
    "documents": ("", repeat(f'{{{COLUMNS}, "data": [{GOOD}]}}\n'), ""),
    # No text
    "blanks": (START, repeat(" \n"), f"1{END}"),
    "blanks between brackets": (START, repeat("]" + " " * 1000), END),
    "blanks before all": ("", repeat("\t"), START + "1" + END),
    "marks of order": ("", repeat("\ufeff"), START + "1" + END),
    "zero bytes": (START + '["', repeat("\0"), f'"]{END}'),
    "nothing but zero bytes": ("", repeat("\0"), ""),
    "zero bytes between characters": ("", repeat("{\0"), ""),
    "lines of values": ("a,b", repeat(",c"), "\n1,2,3\n"),
    "a page": ("<html>", repeat("<a "), ""),
}
"""What a file begins with, what it holds ever more of, and what it ends with."""

SIZE: Final = 48 << 10
TIMES: Final = 8
MOST_GROWTH: Final = 3 * TIMES
"""In proportion would be 8 times, with its square 64 times; memory that is new to a process is slow at first."""
NOTICED: Final = 0.03
"""Seconds that are never too much for the larger file, whatever the smaller one took."""


def seconds_to_read(folder: Path, content: bytes, toml: str | None = None) -> float:
    """The processor's time for reading a file, of a feed or of none: of all threads, and of nobody else.

    The collector is as patient as in a run: going through all objects of the tests' process would be taken for growth.
    """
    path = write(folder / "a.json", content)
    source = ReadingFolder(str(folder), feeds(folder, toml)) if toml else ReadingFolder(str(folder))
    files = [FileToRead(file, 1, LAST) for file in source.list()]
    with patient_collector():
        begun = time.process_time()
        for _ in read(source, files, zone=LONDON, first_date=FIRST, last_date=LAST, wait_for_growing=False):
            pass
        taken = time.process_time() - begun
    path.unlink()
    return taken


def assert_in_proportion(folder: Path, before: str, more: Repeated, after: str, toml: str | None = None) -> None:
    """Holds the time of a file of eight times the size to about eight times the time; a busy machine gets further tries."""
    small, large = ((before + more(size) + after).encode() for size in (SIZE, SIZE * TIMES))
    least_small = least_large = float("inf")
    for _ in range(5):
        least_small = min(least_small, seconds_to_read(folder, small, toml))
        least_large = min(least_large, seconds_to_read(folder, large, toml))
        if least_large < max(least_small * MOST_GROWTH * len(large) / len(small) / TIMES, NOTICED):
            return
    pytest.fail(f"{len(small)} bytes take {least_small:.3f} s, {len(large)} bytes {least_large:.3f} s")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of some chunks is as telling as one of many large ones, and is read at once."""
    for module in (chunks, json_document):
        monkeypatch.setattr(module, "CHUNK_BYTES", 8 << 10)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_for_a_file_is_in_proportion_to_its_size(tmp_path: Path, name: str) -> None:
    assert_in_proportion(tmp_path, *HOSTILE[name])


def of_feed(kind: str, keys: str = "") -> str:
    """A feed that takes the files of these tests."""
    return f'[feeds.hostile]\nformat = "{kind}"\npaths = "*"\nzone = "UTC"\nlabel = "start"\n{keys}\n'


GREEN: Final = of_feed("green_button").replace('zone = "UTC"\nlabel = "start"\n', "")
NEM: Final = '[feeds.hostile]\nformat = "nem12"\npaths = "*"\n'
DAYS: Final = of_feed(
    "csv_days", 'by = "count"\nvalues = 3\ncolumns = { meterpoint = 1, date = 2, first_value = 3 }\nhas_names = false'
)
ESPI: Final = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi"><entry><content><e:ReadingType><e:uom>72</e:uom>'
    "</e:ReadingType></content></entry><entry><content><e:IntervalBlock>"
)
ESPI_END: Final = "</e:IntervalBlock></content></entry></feed>"
PERIOD: Final = "<e:timePeriod><e:duration>1800</e:duration><e:start>1622505600</e:start></e:timePeriod>"
READING: Final = f"<e:IntervalReading>{PERIOD}<e:value>{{0:06}}</e:value></e:IntervalReading>"
ONE: Final = READING.format(1)
CHANNEL: Final = "200,A,E1,E1,E1,N1,S1,kWh,30,\n"
DAY: Final = f"300,20210601,{'1,' * 48}V\n"
HOSTILE_OF_FEEDS: Final[dict[str, tuple[str, str, Repeated, str]]] = {
    "readings that are alike": (GREEN, ESPI, numbered(READING), ESPI_END),
    "readings that are alike in pairs": (
        GREEN,
        ESPI,
        numbered(READING * 2 + READING.replace("<e:value>", "<e:value >")),
        ESPI_END,
    ),
    "readings none like the one before": (
        GREEN,
        ESPI,
        numbered(READING.replace("<e:value>", '<e:value a="{0:06}">')),
        ESPI_END,
    ),
    "readings with ever the same in between": (GREEN, ESPI, numbered(f"{READING}<e:interval>5</e:interval>"), ESPI_END),
    "ends of readings in a comment": (GREEN, f"{ESPI}<!--", repeat("</e:IntervalReading>"), f"-->{ESPI_END}"),
    "ends of readings in data": (GREEN, f"{ESPI}<![CDATA[", repeat("</e:IntervalReading>"), f"]]>{ESPI_END}"),
    "ends of readings that none has begun": (GREEN, ESPI, repeat("</e:IntervalReading>"), ESPI_END),
    "an end of a reading without end": (GREEN, f"{ESPI}{ONE}</e:IntervalReading", repeat(" "), ESPI_END),
    "an end of something without end": (GREEN, f"{ESPI}{ONE}</", repeat("IntervalReading"), ESPI_END),
    "ends of something": (GREEN, f"{ESPI}{ONE}", repeat("</"), ESPI_END),
    "a long reading": (
        GREEN,
        f"{ESPI}{ONE}<e:IntervalReading>",
        repeat("<e:value>1</e:value>"),
        f"</e:IntervalReading>{ESPI_END}",
    ),
    "a reading of nothing": (GREEN, f"{ESPI}{ONE}", repeat("<e:IntervalReading/>"), ESPI_END),
    "blanks between readings": (GREEN, f"{ESPI}{ONE}", repeat(" "), f"{ONE}{ESPI_END}"),
    "channels without values": (NEM, "100,NEM12,202106010000,A,B\n", repeat(CHANNEL), "900\n"),
    "days of a channel": (NEM, f"100,NEM12,202106010000,A,B\n{CHANNEL}", repeat(DAY), "900\n"),
    "ranges of one day": (NEM, f"100,NEM12,202106010000,A,B\n{CHANNEL}{DAY}", repeat("400,1,48,A,,\n"), "900\n"),
    "days that are none": (NEM, f"100,NEM12,202106010000,A,B\n{CHANNEL}", repeat("300," + " " * 150 + "x\n"), "900\n"),
    "a day without end": (NEM, f"100,NEM12,202106010000,A,B\n{CHANNEL}300,20210601", repeat(",1"), "\n900\n"),
    "lines of days": (DAYS, "a,2021-06-01,1,2,3\n", numbered("m{:06},2021-06-01,1,2,3\n"), ""),
    "days that all differ": (DAYS, "a,2021-06-01,1,2,3\n", numbered("a,{:06}" + " " * 60 + ",1,2,3\n"), ""),
    "a line of days without end": (DAYS, "a,2021-06-01,1,2,3\n", repeat(",1"), "\n"),
    "empty lines": (DAYS, "a,2021-06-01,1,2,3\n", repeat("\n"), "a,2021-06-02,1,2,3\n"),
    "lines of days with quotes": (DAYS, "a,2021-06-01,1,2,3\n", repeat('"a"' + " " * 150 + "\n"), ""),
}
"""The same for formats of feeds."""


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("name", HOSTILE_OF_FEEDS)
def test_so_it_is_for_formats_of_feeds(tmp_path: Path, name: str) -> None:
    toml, *file = HOSTILE_OF_FEEDS[name]
    (tmp_path / "readings").mkdir()

    assert_in_proportion(tmp_path / "readings", *file, toml)


FRAGMENTS: Final = [
    '"',
    "\\",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    " ",
    "\n",
    "1",
    "e",
    ".",
    "-",
    "a",
    "é",
    "\0",
    "null",
    GOOD,
]


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    before=st.sampled_from(["", START, START + ROW, START + ROW + '"', '{"x": ', "{" + COLUMNS + ', "index": [']),
    fragment=st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=5).map("".join),
    after=st.sampled_from(["", END, '"]' + END, BEHIND]),
)
def test_so_it_is_whatever_is_repeated(tmp_path: Path, before: str, fragment: str, after: str) -> None:
    assert_in_proportion(tmp_path, before, repeat(fragment), after)


def test_hostile_files_leave_every_reading_of_the_others(tmp_path: Path) -> None:
    for number, (before, more, after) in enumerate(HOSTILE.values()):
        write(tmp_path / f"{number:03}-bad.json", (before + more(10_000) + after).encode())
        write(tmp_path / f"{number:03}-good.json", (START + GOOD + "]}").encode())

    results = by_reader(tmp_path)

    assert len(results) == 2 * len(HOSTILE)
    for name, result in results.items():
        assert result.account is not None
        if name.endswith("-good.json"):
            assert (list(result.accepted), result.account.malformed) == ([1, 2], None)


# What a file may take at once


@pytest.mark.parametrize("unit", ["0,", "[],", '{"a":1},'])
def test_no_text_of_too_many_values_is_parsed_at_once(monkeypatch: pytest.MonkeyPatch, unit: str) -> None:
    monkeypatch.setattr(json_document, "MOST_VALUES", 10_000)
    fine, too_many = (f"[{unit * count}0]".encode() for count in (4_000, 10_000))
    assert len(parse_json(fine)) == 4_001
    with pytest.raises(MalformedFileError) as caught:
        parse_json(too_many)
    assert caught.value.reason is FileReason.BAD_DATA


def test_commas_in_strings_are_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "MOST_VALUES", 100)
    assert parse_json(b'["' + b"[," * 1_000 + b'"]') == ["[," * 1_000]


@pytest.mark.usefixtures("small_chunks")
def test_a_document_of_another_layout_is_parsed_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "MOST_VALUES", 10_000)
    index, rows = ",".join(map(str, range(30_000))), ",".join([GOOD] * 30_000)
    document = parse(f'{{{COLUMNS}, "index": [{index}], "data": [{rows}]}}'.encode())
    texts = list(document.texts)
    assert len(texts) > 100
    assert max(map(len, texts)) < 3 * json_document.CHUNK_BYTES
    assert sum(1 for _ in document.rows) == 30_000


# How long a file may take


SLOW_ROW: Final = '["é", "2021-06-01 00:00:00", -1]'
"""Validated one by one."""


def test_a_file_that_takes_longer_than_it_may_is_quarantined_and_the_others_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "SECONDS", 0.2)
    monkeypatch.setattr(allowance, "SECONDS_PER_MIB", 0.0)
    write(tmp_path / "a.json", (START + GOOD + "]}").encode())
    write(tmp_path / "b.json", f"{START}{','.join([SLOW_ROW] * 150_000)}]}}".encode())
    write(tmp_path / "c.json", (START + GOOD + "]}").encode())

    results = by_reader(tmp_path)

    for name in ("a.json", "c.json"):
        assert list(results[name].accepted) == [1, 2]
    slow = results["b.json"].account
    assert slow is not None
    assert slow.malformed is not None
    assert slow.malformed.startswith("too_slow: reading it took more than 0 seconds of the processor's time")
    assert not slow.still_growing


def test_taking_a_file_apart_has_its_limit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "SECONDS", 0.05)
    monkeypatch.setattr(allowance, "SECONDS_PER_MIB", 0.0)
    write(tmp_path / "a.json", f'{{{COLUMNS}, "x": [{"[[1]]," * 1_500_000}1], "data": []}}'.encode())

    account = by_reader(tmp_path)["a.json"].account

    assert account is not None
    assert str(account.malformed).startswith("too_slow: ")


def test_a_larger_file_may_take_longer_and_only_the_processors_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Allowance(0).seconds == allowance.SECONDS > 10
    assert Allowance(100 << 20).seconds == allowance.SECONDS + 100 * allowance.SECONDS_PER_MIB
    monkeypatch.setattr(allowance, "SECONDS", 0.2)
    spent = Allowance(0)
    with spent:
        time.sleep(0.4)
        checkpoint()
    begun = time.thread_time()
    while time.thread_time() - begun < 0.3:
        with spent:
            sum(range(100_000))
    with spent, pytest.raises(allowance.AllowanceSpentError):
        checkpoint()
    checkpoint()


# Giving up


@pytest.mark.whole
def test_reading_ends_soon_after_nobody_wants_it_in_the_middle_of_a_file(tmp_path: Path) -> None:
    write(tmp_path / "a.json", f"{START}{','.join([SLOW_ROW] * 300_000)}]}}".encode())
    source = ReadingFolder(str(tmp_path))
    files = [FileToRead(file, 1, LAST) for file in source.list()]
    batches = read(source, files, zone=LONDON, first_date=FIRST, last_date=LAST, wait_for_growing=False)
    next(batches)
    before = time.process_time()
    batches.close()  # type: ignore[attr-defined] # a generator

    assert not [thread for thread in threading.enumerate() if thread.name == "run_ahead"]
    assert time.process_time() - before < 1.0, "it went on with what nobody wants"


def test_a_stage_is_unwanted_with_the_stage_that_consumes_it() -> None:
    left = threading.Event()

    def endless() -> Iterator[int]:
        try:
            yield 1
            while True:
                checkpoint()
                time.sleep(0.01)
        finally:
            left.set()

    stages = run_ahead(item for item in run_ahead(endless()))
    assert list(islice(stages, 1)) == [1]
    stages.close()

    assert left.wait(10)
