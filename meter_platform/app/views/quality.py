"""Quality: what has not come, what was refused, what was corrected, and from which file?"""

from pathlib import PurePosixPath

import altair as alt
import pandas as pd
import streamlit as st

from meter_platform.app import charts, context, figures, frames, palette
from meter_platform.settlement import days

_FITTING_WEEKS = 27
_MANY_WEEKS = 55


def calendar(completeness: pd.DataFrame, view: context.View) -> alt.LayerChart:
    """Weeks across, weekdays down: a date without data is an empty frame, a complete one is bright."""
    first, last = max(view.first, view.stored[0]), min(view.last, view.stored[-1])
    shown = pd.DataFrame({"reference_date": list(days(first, last))}).merge(
        completeness, how="left", on="reference_date"
    )
    shown = charts.with_days(shown)
    shown["percent"] = (100 * shown["received"] / shown["expected"]).astype("float64")
    shown["missing"] = (shown["expected"] - shown["received"]).clip(lower=0)
    shown["weekday"] = shown["reference_date"].map(lambda day: f"{day:%a}")
    shown["week"] = shown["reference_date"].map(lambda day: f"{day.isocalendar().year}-W{day.isocalendar().week:02}")
    tooltip = [
        alt.Tooltip("day_text:N", title="Reference date"),
        alt.Tooltip("percent:Q", title="Completeness (%)", format=".2f"),
        alt.Tooltip("missing:Q", title="Readings missing", format=","),
        alt.Tooltip("complete_meterpoints:Q", title="Complete meterpoints", format=","),
        alt.Tooltip("silent_meterpoints:Q", title="Meterpoints without a reading", format=","),
        alt.Tooltip("rejected:Q", title="Rejected rows", format=","),
    ]
    # Upright labels fit side by side; of two that overlap none would be left out.
    upright = alt.Axis(labelAngle=-90, labelOverlap=True, labelFlush=False, grid=False)
    base = alt.Chart(shown).encode(
        x=alt.X("week:O", title="ISO week", axis=upright),
        y=alt.Y("weekday:O", title=None, sort=["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        tooltip=tooltip,
    )
    frame = base.mark_rect(fill=None, stroke=palette.GREY, strokeWidth=0.5)
    least = min(float(shown["percent"].min()), 99.0) if shown["percent"].notna().any() else 0.0
    filled = (
        base.transform_filter("isValid(datum.percent)")
        .mark_rect(stroke=palette.GREY, strokeWidth=0.5)
        .encode(
            color=alt.Color(
                "percent:Q",
                title="Completeness (%)",
                scale=alt.Scale(scheme=palette.SEQUENCE, domain=[least, 100], clamp=True),
            )
        )
    )
    # Squares, as long as they fit on a page.
    weeks = shown["week"].nunique()
    chart: alt.LayerChart = (frame + filled).properties(
        height=alt.Step(24), width=alt.Step(24 if weeks <= _FITTING_WEEKS else 14 if weeks <= _MANY_WEEKS else 4)
    )
    return chart


def by_reason(rejected: pd.DataFrame) -> alt.Chart:
    """Rejected rows by reason."""
    table = rejected.groupby("reason", as_index=False)["row_count"].sum()
    chart: alt.Chart = (
        alt.Chart(table)
        .mark_bar(color=palette.VERMILLION)
        .encode(
            y=alt.Y("reason:N", sort="-x", title=None),
            x=alt.X("row_count:Q", title="Rejected rows", axis=alt.Axis(tickMinStep=1)),
            tooltip=[alt.Tooltip("reason:N", title="Reason"), alt.Tooltip("row_count:Q", title="Rows", format=",")],
        )
        .properties(height=charts.rows_height(table["reason"].nunique()))
    )
    return chart


def by_file(table: pd.DataFrame, color: str, *, title: str) -> alt.Chart:
    """The files with most of something."""
    shown = table.assign(file=table["url"].map(short)).groupby("file", as_index=False).agg({"row_count": "sum"})
    chart: alt.Chart = (
        alt.Chart(shown.nlargest(15, "row_count"))
        .mark_bar(color=color)
        .encode(
            y=alt.Y("file:N", sort="-x", title=None, axis=alt.Axis(labelLimit=320)),
            x=alt.X("row_count:Q", title=title, axis=alt.Axis(tickMinStep=1)),
            tooltip=[alt.Tooltip("file:N", title="File"), alt.Tooltip("row_count:Q", title="Rows", format=",")],
        )
        .properties(height=charts.rows_height(min(len(shown), 15)))
    )
    return chart


def short(url: object) -> str:
    """A file's name without the folder that all have in common."""
    return PurePosixPath(url).name if isinstance(url, str) else "unknown"


def outcomes(files: pd.DataFrame) -> alt.Chart:
    """What has become of the rows of the files."""
    kinds = {
        "rows_stored": "stored",
        "rows_rejected": "rejected",
        "rows_redelivered": "delivered again",
        "rows_replaced": "corrected since",
        "rows_withdrawn": "withdrawn",
        "rows_pending": "not loaded yet",
        "rows_pruned": "pruned",
    }
    table = pd.DataFrame({"outcome": list(kinds.values()), "row_count": [int(files[name].sum()) for name in kinds]})
    chart: alt.Chart = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            y=alt.Y("outcome:N", sort=None, title=None),
            x=alt.X("row_count:Q", title="Rows of the files listed"),
            color=alt.Color(
                "outcome:N",
                legend=None,
                scale=alt.Scale(
                    domain=list(kinds.values()),
                    range=[palette.BLUE, palette.VERMILLION, palette.SKY, palette.PURPLE, palette.ORANGE],
                ),
            ),
            tooltip=[alt.Tooltip("outcome:N", title="Rows"), alt.Tooltip("row_count:Q", title="Count", format=",")],
        )
        .properties(height=charts.rows_height(len(table)))
    )
    return chart


