"""Green Button: what a reading is of, how it is parsed in constant memory, and what no parser may be led to."""

import io
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_platform.feeds.formats import green_button, green_button_rows
from meter_platform.feeds.formats.format import CHUNK_BYTES, Format
from meter_platform.feeds.malformed import MalformedFileError
from meter_platform_tests.feeds.configured import accepted, assert_accounted, feeds, read_file, rejected

TOML = '[feeds.green]\nformat = "green_button"\npaths = "*.xml"\n'
HREF = "https://example.org/espi/1_1/resource/RetailCustomer/1/UsagePoint/UP-7"
START = 1622505600  # 2021-06-01 00:00Z


def entry(href: str, content: str, up: str = "", related: str = "") -> str:
    links = f'<link rel="self" href="{href}"/>' + (f'<link rel="up" href="{up}"/>' if up else "")
    links += f'<link rel="related" href="{related}"/>' if related else ""
    return f"<entry><id>urn:x</id>{links}<title>a title</title><content>{content}</content></entry>"


def reading_type(number: int, *, uom: int = 72, power: int = 0, direction: int = 1) -> str:
    content = f"""<ReadingType xmlns="http://naesb.org/espi"><flowDirection>{direction}</flowDirection>
      <powerOfTenMultiplier>{power}</powerOfTenMultiplier><uom>{uom}</uom></ReadingType>"""
    return entry(f"https://example.org/ReadingType/{number}", content)


def reading(start: int, value: object, duration: int = 1800, quality: str = "") -> str:
    said = f"<ReadingQuality><quality>{quality}</quality></ReadingQuality>" if quality else ""
    return (
        f"<IntervalReading><cost>907</cost>{said}<timePeriod><duration>{duration}</duration><start>{start}</start>"
        f"</timePeriod><value>{value}</value></IntervalReading>"
    )


def block(meter: int, readings: Iterable[str]) -> str:
    content = f"""<IntervalBlock xmlns="http://naesb.org/espi"><interval><duration>86400</duration><start>1</start></interval>
      {"".join(readings)}</IntervalBlock>"""
    href = f"{HREF}/MeterReading/{meter}/IntervalBlock"
    return entry(f"{href}/1", content, up=href)


def meter(number: int, kind: int) -> str:
    return entry(
        f"{HREF}/MeterReading/{number}",
        '<MeterReading xmlns="http://naesb.org/espi"/>',
        related=f"https://example.org/ReadingType/{kind}",
    )


def document(*entries: str) -> str:
    point = entry(HREF, '<UsagePoint xmlns="http://naesb.org/espi"><roleFlags>1</roleFlags></UsagePoint>')
    return f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><id>x</id>{point}{"".join(entries)}</feed>'


def test_units_directions_and_qualities_of_two_registers(tmp_path: Path) -> None:
    text = document(
        meter(1, 1),
        meter(2, 2),
        reading_type(1, power=-1),
        reading_type(2, power=3, direction=19),
        block(1, [reading(START, 5005), reading(START + 1800, 10, quality="8")]),
        block(2, [reading(START + 3600, 2)]),
    )

    read = read_file(tmp_path, TOML, "a.xml", text)

    assert accepted(read) == [
        ("UP-7", "06-01 00:00Z", Decimal("0.5005")),
        ("UP-7", "06-01 00:30Z", Decimal("0.001")),
        ("UP-7", "06-01 01:00Z", Decimal(2)),
    ]
    taken = feeds(tmp_path, TOML).taking("a.xml")
    assert taken is not None
    path = tmp_path / "a.xml"
    path.write_text(text)
    with path.open("rb") as stream:
        rows = taken.format.in_bulk(list(taken.format.chunks(stream, 1, last_bytes=None, chunk_bytes=CHUNK_BYTES)))
    assert rows is not None
    assert rows.extras["register"].to_pylist() == ["import", "import", "export"]
    assert rows.extras["quality"].to_pylist() == ["actual", "estimated", "actual"]


