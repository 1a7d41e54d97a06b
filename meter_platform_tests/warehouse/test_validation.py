"""The gate lets nothing through that breaks a contract, and says what is wrong without saying whose data it is."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.errors import ContractError, PermanentError
from meter_platform.warehouse import tables
from meter_platform.warehouse.tables import Table
from meter_platform.warehouse.validation import ContractViolationError, Violation, validate
from meter_platform_tests.contract_rows import bad_rows, good_row
from meter_platform_tests.embedded_postgres.servers import ROOT

DAY = date(2021, 1, 1)
START = datetime(2021, 1, 1, tzinfo=UTC)
IDS = ("1200031234567", "1200031234568")


def readings(**columns: Sequence[Any]) -> pd.DataFrame:
    """Two good readings, but for `columns`."""
    good: dict[str, Sequence[Any]] = {
        "meterpoint_id": IDS,
        "interval_start": [START, START],
        "reference_date": [DAY, DAY],
        "consumption_delta": [Decimal("0.186"), Decimal(1)],
        "source_file_id": [1, 1],
        "source_position": [1, 2],
        "loaded_at": [START, START],
        "register": ["import", "import"],
        "quality": ["actual", "unknown"],
        "serial": ["", ""],
        "revised_at": pd.Series([None, START], dtype=pd.ArrowDtype(pa.timestamp("us", tz="UTC"))),
    }
    return pd.DataFrame(good | columns)


def refused(data: pd.DataFrame | pa.Table, table: Table = tables.RAW_METER_READINGS) -> list[Violation]:
    """What the gate says against the data."""
    with pytest.raises(ContractViolationError) as refusal:
        validate(table, data)
    assert not any(identity in str(refusal.value) for identity in IDS)
    assert str(refusal.value).startswith(
        f"{table.qualified_name} was left as it was, for the new data breaks its contract"
    )
    return list(refusal.value.violations)


TEXTS = [
    (table, column.name) for table in tables.TABLES for column in table.columns if column.arrow_type == pa.string()
]


@pytest.mark.parametrize(("table", "column"), TEXTS, ids=[f"{table.name}.{column}" for table, column in TEXTS])
def test_a_zero_byte_is_refused_in_every_text_of_every_table(table: Table, column: str) -> None:
    good = pa.Table.from_pylist([good_row(table)], table.arrow_schema)
    bad = pa.Table.from_pylist([good_row(table) | {column: f"{IDS[0]}\0{IDS[1]}"}], table.arrow_schema)

    for among in (pa.concat_tables([good, good, bad]), pa.concat_tables([bad, good, bad]).slice(1)):
        with pytest.raises(ContractViolationError) as refusal:
            validate(table, among, unique=False)
        (violation,) = refusal.value.violations
        assert (violation.column, violation.count) == (column, 1)
        assert violation.examples == f"row {among.num_rows}"
        assert "NUL" in violation.rule
        assert IDS[0] not in str(refusal.value)


def test_a_zero_byte_beyond_the_rows_that_are_given_is_no_fault() -> None:
    table = tables.RAW_METERPOINTS
    rows = pa.Table.from_pylist([good_row(table), good_row(table) | {"region": "\0"}], table.arrow_schema)

    assert validate(table, rows.slice(0, 1), unique=False).num_rows == 1


def test_good_rows_pass_in_the_contracts_order_and_types_from_pandas_and_from_arrow() -> None:
    frame = readings()

    for data in (frame, frame[frame.columns[::-1]], frame.convert_dtypes(dtype_backend="pyarrow")):
        rows = validate(tables.RAW_METER_READINGS, data)
        assert [(field.name, str(field.type)) for field in rows.schema] == [
            ("meterpoint_id", "string"),
            ("interval_start", "timestamp[us, tz=UTC]"),
            ("reference_date", "date32[day]"),
            ("consumption_delta", "decimal128(38, 3)"),
            ("source_file_id", "int64"),
            ("source_position", "int32"),
            ("loaded_at", "timestamp[us, tz=UTC]"),
            ("register", "string"),
            ("quality", "string"),
            ("serial", "string"),
            ("revised_at", "timestamp[us, tz=UTC]"),
        ]
        assert rows["consumption_delta"].to_pylist() == [Decimal("0.186"), Decimal(1)]
    assert validate(tables.RAW_METER_READINGS, rows).equals(rows)


def test_a_violation_is_permanent_and_names_column_rule_count_and_examples() -> None:
    data = readings(consumption_delta=[Decimal("-0.5"), Decimal("24.001")])

    with pytest.raises(ContractViolationError) as refusal:
        validate(tables.RAW_METER_READINGS, data)

    assert isinstance(refusal.value, ContractError)
    assert isinstance(refusal.value, PermanentError)
    assert str(refusal.value) == (
        "raw_data.raw_meter_readings was left as it was, for the new data breaks its contract: "
        "column consumption_delta: at least 0 (1 row, such as -0.5); "
        "column consumption_delta: at most 24 (1 row, such as 24.001)."
    )


def test_all_that_is_wrong_is_said_at_once_with_a_few_examples() -> None:
    rows = pd.concat([readings(source_position=[-number, -number - 1]) for number in range(10)])

    violations = refused(rows.assign(interval_start=START, consumption_delta=Decimal(25)))

    assert violations == [
        Violation("meterpoint_id, interval_start, register, serial", "the key occurs more than once", 20, ""),
        Violation("consumption_delta", "at most 24", 20, "25, 25, 25, 25, 25"),
        Violation("source_position", "at least 1", 20, "0, -1, -1, -2, -2"),
    ]


@pytest.mark.parametrize(
    ("data", "violations"),
    [
        (
            readings().drop(columns="source_position"),
            [Violation("source_position", "the column is missing", 2, "")],
        ),
        (
            readings().assign(colour="red"),
            [Violation("colour", "the contract has no such column", 2, "")],
        ),
        (
            readings().rename(columns={"consumption_delta": "consumption"}),
            [
                Violation("consumption_delta", "the column is missing", 2, ""),
                Violation("consumption", "the contract has no such column", 2, ""),
            ],
        ),
        (
            pd.concat([readings(), readings()[["consumption_delta"]]], axis=1),
            [Violation("consumption_delta", "the column is there twice", 2, "")],
        ),
        (
            readings(consumption_delta=[None, Decimal(1)]),
            [Violation("consumption_delta", "a value is missing", 1, "")],
        ),
        (
            readings(consumption_delta=[Decimal("NaN"), Decimal(1)]),
            [Violation("consumption_delta", "a value is missing", 1, "")],
        ),
        (readings(meterpoint_id=[None, IDS[1]]), [Violation("meterpoint_id", "a value is missing", 1, "")]),
        (readings(reference_date=[DAY, None]), [Violation("reference_date", "a value is missing", 1, "")]),
        (
            readings(meterpoint_id=[IDS[0], IDS[0]]),
            [Violation("meterpoint_id, interval_start, register, serial", "the key occurs more than once", 2, "")],
        ),
        (readings(source_position=[0, 2]), [Violation("source_position", "at least 1", 1, "0")]),
    ],
    ids=lambda value: value[0].column + ": " + value[0].rule if isinstance(value, list) else "",
)
def test_columns_nulls_ranges_and_keys(data: pd.DataFrame, violations: list[Violation]) -> None:
    assert refused(data) == violations


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("consumption_delta", [0.186, 1.0], "binary floats have been rounded already"),
        ("consumption_delta", pd.array([0.186, 1.0], dtype="Float64"), "binary floats have been rounded already"),
        ("consumption_delta", ["0.186", "a lot"], "'a lot'"),
        ("consumption_delta", [Decimal("Infinity"), Decimal(1)], ""),
        ("consumption_delta", [Decimal("1E-21"), Decimal(1)], "loss"),  # one decimal more than can be kept
        ("source_file_id", [1.0, 2.0], "binary floats have been rounded already"),
        ("source_file_id", [2**63, 1], ""),
        ("source_position", [2**31, 1], "not in range"),
        ("interval_start", [datetime(2021, 1, 1), datetime(2021, 1, 1)], "times without a zone may be any"),  # noqa: DTZ001 - naive
        ("interval_start", pd.to_datetime(["2021-01-01T00:00:00.000000001Z"] * 2), "would lose data"),
        ("interval_start", ["2021-01-01", "soon"], "'soon'"),
        ("reference_date", ["2021-01-01", "soon"], "'soon'"),
        ("reference_date", [datetime(2021, 1, 1, 5), datetime(2021, 1, 1)], "instants are not dates"),  # noqa: DTZ001 - naive
        ("reference_date", [START, START], "instants are not dates"),
        ("meterpoint_id", [IDS[0], 5], ""),
    ],
)
def test_values_that_are_not_of_the_columns_type_are_refused_with_the_reason(
    column: str, values: Sequence[Any], why: str
) -> None:
    (violation,) = refused(readings(**{column: values}))

    assert (violation.column, violation.count) == (column, 2)
    assert violation.rule.startswith("the values are not of type ")
    assert why in violation.rule


@pytest.mark.parametrize(
    ("column", "values", "stored"),
    [
        ("consumption_delta", ["0.186", "1E-3"], [Decimal("0.186"), Decimal("0.001")]),
        ("consumption_delta", [1, 0], [Decimal(1), Decimal(0)]),
        ("consumption_delta", [Decimal("1E-20"), Decimal(24)], [Decimal("0.00000000000000000001"), Decimal(24)]),
        ("reference_date", [datetime(2021, 1, 1), datetime(2021, 1, 1)], [DAY, DAY]),  # noqa: DTZ001 - midnights
        ("reference_date", ["2021-01-01", "2021-01-01"], [DAY, DAY]),
        ("interval_start", [START.astimezone(timezone(timedelta(hours=5)))] * 2, [START, START]),
    ],
)
def test_what_can_be_had_without_loss_is_taken(column: str, values: Sequence[Any], stored: list[Any]) -> None:
    assert validate(tables.RAW_METER_READINGS, readings(**{column: values}), unique=False)[column].to_pylist() == stored


@given(
    st.lists(
        st.one_of(
            st.decimals(0, 24, places=3),
            st.decimals(0, 24, places=7),
            st.decimals(0, 24, places=20),
            st.integers(0, 24),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_energy_passes_exactly_and_with_no_more_decimals_than_it_needs(values: list[Any]) -> None:
    data = pd.concat([readings().iloc[[0]]] * len(values)).assign(
        consumption_delta=pd.Series([Decimal(value) for value in values], dtype=object).values
    )

    column = validate(tables.RAW_METER_READINGS, data, unique=False)["consumption_delta"]

    assert column.to_pylist() == values
    needed = max(-int(Decimal(value).normalize().as_tuple().exponent) for value in values)
    assert column.type.scale == min(scale for scale in (3, 9, 20) if scale >= needed)


def test_without_the_key_chunks_of_one_whole_may_repeat_it() -> None:
    data = readings(meterpoint_id=[IDS[0], IDS[0]])

    assert validate(tables.RAW_METER_READINGS, data, unique=False).num_rows == 2
    assert refused(data)  # and the next to ask gets the whole contract


def test_an_empty_frame_has_all_columns_and_types() -> None:
    rows = validate(tables.RAW_PRODUCTS, pd.DataFrame(columns=[column.name for column in tables.RAW_PRODUCTS.columns]))

    assert rows.num_rows == 0
    assert rows.schema.types == tables.RAW_PRODUCTS.arrow_schema.types


def test_a_null_is_let_through_where_the_contract_allows_it() -> None:
    rows = pd.DataFrame(
        {"meterpoint_id": ["m", "n"], "reference_date": DAY, "region": [None, float("nan")], "loaded_at": START}
    )

    assert validate(tables.RAW_METERPOINTS, rows)["region"].to_pylist() == [None, None]


def unattributed(**columns: Any) -> pd.DataFrame:  # noqa: ANN401 - any value, good or bad
    good = {
        "meterpoint_id": [IDS[0]],
        "reference_date": [DAY],
        "total_consumption_kwh": [Decimal(1)],
        "reading_count": [1],
        "reason": ["ended"],
        "days_since_last_agreement": [None],
        "loaded_at": [START],
        "export_consumption_kwh": [Decimal(0)],
        "actual_consumption_kwh": [Decimal(1)],
        "estimated_consumption_kwh": [Decimal(0)],
    }
    return pd.DataFrame(good | {name: [value] for name, value in columns.items()})


def test_a_choice_is_one_of_the_contracts() -> None:
    assert validate(tables.UNATTRIBUTED_CONSUMPTION, unattributed())
    assert refused(unattributed(reason="lost"), tables.UNATTRIBUTED_CONSUMPTION) == [
        Violation("reason", "one of ended, no_agreement, not_started, overlap, unknown_product", 1, '"lost"')
    ]


LONG = 100_000


@pytest.mark.parametrize(
    ("data", "table"),
    [
        (unattributed(reason="*" * LONG), tables.UNATTRIBUTED_CONSUMPTION),
        (unattributed(reason=f"of {IDS[0]}"), tables.UNATTRIBUTED_CONSUMPTION),
        (unattributed(reason=f"{IDS[1]}\n" * LONG), tables.UNATTRIBUTED_CONSUMPTION),
        (readings().assign(**{"[x](y)" * LONG: 1}), tables.RAW_METER_READINGS),
        (readings().assign(**{f"of {IDS[0]}": 1}), tables.RAW_METER_READINGS),
        (readings(source_position=["z" * LONG, "z"]), tables.RAW_METER_READINGS),
        (readings(source_position=[f"of {IDS[0]}", "z"]), tables.RAW_METER_READINGS),
        (readings(consumption_delta=[Decimal("1E+17"), Decimal(1)]), tables.RAW_METER_READINGS),
    ],
    ids=range(8),
)
def test_what_is_quoted_of_data_is_short_has_no_markup_and_is_nobodys_number(data: pd.DataFrame, table: Table) -> None:
    said = str(ContractViolationError(table.qualified_name, refused(data, table)))

    assert len(said) < 1_000
    assert said.isprintable()
    assert "**" not in said
    assert "[x]" not in said


@pytest.mark.parametrize("table", [table for table in tables.TABLES if not table.view], ids=lambda table: table.name)
def test_every_rule_of_every_contract_has_been_seen_red(table: Table) -> None:
    good = good_row(table)
    assert validate(table, pd.DataFrame([good], dtype=object)).num_rows == 1
    for column, rule, row in bad_rows(table):
        (violation,) = refused(pd.DataFrame([row], dtype=object), table)
        assert (violation.column, violation.rule, violation.count) == (column, rule, 1)
    assert refused(pd.DataFrame([good, good], dtype=object), table) == [
        Violation(", ".join(table.key), "the key occurs more than once", 2, "")
    ]
    for column in table.columns:
        if column.nullable:
            assert validate(table, pd.DataFrame([good | {column.name: None}], dtype=object)).num_rows == 1


@pytest.mark.parametrize(
    "variable",
    [
        "PANDERA_VALIDATION_ENABLED=yes",  # which pandera takes for a no
        "PANDERA_VALIDATION_DEPTH=SCHEMA_ONLY",
    ],
)
def test_panderas_own_switches_open_no_gate(variable: str) -> None:
    name, _, value = variable.partition("=")
    code = (
        "from meter_platform_tests.warehouse.test_validation import readings, refused; from decimal import Decimal;"
        "print(refused(readings(consumption_delta=[Decimal(-1), Decimal(1)]))[0].rule)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env={name: value}
    )
    assert done.stdout.strip() == "at least 0"