def show_completeness(completeness: pd.DataFrame, view: context.View) -> None:
    """How much of each date was received."""
    st.subheader("Completeness", anchor=False)
    if completeness.empty:
        charts.empty(f"No date between {view.first} and {view.last} is stored: choose other dates at the side.")
    else:
        charts.show(
            calendar(completeness, view),
            key="calendar",
            what="Share of expected readings of each date.",
            stretch=False,
        )
        st.caption("A frame without colour is a date without data. Expected are 46, 48 or 50 half hours a meterpoint.")
        frames.show_table(
            completeness.sort_values("reference_date", ascending=False),
            name=f"completeness_{view.stem}",
            labels={
                "reference_date": "Reference date",
                "meterpoint_count": "Meterpoints",
                "expected": "Expected readings",
                "received": "Received readings",
                "rejected": "Rejected rows",
                "complete_meterpoints": "Complete meterpoints",
                "silent_meterpoints": "Meterpoints without a reading",
            },
        )


def show_rejected(rejected: pd.DataFrame, view: context.View) -> None:
    """Rows that break a rule of validation."""
    st.subheader("Rejected rows", anchor=False)
    if rejected.empty:
        charts.empty(f"No row between {view.first} and {view.last} was rejected.")
    else:
        reason_tab, file_tab = st.tabs(["By reason", "By file"])
        with reason_tab:
            charts.show(by_reason(rejected), key="reasons", what="Rejected rows by reason.")
        with file_tab:
            charts.show(
                by_file(rejected, palette.VERMILLION, title="Rejected rows"),
                key="rejected-files",
                what="Rejected rows by file.",
            )
        frames.show_table(
            rejected,
            name=f"rejected_{view.stem}",
            labels={"reference_date": "Reference date", "reason": "Reason", "url": "File", "row_count": "Rows"},
        )


def show_superseded(superseded: pd.DataFrame, view: context.View) -> None:
    """Values that a newer delivery replaced."""
    st.subheader("Corrected readings", anchor=False)
    if superseded.empty:
        charts.empty(f"No reading between {view.first} and {view.last} was corrected by a later delivery.")
    else:
        charts.show(
            by_file(superseded, palette.PURPLE, title="Readings replaced"),
            key="superseded",
            what="Replaced readings by file.",
        )
        frames.show_table(
            superseded,
            name=f"superseded_{view.stem}",
            labels={
                "reference_date": "Reference date",
                "url": "File",
                "replaced_by_url": "Replaced by",
                "row_count": "Readings",
            },
        )


def show_files(files: pd.DataFrame, view: context.View) -> None:
    """What became of the rows of each file."""
    st.subheader("Source files", anchor=False)
    if files.empty:
        charts.empty(f"No file with readings between {view.first} and {view.last} is on record.")
    else:
        charts.show(outcomes(files), key="files", what="Rows of the files by what has become of them.")
        if len(files) == figures.MOST_FILES:
            st.caption(f"The newest {len(files):,} files; the table source_files has all of them.")
        frames.show_table(
            files,
            name=f"files_{view.stem}",
            labels={
                "url": "File",
                "outcome": "Outcome",
                "error": "Why not",
                "delivered_at": "Delivered",
                "size_bytes": "Size (B)",
                "rows_in_file": "Rows",
                "rows_stored": "Stored",
                "rows_rejected": "Rejected",
                "rows_redelivered": "Delivered again",
                "rows_replaced": "Corrected since",
                "rows_withdrawn": "Withdrawn",
                "rows_pruned": "Pruned",
                "rows_pending": "Not loaded yet",
            },
        )


def main() -> None:
    """The page."""
    with context.page("Quality", "What has come, what was rejected or corrected, and the files it came from.") as view:
        completeness = view.frame(figures.completeness_by_day)
        rejected = view.frame(figures.rejected)
        superseded = view.frame(figures.superseded)
        files = view.frame(figures.files)
        received, expected = int(completeness["received"].sum()), int(completeness["expected"].sum())
        one, two, three, four = st.columns(4)
        one.metric("Completeness", frames.percent(received, expected), border=True)
        two.metric("Rejected rows", f"{rejected['row_count'].sum():,}", border=True)
        three.metric("Corrected readings", f"{superseded['row_count'].sum():,}", border=True)
        four.metric("Quarantined files", f"{(files['outcome'] != 'read').sum():,}", border=True)

        show_completeness(completeness, view)
        left, right = st.columns(2)
        with left:
            show_rejected(rejected, view)
        with right:
            show_superseded(superseded, view)
        show_files(files, view)


if __name__ == "__main__":
    main()
