"""NEM12: every value of every record is a row, in market time, with what its channel and its day say of it."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_platform.feeds.formats import nem12_rows
from meter_platform.feeds.formats.format import CHUNK_BYTES
from meter_platform_tests.feeds.configured import accepted, assert_accounted, feeds, read_file, rejected

TOML = '[feeds.nem]\nformat = "nem12"\npaths = "*.csv"\n'
BEGIN = "100,NEM12,202106030000,MDP1,Retailer\n"


def channel(suffix: str = "E1", unit: str = "KWH", minutes: int = 30, nmi: str = "NEM1234567") -> str:
    return f"200,{nmi},E1B1Q1,{suffix},{suffix},N1,METER-1,{unit},{minutes},\n"


def day(text: str, values: list[str], quality: str = "A,,,20210603120000,20210603130000") -> str:
    return f"300,{text},{','.join(values)},{quality}\n"


HALVES = [f"0.{number:03}" for number in range(48)]


def test_values_are_counted_in_market_time_which_never_changes(tmp_path: Path) -> None:
    text = BEGIN + channel() + day("20210601", HALVES) + day("20211003", HALVES) + "500,O,S1,20210603,\n900\n"

    read = read_file(tmp_path, TOML, "a.csv", text)

    found = accepted(read)
    assert found[0] == ("NEM1234567", "05-31 14:00Z", Decimal(0))
    assert found[47] == ("NEM1234567", "06-01 13:30Z", Decimal("0.047"))
    assert found[48] == ("NEM1234567", "10-02 14:00Z", Decimal(0))
    assert len(found) == 96
    assert_accounted(read)


@pytest.mark.parametrize(
    ("unit", "minutes", "sum_of_day"), [("Wh", 15, "0.04560"), ("kWh", 5, "41.328"), ("MWH", 30, "1128")]
)
def test_units_and_lengths_are_those_of_the_channel(tmp_path: Path, unit: str, minutes: int, sum_of_day: str) -> None:
    count = 24 * 60 // minutes
    values = [f"0.{number:03}" if minutes != 15 else str(number / 100) for number in range(count)]

    read = read_file(
        tmp_path, TOML, "a.csv", BEGIN + channel(unit=unit, minutes=minutes) + day("20210601", values) + "900\n"
    )

    kwh = [row[3] for row in read.accepted.values()] + [each or Decimal(0) for each in read.rejected_kwh.values()]
    assert sum(kwh) == Decimal(sum_of_day)
    assert len(kwh) == 48
    assert_accounted(read)


def test_registers_qualities_revisions_and_serials_have_their_places(tmp_path: Path) -> None:
    text = (
        BEGIN
        + channel()
        + day("20210601", HALVES, "V,,,20210603120000,")
        + "400,1,20,A,,\n400,21,46,S14,,\n400,47,48,N,,\n"
    )
    text += channel("B1") + day("20210602", HALVES, "E52,,,20210604120000,") + "900\n"
    taken = feeds(tmp_path / "x", TOML).taking("a.csv")
    assert taken is not None
    path = tmp_path / "a.csv"
    path.write_text(text)

    with path.open("rb") as stream:
        chunks = list(taken.format.chunks(stream, len(text), last_bytes=None, chunk_bytes=CHUNK_BYTES))
    rows = taken.format.in_bulk(chunks)

    assert rows is not None
    extras = {name: column.to_pylist() for name, column in rows.extras.items()}
    assert extras["quality"] == ["actual"] * 20 + ["estimated"] * 26 + ["unknown"] * 2 + ["estimated"] * 48
    assert extras["register"] == ["import"] * 48 + ["export"] * 48
    assert extras["serial"] == ["METER-1"] * 96
    assert extras["revised_at"] == ["2021-06-03T12:00:00+10:00"] * 48 + ["2021-06-04T12:00:00+10:00"] * 48
    read = read_file(tmp_path, TOML, "a.csv", text)
    assert [row[0] for row in rejected(read)] == ["not_a_number"] * 2


def test_reactive_energy_and_records_that_are_none_are_rejected_and_the_others_load(tmp_path: Path) -> None:
    text = BEGIN + channel("Q1", "KVARH") + day("20210601", HALVES) + channel() + day("20210601", HALVES[:47])
    text += "400,1,48,A,,\n" + day("20211399", HALVES) + day("20210602", HALVES) + "900\n"

    read = read_file(tmp_path, TOML, "a.csv", text)

    assert len(read.accepted) == 48
    assert {row[:2] for row in rejected(read) if row[0] == "other_quantity"} >= {("other_quantity", date(2021, 5, 31))}
    reasons = [row[0] for row in rejected(read)]
    assert (reasons.count("other_quantity"), reasons.count("not_a_row")) == (48, 2)
    assert rejected(read)[0][3] == "Q1 20210601 interval 1=0.000"
    assert_accounted(read)


def test_many_days_of_a_channel(tmp_path: Path) -> None:
    days = [f"2021{month:02}{number:02}" for month in range(1, 13) for number in range(1, 29)]
    text = (
        BEGIN
        + "".join(channel(nmi=nmi) + "".join(day(each, HALVES) for each in days) for nmi in ("A", "B"))
        + "900\r\n"
    )

    read = read_file(tmp_path, TOML, "a.csv", text)

    assert read.account is not None
    assert (read.account.rows_in_file, read.account.malformed) == (2 * 48 * len(days), None)
    assert {row[0] for row in rejected(read)} <= {"before_first_date"}


@pytest.mark.parametrize(
    ("text", "malformed"),
    [
        (BEGIN + channel() + day("20210601", HALVES), "truncated: the file has no record 900 at its end"),
        ("200,x\n", "not_a_document: the file does not begin with 100,NEM12"),
        (BEGIN + day("20210601", HALVES) + "900\n", "bad_data: line 2: a record 300 before any record 200"),
        (BEGIN + "200,x\n900\n", "bad_data: line 2: it is no record 200"),
        (BEGIN + "600,x\n900\n", "bad_data: line 2: it is no record of NEM12"),
        (BEGIN + "900\n500,x\n", "bad_data: line 3: a record follows the record 900"),
        (BEGIN + channel(minutes=60) + "900\n", "bad_data: line 2: intervals of 60 minutes: its feed does not say"),
        (BEGIN + channel(minutes=7) + "900\n", "bad_data: line 2: intervals of 7 minutes"),
        (BEGIN + channel() + day("20210601", HALVES) + "400,40,49,A,,\n900\n", "bad_data: line 4: a range of values"),
    ],
)
def test_files_that_are_malformed(tmp_path: Path, text: str, malformed: str) -> None:
    read = read_file(tmp_path, TOML, "a.csv", text)

    assert read.account is not None
    assert (read.account.malformed or "").startswith(malformed)


def test_channels_of_several_lengths_and_units_in_one_file(tmp_path: Path) -> None:
    text = BEGIN + channel(minutes=15, unit="WH", nmi="A") + day("20210601", ["100"] * 96)
    text += channel(nmi="B") + day("20210601", HALVES) + channel(nmi="C") + day("20210601", HALVES)
    text += channel(minutes=5, nmi="D") + day("20210601", ["0.1"] * 288) + "900\n"

    read = read_file(tmp_path, TOML, "a.csv", text)

    sums: dict[str, Decimal] = {}
    for meterpoint, _, kwh in accepted(read):
        sums[meterpoint] = sums.get(meterpoint, Decimal(0)) + kwh
    assert sums == {"A": Decimal("9.6"), "B": Decimal("1.128"), "C": Decimal("1.128"), "D": Decimal("28.8")}
    assert read.rejected == {}
    assert_accounted(read)


Range = tuple[int, int, str]
QUALITIES = {"A": "actual", "E": "estimated", "N": "unknown", "V": "unknown"}


@st.composite
def records(draw: st.DrawFn) -> tuple[list[str], list[tuple[object, ...]]]:
    """Records of some channels, and their rows one after another: what they say, and the code of a fault."""
    lines, rows = [], []
    value = st.sampled_from(["0.5", " 1", "", "x", '"', "-1", "00", "é"])
    for nmi in draw(st.lists(st.sampled_from(["A", "B", "NEM1234567"]), max_size=4)):
        unit = draw(st.sampled_from(["kWh", "kWh", "kVArh"]))
        lines.append(channel(nmi=nmi, unit=unit))
        for number in range(draw(st.integers(0, 3))):
            few = draw(st.lists(value, min_size=1, max_size=5))
            values = [few[place % len(few)] for place in range(draw(st.sampled_from([48, 48, 48, 47, 49])))]
            written = draw(st.sampled_from([f"2021060{number + 1}", f"2021060{number + 1}", "20210631", "2021061"]))
            quality = draw(st.sampled_from(["A", "E14", "N", "V", "A,,,20210603120000", "A,,,,,,", "?"]))
            lines.append(line := day(written, values, quality))
            is_row = (
                len(values) == 48
                and quality not in {"?", "A,,,,,,"}
                and written in {"20210601", "20210602", "20210603"}
            )
            if not is_row:
                rows.append((nmi, "", "", "", line.strip(), "not_a_row"))
            ranges: list[Range] = draw(
                st.lists(st.sampled_from([(1, 48, "A"), (3, 9, "E14"), (9, 9, "N"), (48, 48, "A")]), max_size=2)
            )
            lines += [f"400,{first},{last},{letter},,\n" for first, last, letter in ranges]
            for place, text in enumerate(values, start=1):
                said = [quality, *(letter for first, last, letter in ranges if first <= place <= last)]
                half_hours = place + 27  # since the midnight of UTC before
                if is_row:
                    rows.append(
                        (
                            nmi,
                            f"{number + half_hours // 48} {half_hours % 48 // 2:02}:{half_hours % 2 * 3}0",
                            "" if any(letter[:1] == "N" for letter in said) else text.strip(),
                            QUALITIES[said[-1][:1]],
                            f"E1 {written} interval {place}={text}",
                            "other_quantity" if unit == "kVArh" else None,
                        )
                    )
    return lines, rows


@settings(max_examples=40)
@given(file=records(), most=st.sampled_from([1, 100, 40_000]))
def test_records_in_bulk_are_their_values_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[list[str], list[tuple[object, ...]]], most: int
) -> None:
    lines, expected = file
    folder = tmp_path_factory.mktemp("nem12")
    (folder / "a.csv").write_text(BEGIN + "".join(lines) + "900\n", encoding="utf-8")
    taken = feeds(folder / "x", TOML).taking("a.csv")
    assert taken is not None
    with pytest.MonkeyPatch.context() as patched, (folder / "a.csv").open("rb") as stream:
        patched.setattr(nem12_rows, "MOST_ROWS", most)
        chunks = list(taken.format.chunks(stream, 0, last_bytes=None, chunk_bytes=CHUNK_BYTES))

    rows = [row for chunk in chunks for row in taken.format.rows(chunk)]

    found = []
    for row in rows:
        meterpoint, time, value = row.values
        quality = (row.extras or {}).get("quality")
        when = f"{int(str(time)[8:10]) % 31} {str(time)[11:16]}" if time else ""
        found.append((meterpoint, when, value, quality, row.written, row.code if row.fault else None))
    assert found == [row if row[5] is None else (*row[:3], None, *row[4:]) for row in expected]
