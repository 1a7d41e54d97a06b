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

_SHOWN_CHARACTERS: Final = 500
"""Of one value of a table on the page; the download has all of it."""

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
    """Exact decimals; times local, with their offset."""
    columns = [
        pc.strftime(column, format="%Y-%m-%dT%H:%M:%S%z")
        if pa.types.is_timestamp(column.type) and column.type.tz
        else pc.cast(column, pa.string())
        if pa.types.is_decimal(column.type)
        else column
        for column in table.columns
    ]
    file = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns, names=table.column_names), file)
    return file.getvalue()


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
        elif pa.types.is_string(column.type):
            columns[name] = pc.utf8_slice_codeunits(column, 0, _SHOWN_CHARACTERS)
        else:
            columns[name] = column
    frame: pd.DataFrame = pa.table(columns).to_pandas(date_as_object=True)
    return frame
