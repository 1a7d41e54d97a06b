"""Files of electricity and of gas: a feed says by which column it knows its own rows, and the others are rejected."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meter_platform.errors import SettingsError
from meter_platform_tests.feeds.configured import accepted, assert_accounted, feeds, read_file, rejected

ROWS = [
    ("E1", "1", "electricity"),
    ("G1", "3.5", "gas"),
    ("E2", "2", " elec day "),
    ("G2", "0.012", ""),
    ("E3", "x", "gas"),
]
AT = "2021-06-01 00:00:00"


def as_json(odd: str = "") -> bytes:
    rows = ", ".join(f'["{name}", "{AT}", "{kwh}", "{fuel}"]' for name, kwh, fuel in ROWS)
    columns = '"meterpoint_id", "interval_start", "consumption_delta", "fuel"'
    return f'{{"columns": [{columns}], "data": [{rows}{odd}]}}'.encode()


def as_csv() -> bytes:
    lines = [f"{name},{AT},{kwh},{fuel}" for name, kwh, fuel in ROWS]
    return "\n".join(["id,at,kwh,fuel", *lines]).encode()


def as_csv_days() -> bytes:
    lines = [f"{name},2021-06-01,{kwh},{fuel}" for name, kwh, fuel in ROWS]
    return "\n".join(["id,day,v1,fuel", *lines]).encode()


def as_parquet() -> bytes:
    names, values, fuels = zip(*ROWS, strict=True)
    sink = pa.BufferOutputStream()
    table = {"id": names, "at": [AT] * len(ROWS), "kwh": values, "fuel": [fuel or None for fuel in fuels]}
    pq.write_table(pa.table({name: pa.array(column, pa.string()) for name, column in table.items()}), sink)
    return bytes(sink.getvalue().to_pybytes())


COLUMNS = 'columns = { meterpoint = "id", time = "at", value = "kwh" }'
DAYS = 'by = "count"\nvalues = 1\ncolumns = { meterpoint = "id", date = "day", first_value = "v1" }'
ONLY = 'only = { fuel = ["electricity", "elec *"] }'


@pytest.mark.parametrize(
    ("kind", "keys", "content"),
    [
        ("json", "", as_json()),
        ("json", "", as_json(', ["E4", ["odd"], "1", {}]')),
        ("csv", COLUMNS, as_csv()),
        ("csv_days", DAYS, as_csv_days()),
        ("parquet", COLUMNS, as_parquet()),
    ],
)
def test_rows_of_another_kind_are_rejected_and_counted(tmp_path: Path, kind: str, keys: str, content: bytes) -> None:
    toml = f'[feeds.mixed]\nformat = "{kind}"\npaths = "*"\nzone = "UTC"\n{keys}\n{ONLY}\n'

    read = read_file(tmp_path, toml, "a.x", content)

    assert [(name, kwh) for name, _, kwh in accepted(read)] == [("E1", Decimal(1)), ("E2", Decimal(2))]
    assert [(row[0], row[2]) for row in rejected(read)][:3] == [("other_quantity", name) for name in ("G1", "G2", "E3")]
    text = rejected(read)[0][3]
    assert "gas" in text
    assert "only" not in text
    assert_accounted(read)


@pytest.mark.parametrize(
    ("text", "taken"), [("*", 5), ("E*", 3), ("*1", 2), ("E1", 1), ("e1", 0), ("E.", 0), ("*1*", 2), ("(E1|G1)", 0)]
)
def test_a_star_stands_for_any_characters_and_nothing_else_does(tmp_path: Path, text: str, taken: int) -> None:
    toml = f'[feeds.mixed]\nformat = "csv"\npaths = "*.csv"\nzone = "UTC"\n{COLUMNS}\nonly = {{ id = "{text}" }}\n'

    read = read_file(tmp_path, toml, "a.csv", as_csv().replace(b",x,", b",3,"))

    assert len(read.accepted) == taken


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    for kind, keys, content in (
        ("json", "", as_json()),
        ("csv", COLUMNS, as_csv()),
        ("parquet", COLUMNS, as_parquet()),
    ):
        toml = f'[feeds.mixed]\nformat = "{kind}"\npaths = "*"\n{keys}\nonly = {{ commodity = "electricity" }}\n'

        read = read_file(tmp_path / kind, toml, "a.x", content)

        assert read.account is not None
        assert (read.account.malformed or "").startswith("missing_column: ")
        assert "commodity" in (read.account.malformed or "")


def test_lines_that_are_no_rows_are_of_no_kind(tmp_path: Path) -> None:
    toml = f'[feeds.mixed]\nformat = "csv_days"\npaths = "*"\nzone = "UTC"\n{DAYS}\n{ONLY}\n'

    read = read_file(tmp_path, toml, "a.csv", as_csv_days() + b"\nE4,2021-06-01\n")

    assert [row[0] for row in rejected(read)][-1] == "not_a_row"
    assert_accounted(read)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ('format = "nem12"\nonly = { fuel = "x" }', "key 'only': there is no such key"),
        (f'format = "csv"\n{COLUMNS}\nonly = {{ fuel = [] }}', "key 'only.fuel': "),
        (
            'format = "csv"\nhas_names = false\ncolumns = { meterpoint = 1, time = 2, value = 3 }\nonly = { fuel = "x" }',
            "columns are numbers",
        ),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, keys: str, says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        feeds(tmp_path / "x", f'[feeds.mixed]\npaths = "*"\n{keys}\n')

    assert says in str(raised.value)
