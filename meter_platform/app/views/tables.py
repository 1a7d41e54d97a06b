"""Tables: what exactly is stored, and what does each column mean?"""

from datetime import date
from typing import Final

import altair as alt
import pandas as pd
import streamlit as st

from meter_platform.app import charts, context, frames, palette
from meter_platform.warehouse import reader_tables, tables
from meter_platform.warehouse.tables import Table

_TABLES: Final = {table.qualified_name: table for table in tables.DATA_TABLES}


def schema(table: Table) -> pd.DataFrame:
    """The columns of a table, from its contract."""
    return pd.DataFrame(
        {
            "Column": [("🔑 " if column.name in table.key else "") + column.name for column in table.columns],
            "Type": [column.postgres_type.removesuffix(' COLLATE "C"') for column in table.columns],
            "Unit": [column.unit or "" for column in table.columns],
            "Nullable": [column.nullable for column in table.columns],
            "Meaning": [column.description for column in table.columns],
            "Rules": ["; ".join(words for words, _ in column.rules) for column in table.columns],
        }
    )


def strip(view: context.View, with_rows: list[str]) -> alt.Chart:
    """The stored dates on one line: those with rows of the table, and those without."""
    dates = sorted({*map(str, view.stored), *with_rows})
    shown = pd.DataFrame({"reference_date": [date.fromisoformat(day) for day in dates]})
    shown = charts.with_days(shown).assign(rows=["with rows" if day in set(with_rows) else "none" for day in dates])
    chart: alt.Chart = (
        charts.day_bars(shown)
        .encode(
            x=charts.day_axis(shown),
            color=alt.Color(
                "rows:N",
                title=None,
                legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=["with rows", "none"], range=[palette.BLUE, palette.GREY]),
            ),
            tooltip=[alt.Tooltip("day_text:N", title="Reference date"), alt.Tooltip("rows:N", title="Rows")],
        )
        .properties(height=150)
    )
    return chart


def choose_table() -> Table:
    """The table choice, in step with the URL."""
    names = list(_TABLES)
    if st.session_state.get("table") not in names:
        wanted = st.query_params.get("table", "")
        st.session_state["table"] = wanted if wanted in names else tables.HALF_HOURLY_CONSUMPTION.qualified_name
    name = st.selectbox("Table", names, key="table")
    st.query_params["table"] = name
    return _TABLES[name]


def turn(key: str, place: reader_tables.Place | None) -> None:
    """To the next page, or back (`None`)."""
    places = st.session_state.setdefault(key, [])
    if place is None:
        places.pop()
    else:
        places.append(place)


def main() -> None:
    """The page."""
    with context.page("Tables", "Every stored row, and what its columns mean.", rows=True) as view:
        table = choose_table()
        st.markdown(table.description)
        about = reader_tables.about_rows(view.reader, table)
        dates = reader_tables.dates_of(view.reader, table)
        chosen = [day for day in dates if view.first <= day <= view.last]
        size = "of unknown size" if about is None else f"about {about:,} rows"
        st.caption(
            f"{size.capitalize()} in all, of {len(dates):,} reference dates; {len(chosen):,} of them are chosen."
        )
        if table is tables.RAW_METER_READINGS:
            context.say_put_away([day for day in view.reader.put_away() if view.first <= day <= view.last])
        with st.expander("Columns", expanded=False):
            st.dataframe(schema(table), hide_index=True, key="schema")
        if dates:
            charts.show(strip(view, [str(day) for day in dates]), key="strip", what="Dates with rows of the table.")

        key = f"places-{table.qualified_name}-{view.stem}"
        places = st.session_state.setdefault(key, [])
        page = reader_tables.page(view.reader, table, view.first, view.last, after=places[-1] if places else None)
        if not page.rows.num_rows:
            span = f"It has rows of {dates[0]} to {dates[-1]}." if dates else "It is empty."
            charts.empty(f"No row of {table.qualified_name} belongs to {view.first} to {view.last}. {span}")
            st.stop()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Back", icon=":material/chevron_left:", disabled=not places, on_click=turn, args=(key, None))
            st.button(
                "Next",
                icon=":material/chevron_right:",
                disabled=page.next is None,
                on_click=turn,
                args=(key, page.next),
            )
            start = len(places) * reader_tables.PAGE_ROWS
            st.caption(f"Rows {start + 1:,} to {start + page.rows.num_rows:,}, in the order of date and key.")
        frames.show_table(
            page.rows,
            name=f"{table.name}_{view.stem}_page{len(places) + 1}",
            labels={column.name: f"{column.name} ({column.unit})" for column in table.columns if column.unit},
        )


if __name__ == "__main__":
    main()
