"""Parquet: every type that is exact is read exactly, and no other is."""

from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_platform_tests.feeds.configured import accepted, assert_accounted, read_file, rejected

TOML = """
[feeds.warehouse]
format = "parquet"
paths = "*.parquet"
columns = { meterpoint = "id", time = "at", value = "kwh" }
"""
NAIVE = datetime(2021, 6, 1, 0, 30)  # noqa: DTZ001 - as a file has it


def parquet(table: dict[str, pa.Array], **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(table), sink, **options)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    "kwh",
    [
        pa.array([Decimal("0.123456789012345678")], pa.decimal128(30, 18)),
        pa.array(["0.123456789012345678"]),
        pa.array(["0.123456789012345678"]).dictionary_encode(),
        pa.array(["0.123456789012345678"], pa.large_string()),
    ],
)
@pytest.mark.parametrize(
    ("at", "start"),
    [
        (pa.array([NAIVE], pa.timestamp("us")), "05-31 23:30Z"),
        (pa.array([NAIVE], pa.timestamp("ns")), "05-31 23:30Z"),
        (pa.array([NAIVE.replace(tzinfo=UTC)], pa.timestamp("ms", "America/New_York")), "06-01 00:30Z"),
        (pa.array(["2021-06-01 00:30"]), "05-31 23:30Z"),
    ],
)
@pytest.mark.parametrize("meterpoint", [pa.array([1012345], pa.int64()), pa.array(["1012345"])])
def test_exact_types(tmp_path: Path, kwh: pa.Array, at: pa.Array, start: str, meterpoint: pa.Array) -> None:
    read = read_file(tmp_path, TOML, "a.parquet", parquet({"id": meterpoint, "at": at, "kwh": kwh}))

    assert accepted(read) == [("1012345", start, Decimal("0.123456789012345678"))]


def test_floats_are_refused_unless_the_feed_says_what_they_mean(tmp_path: Path) -> None:
    content = parquet({"id": pa.array(["m"]), "at": pa.array([NAIVE]), "kwh": pa.array([0.1])})

    refused = read_file(tmp_path / "a", TOML, "a.parquet", content)
    taken = read_file(tmp_path / "b", TOML + "floats_as_printed = true\n", "a.parquet", content)

    assert refused.account is not None
    assert (refused.account.malformed or "").startswith(
        'bad_columns: the column "kwh" is of floats, which are not exact'
    )
    assert accepted(taken) == [("m", "05-31 23:30Z", Decimal("0.1"))]


def test_nulls_and_many_rows(tmp_path: Path) -> None:
    count = 40_000
    table = {
        "id": pa.array([f"m{number}" for number in range(count - 2)] + [None, "x"]),
        "at": pa.array([NAIVE] * count),
        "kwh": pa.array([Decimal("0.25")] * (count - 1) + [None], pa.decimal128(10, 3)),
    }

    read = read_file(tmp_path, TOML, "a.parquet", parquet(table, row_group_size=7_000))

    assert len(read.accepted) == count - 2
    assert [(row[0], row[3]) for row in rejected(read)] == [
        ("bad_meterpoint", "value=0.250, meterpoint=, time=2021-06-01 00:30:00"),
        ("not_a_number", "value=, meterpoint=x, time=2021-06-01 00:30:00"),
    ]
    assert_accounted(read)


def test_dates_and_periods(tmp_path: Path) -> None:
    toml = TOML.replace('time = "at"', 'date = "day", period = "hh"')
    table = {
        "id": pa.array(["m"] * 50),
        "day": pa.array([date(2021, 10, 31)] * 50),
        "hh": pa.array(list(range(1, 51)), pa.int8()),
        "kwh": pa.array(["1"] * 50),
    }

    read = read_file(tmp_path, toml, "a.parquet", parquet(table))

    assert len({start for _, start, _ in accepted(read)}) == 50


@pytest.mark.parametrize(
    ("content", "malformed"),
    [
        (b"", "empty: the file has no content"),
        (b"id,at\n", "not_a_document: the file is not Parquet"),
        (b"PAR1 and then nothing", "truncated: the file does not end as Parquet does"),
        (b"PAR1 and then PAR1", "bad_data: Parquet cannot be read: "),
        (parquet({"id": pa.array(["m"]), "at": pa.array([NAIVE])}), 'missing_column: the file has no column "kwh"'),
        (
            parquet({"id": pa.array(["m"]), "at": pa.array([NAIVE]), "kwh": pa.array([[1]])}),
            'bad_columns: the column "kwh" is of type list',
        ),
    ],
)
def test_files_that_are_malformed(tmp_path: Path, content: bytes, malformed: str) -> None:
    read = read_file(tmp_path, TOML, "a.parquet", content)

    assert read.account is not None
    assert (read.account.malformed or "").startswith(malformed)


@settings(max_examples=30)
@given(
    times=st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), min_size=1, max_size=9),  # noqa: DTZ001 - as a file has it
    zone=st.sampled_from([None, UTC, ZoneInfo("Europe/London")]),
    whole=st.booleans(),
)
def test_times_are_written_as_the_calendar_has_them(
    tmp_path_factory: pytest.TempPathFactory, times: list[datetime], zone: tzinfo | None, *, whole: bool
) -> None:
    moments = [time.replace(tzinfo=zone and UTC, microsecond=0 if whole else time.microsecond) for time in times]
    written = [moment.astimezone(zone) if zone else moment for moment in moments]
    at = pa.array(moments, pa.timestamp("us", str(zone) if zone else None))
    table = {"id": pa.array(["m"] * len(times)), "at": at, "kwh": pa.nulls(len(times), pa.string())}

    read = read_file(tmp_path_factory.mktemp("parquet"), TOML, "a.parquet", parquet(table))

    assert [row[3] for row in rejected(read)] == [
        f"value=, meterpoint=m, time={moment.isoformat(sep=' ')}" for moment in written
    ]


def test_a_time_beyond_the_calendar_is_no_time(tmp_path: Path) -> None:
    late = pa.array([10**18], pa.int64())
    for number, kind in enumerate((pa.timestamp("us"), pa.timestamp("us", "Europe/London"))):
        table = {"id": pa.array(["m"]), "at": late.cast(kind), "kwh": pa.array(["1"])}

        read = read_file(tmp_path / str(number), TOML, "a.parquet", parquet(table))

        assert [row[0] for row in rejected(read)] == ["bad_time"]
        assert_accounted(read)


def test_a_row_shows_its_own_text_wherever_it_stands(tmp_path: Path) -> None:
    """Texts are made where they are asked for, some at a time."""
    count, odd = 20_000, {0, 1, 255, 256, 300, 16_383, 16_384, 19_999}
    table = {
        "id": pa.array([f"m{number}" for number in range(count)]).dictionary_encode(),
        "at": pa.array([NAIVE] * count),
        "kwh": pa.array(["x" if number in odd else "1" for number in range(count)]),
    }

    read = read_file(tmp_path, TOML, "a.parquet", parquet(table))

    assert [row[3] for row in rejected(read)] == [
        f"value=x, meterpoint=m{number}, time=2021-06-01 00:30:00" for number in sorted(odd)
    ]
