"""SQL: any question of one's own, and a library of ready ones."""

from datetime import date

import streamlit as st

from meter_platform.app import context, frames, library, messages, typed
from meter_platform.typed_sql.guard import SqlGuard, SqlResult, TypedSqlError, TypedSqlOffError
from meter_platform.warehouse import tables

_MOST_IN_URL = 1_500
"""Characters of SQL that a link carries; browsers and mail programs cut longer ones."""


def take_ready(first: date, last: date) -> None:
    """Puts the chosen ready query into the editor."""
    query = library.ready_queries().get(st.session_state["ready"] or "")
    if query is not None:
        st.session_state["sql_text"] = query.over(first, last)


def schema_at_hand() -> None:
    """Tables and columns, to look up while typing."""
    for table in tables.DATA_TABLES:
        with st.expander(table.name):
            st.caption(f"`{table.qualified_name}`")
            st.caption(table.description.split("\n", maxsplit=1)[0])
            st.markdown(
                "\n".join(
                    f"- `{column.name}` {column.postgres_type.split(' ')[0]}: {column.comment}"
                    for column in table.columns
                )
            )


def editor_of(guard: SqlGuard, view: context.View) -> str:
    """The choice of ready queries, the text, and the buttons. Returns the text."""
    ready = library.ready_queries()
    st.selectbox(
        "Ready queries",
        list(ready),
        index=None,
        key="ready",
        placeholder="Choose one to read, change and run",
        format_func=lambda name: ready[name].title,
        on_change=take_ready,
        args=(view.first, view.last),
    )
    if st.session_state["ready"]:
        st.caption(ready[st.session_state["ready"]].answers)
    text = st.text_area("SQL", key="sql_text", height=260)
    st.session_state["sql_kept"] = text
    limits = guard.limits
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Run", type="primary", icon=":material/play_arrow:", key="sql_run"):
            typed.start(guard, text)
        if st.button("Show plan", icon=":material/account_tree:", key="sql_plan"):
            typed.start(guard, text, plan=True)
        st.caption(f"Up to {limits.seconds:g} s, {limits.rows:,} rows and {limits.result_bytes // 1024**2} MB.")
    return text


def show_outcome(text: str) -> None:
    """What the last query gave: rows as a chart and a table, a plan, or an error where it is in the text."""
    outcome = typed.outcome()
    if isinstance(outcome, TypedSqlError):
        typed.show_error(outcome, text)
    elif isinstance(outcome, SqlResult):
        count = f"{outcome.table.num_rows:,} {'row' if outcome.table.num_rows == 1 else 'rows'}"
        st.markdown(f"**{count}** in **{outcome.seconds:.3f} s**")
        if outcome.cut:
            st.warning(f"There are more: these are {outcome.cut}.", icon=":material/content_cut:")
        if outcome.is_plan:
            st.code("\n".join(outcome.table["plan"].to_pylist()), language=None)
        elif outcome.table.num_columns:
            picture, rows = st.tabs(["Chart", "Table"])
            with picture:
                typed.picture(outcome.table)
            with rows:
                frames.show_table(outcome.table, name="query")


def main() -> None:
    """The page."""
    with context.page(
        "SQL", "Ask anything of raw_data and analytics: one query at a time, read-only.", rows=True
    ) as view:
        try:
            guard = typed.guard(view.settings, view.settings.postgres_url)
        except TypedSqlOffError as error:
            messages.blocked("SQL is off here.", f"{error}\n{error.detail}")
            st.stop()
        if "sql_text" not in st.session_state:
            newest = library.ready_queries()["half_hours_of_a_day"].over(view.first, view.last)
            st.session_state["sql_text"] = st.query_params.get("sql") or st.session_state.get("sql_kept") or newest
        editor, side = st.columns([3, 1], gap="medium")
        with side:
            st.markdown("**Tables**")
            with st.container(height=420, border=False):
                schema_at_hand()
        with editor:
            text = editor_of(guard, view)
        if len(text) <= _MOST_IN_URL:
            st.query_params["sql"] = text
        typed.wait()
        if tables.RAW_METER_READINGS.name in text:
            context.say_put_away(view.reader.put_away())
        show_outcome(text)


if __name__ == "__main__":
    main()