def test_quarters_hours_and_other_quantities(tmp_path: Path) -> None:
    readings = [reading(START + 900 * number, 100 + number, 900) for number in range(5)]
    text = document(
        meter(1, 1), reading_type(1), block(1, [readings[0], reading(START + 7200, 7, 3600), *readings[1:]])
    )
    gas = document(meter(1, 1), reading_type(1, uom=119), block(1, [reading(START, 7)]))

    usual = read_file(tmp_path / "a", TOML, "a.xml", text)
    hourly = read_file(tmp_path / "b", TOML + "interval_minutes = 60\n", "a.xml", text)
    other = read_file(tmp_path / "c", TOML, "a.xml", gas)

    assert [kwh for *_, kwh in accepted(usual)] == [Decimal("0.201"), Decimal("0.205")]
    assert [row[0] for row in rejected(usual)] == ["misaligned_interval", "incomplete_half_hour"]
    assert [kwh for *_, kwh in accepted(hourly)] == [Decimal("0.0035"), Decimal("0.0035"), Decimal("0.205")]
    assert [row[0] for row in rejected(hourly)] == ["incomplete_half_hour"] * 3
    assert [row[0] for row in rejected(other)] == ["other_quantity"]
    for read in (usual, hourly, other):
        assert_accounted(read)


def test_a_file_larger_than_a_chunk_and_the_meterpoint_of_its_name(tmp_path: Path) -> None:
    toml = TOML.replace("*.xml", "{meterpoint}.xml")
    readings = [reading(START + 1800 * number, number % 1000) for number in range(9_000)]
    text = document(meter(1, 1), reading_type(1), block(1, readings))
    assert len(text) > 2 * CHUNK_BYTES

    read = read_file(tmp_path, toml, "1012345.xml", text)

    assert read.account is not None
    assert (read.account.rows_in_file, len(read.accepted), len(read.rejected)) == (9_000, 9_000, 0)
    assert {row[0] for row in read.accepted.values()} == {"1012345"}


@pytest.mark.parametrize(
    ("text", "malformed"),
    [
        ("", "empty: the file has no content"),
        ('<!DOCTYPE feed [<!ENTITY a "b">]><feed/>', "not_a_document: the file has a document type"),
        ('<!DOCTYPE feed SYSTEM "file:///etc/passwd"><feed/>', "not_a_document: the file has a document type"),
        ("<html><body/></html>", "not_a_document: the file is XML, but no Atom feed of ESPI"),
        ("id,at,kWh", "not_a_document: line 1: "),
        (document(reading_type(1))[:-20], "truncated: line "),
        (document(block(1, [reading(START, 1)])), "bad_data: readings stand before the type that says their unit"),
        ("<a>" * 200, "too_deep: more than 100 elements"),
    ],
)
def test_files_that_are_malformed(tmp_path: Path, text: str, malformed: str) -> None:
    read = read_file(tmp_path, TOML, "a.xml", text)

    assert read.account is not None
    assert (read.account.malformed or "").startswith(malformed)


def test_what_a_reading_says_wrongly(tmp_path: Path) -> None:
    readings = [reading(START, "much"), reading(START + 60, 1), reading(START + 3600, -1), reading(10**12, 1)]

    read = read_file(tmp_path, TOML, "a.xml", document(meter(1, 1), reading_type(1), block(1, readings)))

    assert [row[0] for row in rejected(read)] == ["not_a_number", "misaligned_interval", "negative", "bad_time"]
    assert rejected(read)[0][3] == f"start={START} duration=1800 value=much"
    assert_accounted(read)


# Readings that are alike


def alike(number: int, count: int, value: str, text: str) -> str:
    """Readings one after another that differ in their numbers alone, if `value` is one."""
    return "".join(
        text.replace("START", str(START + 1800 * (number + at))).replace("VALUE", value).replace("@", str(at * 7 % 50))
        for at in range(count)
    )


