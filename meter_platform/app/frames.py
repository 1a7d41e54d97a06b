"""Tables on the page and in files: exact figures, local times that say which, downloads.

What belongs here: the form of values. What does not: choosing or computing them.
"""

import io
from decimal import Decimal
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import streamlit as st

from meter_platform.warehouse.arrow_rows import NUMBERS

_SHOWN_CHARACTERS: Final = 500
"""Of one value of a table on the page; the download has all of it."""

_FORMULA: Final = r"\A([=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}])"
"""How a cell begins that a spreadsheet computes; the wide forms are read like the others where they are typed."""

_TIME: Final = "%Y-%m-%d %H:%M %Z"


def exact(value: Decimal | int | None, unit: str = "") -> str:
    """A number with all of its digits and no trailing noise, such as `5,261.875 kWh`; a dash where there is none."""
    if value is None or value != value:  # noqa: PLR0124 - pandas' null may be a NaN
        return "-"
    if isinstance(value, Decimal):
        value = value.normalize() if value else Decimal(0)
    return (
        f"{value:,f}{' ' + unit if unit else ''}"
        if isinstance(value, Decimal)
        else f"{value:,}{' ' + unit if unit else ''}"
    )


def percent(part: Decimal | float, whole: Decimal | float) -> str:
    """A share, such as `97.92 %`: never rounded to a hundred while anything is missing."""
    if not whole:
        return "-"
    share = Decimal(part) / Decimal(whole) * 100
    text = f"{share:.2f}"
    if text == "100.00" and part != whole:
        text = "99.99"
    return f"{text.rstrip('0').rstrip('.')} %"


def total(values: "pd.Series[Any]") -> Decimal:
    """The exact sum of a column of decimals, nulls left out."""
    return sum(values.dropna(), Decimal(0))


def arrow(frame: pd.DataFrame) -> pa.Table:
    """A frame as an Arrow table without an index."""
    return pa.Table.from_pandas(frame, preserve_index=False)


def show_table(rows: pa.Table | pd.DataFrame, *, name: str, labels: dict[str, str] | None = None) -> None:
    """A table on the page, and the same as CSV and Parquet.

    Args:
        rows: exact values; the downloads have them as they are.
        name: of the downloaded files, without ending.
        labels: what columns are called on the page, units included.
    """
    table = arrow(rows) if isinstance(rows, pd.DataFrame) else rows
    st.dataframe(_readable(table), hide_index=True, column_config=dict(labels or {}), key=f"table-{name}")
    downloads(table, name=name)


def downloads(table: pa.Table, *, name: str) -> None:
    """Buttons that hand out a table; the files are made when they are asked for."""
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            data=lambda: as_csv(table),
            file_name=f"{name}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"csv-{name}",
            type="tertiary",
        )
        st.download_button(
            "Parquet",
            data=lambda: as_parquet(table),
            file_name=f"{name}.parquet",
            mime="application/vnd.apache.parquet",
            icon=":material/download:",
            on_click="ignore",
            key=f"parquet-{name}",
            type="tertiary",
        )


def as_csv(table: pa.Table) -> bytes:
    """Exact decimals in plain digits; times local, with their offset; no text that a spreadsheet would compute."""
    columns = [_for_csv(column, field) for column, field in zip(table.columns, table.schema, strict=True)]
    names = pa.array(table.column_names, pa.string())
    file = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns, names=_harmless(names).to_pylist()), file)
    return file.getvalue()


def _for_csv(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type) and column.type.tz:
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%S%z")
    if pa.types.is_decimal(column.type):
        text = pc.cast(column, pa.string())
        if not pc.any(pc.match_substring(text, "E")).as_py():
            return text
        # Arrow writes small ones with an exponent, a zero of many decimals too.
        return pa.chunked_array(
            [[None if value is None else f"{value:f}" for value in column.to_pylist()]], pa.string()
        )
    if _is_text(column.type) and field.metadata != NUMBERS:
        return _harmless(column)
    return column


def _harmless(text: Any) -> Any:  # noqa: ANN401 - an array, chunked or not
    """Text of which no cell is a formula to a spreadsheet: what begins like one gets an apostrophe in front."""
    return pc.replace_substring_regex(pc.cast(text, pa.string()), pattern=_FORMULA, replacement=r"'\1")


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def as_parquet(table: pa.Table) -> bytes:
    """Exact decimals, instants with their zone."""
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


def _readable(table: pa.Table) -> pd.DataFrame:
    """For the screen: times as local clocks print them, and no value that would fill it."""
    columns: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_timestamp(column.type) and column.type.tz:
            columns[name] = pc.strftime(column, format=_TIME)
        elif _is_text(column.type):
            columns[name] = pc.utf8_slice_codeunits(pc.cast(column, pa.string()), 0, _SHOWN_CHARACTERS)
        else:
            columns[name] = column
    frame: pd.DataFrame = pa.table(columns).to_pandas(date_as_object=True)
    return frame
