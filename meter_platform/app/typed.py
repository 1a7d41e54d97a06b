"""Typed SQL within a page: running it without freezing the page, and showing what came of it.

What belongs here: waiting, cancelling, errors at their place in the text, a result's picture. What does not: what keeps
typed SQL harmless (`typed_sql/guard.py`).
"""

from typing import Final

import altair as alt
import pyarrow as pa
import streamlit as st

from meter_platform.app import charts, messages, palette
from meter_platform.settings import Settings
from meter_platform.typed_sql.guard import RunningQuery, SqlGuard, TypedSqlError
from meter_platform.warehouse.database import open_database

_LOOK_SECONDS: Final = 0.2
_MOST_POINTS: Final = 5_000
"""Of a picture: more cannot be told apart, and slow the browser down."""

_REST: Final = "all others"

_RUNNING: Final = "sql_running"
_OUTCOME: Final = "sql_outcome"


@st.cache_resource(show_spinner=False)
def guard(_settings: Settings, url: str | None) -> SqlGuard:
    """The guard of this process's database.

    Raises:
        TypedSqlOffError: nothing would keep typed SQL harmless there. (Raised at every look, until that has changed.)
    """
    database = open_database(_settings)
    made = SqlGuard(database, timezone=_settings.timezone, trusts_socket=url is None)
    made.set_up()
    return made


def start(made: SqlGuard, text: str, *, plan: bool = False) -> None:
    """Begins to run what was typed; what comes of it is shown by `wait` and `outcome`."""
    st.session_state.pop(_OUTCOME, None)
    try:
        st.session_state[_RUNNING] = made.start(text, plan=plan)
    except TypedSqlError as error:
        st.session_state[_OUTCOME] = error


def wait() -> None:
    """Waits for the running query, if there is one; whoever leaves the page or presses anything ends it."""
    query: RunningQuery | None = st.session_state.get(_RUNNING)
    if query is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Cancel", icon=":material/stop:", on_click=query.cancel, key="sql_cancel")
        clock = st.empty()
    try:
        while not query.wait(_LOOK_SECONDS):
            clock.caption(f"Running for {query.seconds:.1f} s … {query.note}")
    finally:
        # Streamlit ends a script at its next call when the person does something else.
        if not query.wait(0):
            query.cancel()
    del st.session_state[_RUNNING]
    try:
        st.session_state[_OUTCOME] = query.result()
    except TypedSqlError as error:
        st.session_state[_OUTCOME] = error
    st.rerun()


def outcome() -> object:
    """The `SqlResult` or `TypedSqlError` of the last query, `None` before the first."""
    return st.session_state.get(_OUTCOME)


def show_error(error: TypedSqlError, text: str) -> None:
    """Postgres's message, and the place it is about."""
    messages.failure("There is no result.", str(error))
    if error.position is not None:
        st.code(at_place(text, error.position), language=None)
    if error.detail:
        st.text(error.detail)


def at_place(text: str, position: int) -> str:
    """The line of the text that a position (from 1) is in, and a mark below it."""
    before = text[: position - 1]
    number, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1)
    lines = text.splitlines() or [""]
    line = lines[min(number, len(lines)) - 1]
    head = f"line {number}: "
    return f"{head}{line}\n{' ' * (len(head) + column)}^"


def picture(table: pa.Table) -> None:
    """A chart of a result, with the columns that a person chooses."""
    numbers = [name for name in table.column_names if _is_number(table.schema.field(name).type)]
    others = [name for name in table.column_names if name not in numbers]
    if not numbers or table.num_rows < 2:  # noqa: PLR2004 - one row is no picture
        charts.empty("A picture needs two rows or more, and a column of numbers.")
        return
    across = others + numbers
    left, middle, right, kind_column = st.columns(4)
    x = left.selectbox("Across", across, key="sql_x")
    upward = [name for name in numbers if name != x] or numbers
    measured = [index for index, name in enumerate(upward) if not pa.types.is_integer(table.schema.field(name).type)]
    y = middle.selectbox("Up", upward, index=measured[0] if measured else 0, key="sql_y")
    color = right.selectbox("Colour", ["none", *(name for name in others if name != x)], key="sql_color")
    temporal = pa.types.is_temporal(table.schema.field(x).type)
    kinds = ["line", "bar", "point"] if temporal else ["bar", "line", "point"]
    kind = kind_column.selectbox("As", kinds, key="sql_kind")
    columns = list(dict.fromkeys([x, y] + ([color] if color != "none" else [])))
    shown = table.select(columns).slice(0, _MOST_POINTS)
    names = {name: f"c{index}" for index, name in enumerate(columns)}
    frame = shown.rename_columns([names[name] for name in columns]).to_pandas(date_as_object=False)
    frame[names[y]] = frame[names[y]].astype("float64")
    horizontal = (
        alt.X(
            f"{names[x]}:T",
            title=f"{x} (UTC)" if pa.types.is_timestamp(table.schema.field(x).type) else x,
            scale=alt.Scale(type="utc"),
        )
        if temporal
        else alt.X(names[x], type="quantitative" if x in numbers else "nominal", title=x, sort=None)
    )
    chart = alt.Chart(frame)
    marked = {"line": chart.mark_line, "bar": chart.mark_bar, "point": chart.mark_circle}[kind]
    encoding = {"x": horizontal, "y": alt.Y(f"{names[y]}:Q", title=y)}
    if color == "none":
        drawn = marked(color=palette.BLUE).encode(**encoding)
    else:
        # More colours than these cannot be told apart: the rest is grey, and the tooltip names it.
        name = names[color]
        largest = frame.groupby(name)[names[y]].sum().nlargest(len(palette.CATEGORIES)).index.to_list()
        frame["shown"] = frame[name].where(frame[name].isin(largest), _REST)
        listed = [*largest, _REST] if (frame["shown"] == _REST).any() else largest
        scale = charts.palette_scale([str(value) for value in listed], rest=_REST if _REST in listed else None)
        drawn = marked().encode(
            **encoding,
            detail=f"{name}:N",
            color=alt.Color("shown:N", title=color, scale=scale),
            tooltip=[alt.Tooltip(f"{name}:N", title=color), alt.Tooltip(f"{names[y]}:Q", title=y)],
        )
    charts.show(drawn.properties(height=charts.HEIGHT), key="sql", what=f"{y} by {x}.")
    if table.num_rows > _MOST_POINTS:
        st.caption(f"The picture has the first {_MOST_POINTS:,} rows.")


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