PIECES = st.sampled_from(
    [
        "<e:cost>907</e:cost>",
        "<e:cost>@</e:cost>",
        "<e:ReadingQuality><e:quality>8</e:quality></e:ReadingQuality>",
        "<e:ReadingQuality><e:quality>@</e:quality></e:ReadingQuality>",
        "<e:ReadingQuality><e:quality/></e:ReadingQuality><!-- <e:value>1</e:value> -->",
        "<e:value>VALUE</e:value>",
        '<x:value xmlns:x="http://naesb.org/espi" b="2" a="1">VALUE</x:value>',
        "<e:value><![CDATA[VALUE]]></e:value>",
        "<e:value>1<!-- </e:IntervalReading> -->VALUE</e:value>",
        "<e:value> VALUE </e:value>",
        "<value>VALUE</value>",
        "<e:IntervalReading/>",
        "<?pi 5?>",
    ]
)
PERIOD = st.sampled_from(
    [
        "<e:timePeriod><e:duration>1800</e:duration><e:start>START</e:start></e:timePeriod>",
        "<e:timePeriod>\n <e:start>START</e:start>\n <e:duration>900</e:duration>\n</e:timePeriod>",
        "<e:timePeriod><e:duration>3600</e:duration><e:start>START</e:start></e:timePeriod>",
    ]
)
VALUE = st.sampled_from(["@", "@", "-@", "1.@", "much", "&#49;", "@<b/>", "", "1\x02", "&amp;"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Stretches of readings, most of which are alike, in blocks and between other things."""
    found, number = [], 0
    for _ in range(draw(st.integers(1, 5))):
        pieces = [*draw(st.lists(PIECES, min_size=1, max_size=3)), draw(PERIOD)]
        space = draw(st.sampled_from(["", "", "\n", "\n    "]))
        inner = space.join(draw(st.permutations(pieces)))
        blank = draw(st.sampled_from(["", "", "", " "]))
        begin, end = f"<e:IntervalReading{blank}>", f"</e:IntervalReading{blank}>"
        count = draw(st.sampled_from([1, 2, 3, 40, 90]))
        found.append(alike(number, count, draw(VALUE), f"{begin}{inner}{end}{space}"))
        found.append(
            draw(st.sampled_from(["", "", "", "<!-- -->", "</e:IntervalBlock><e:IntervalBlock>", "x", "</e:value>"]))
        )
        number += count
    kind = "<e:ReadingType><e:powerOfTenMultiplier>-3</e:powerOfTenMultiplier><e:uom>72</e:uom></e:ReadingType>"
    declared = draw(st.sampled_from(["", '<?xml version="1.0" encoding="iso-8859-1"?>']))
    return (
        f'{declared}<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi">'
        f'<entry><link rel="self" href="t"/><content>{kind}</content></entry>'
        f"<entry><content><e:IntervalBlock>{''.join(found)}</e:IntervalBlock></content></entry></feed>"
    )


def rows_of(readings: Format, text: str, chunk_bytes: int) -> list[object]:
    """All that the format finds in a file, and what is wrong with it in the end."""
    found: list[object] = []
    try:
        for chunk in readings.chunks(io.BytesIO(text.encode()), len(text), last_bytes=None, chunk_bytes=chunk_bytes):
            found += [(row.values, row.written, row.fault, row.code, row.extras) for row in readings.rows(chunk)]
    except MalformedFileError as error:
        found.append(str(error))
    return found


@settings(max_examples=50)
@given(text=documents(), chunk_bytes=st.sampled_from([100, 1_000, 5_000, CHUNK_BYTES]))
def test_readings_that_are_taken_apart_in_bulk_are_those_that_the_parser_reads(
    tmp_path_factory: pytest.TempPathFactory, text: str, chunk_bytes: int
) -> None:
    taken = feeds(tmp_path_factory.mktemp("green"), TOML).taking("a.xml")
    assert taken is not None

    found = rows_of(taken.format, text, chunk_bytes)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(green_button, "_FEW_TRIES", 0)
        assert found == rows_of(taken.format, text, chunk_bytes)


def test_of_many_readings_that_are_alike_the_parser_reads_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [block(1, [reading(START + 1800 * (48 * day + at), at) for at in range(48)]) for day in range(20)]
    added = []
    add = green_button_rows.Rows.add
    monkeypatch.setattr(green_button_rows.Rows, "add", lambda *said: (added.append(said), add(*said)))

    read = read_file(tmp_path, TOML, "a.xml", document(meter(1, 1), reading_type(1), *days))

    assert len(read.accepted) == 960
    assert 0 < len(added) <= 4 * 20


def test_a_number_without_end_is_cut_where_the_parser_cuts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [5] * 30 + ["1" * 1_100] + [7] * 30
    readings = [reading(START + 1800 * number, value) for number, value in enumerate(values)]
    text = document(meter(1, 1), reading_type(1), block(1, readings))
    taken = feeds(tmp_path, TOML).taking("a.xml")
    assert taken is not None

    found = rows_of(taken.format, text, CHUNK_BYTES)

    monkeypatch.setattr(green_button, "_FEW_TRIES", 0)
    assert found == rows_of(taken.format, text, CHUNK_BYTES)
    assert len(found) == len(values)
