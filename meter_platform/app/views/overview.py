"""Overview: is everything there, and what needs attention?"""

import altair as alt
import pandas as pd
import streamlit as st

from meter_platform.app import attention, charts, context, figures, frames, palette, privacy


def show_figures(by_day: pd.DataFrame, completeness: pd.DataFrame, quarantined: int, view: context.View) -> None:
    """Five numbers over the dates chosen."""
    today = view.settings.local_today()
    newest, rows, energy, complete, files = st.columns(5)
    newest.metric(
        "Newest date",
        f"{view.stored[-1]}",
        delta=attention.data_age(today, view.stored[-1]),
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    dates = f"{len(by_day):,} {'date' if len(by_day) == 1 else 'dates'}"
    rows.metric(
        "Readings",
        f"{by_day['reading_count'].sum():,}",
        delta=dates,
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    energy.metric(
        "Energy (kWh)",
        frames.exact(frames.total(by_day["total_kwh"])),
        delta="import and export",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    received, expected = completeness["received"].sum(), completeness["expected"].sum()
    complete.metric(
        "Completeness",
        frames.percent(int(received), int(expected)),
        delta=f"{max(int(expected - received), 0):,} missing",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    files.metric(
        "Quarantined files",
        f"{quarantined:,}",
        delta="nothing of them is stored",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )


def show_notices(notices: list[attention.Notice], view: context.View) -> None:
    """What needs attention, each with a link to its page."""
    if notices:
        with st.container(border=True, gap=None):
            st.markdown("**Needs attention**")
            for notice in notices:
                st.page_link(
                    f"views/{notice.page}.py",
                    label=notice.text,
                    icon=":material/arrow_forward:",
                    query_params=view.link,
                )
    else:
        st.success("Nothing needs attention.", icon=":material/check:")


def show_pictures(by_day: pd.DataFrame, completeness: pd.DataFrame) -> None:
    """Energy and readings of each date."""
    shown = charts.with_days(by_day).merge(completeness, on="reference_date", how="left")
    shown["received_percent"] = (100 * shown["received"] / shown["expected"]).astype("float64")
    shown["energy"] = shown["total_kwh"].map(lambda kwh: frames.exact(kwh, "kWh"))
    shown = charts.floats(shown, "total_kwh")
    day = alt.Tooltip("day_text:N", title="Reference date")
    left, right = st.columns(2)
    with left:
        st.subheader("Energy per day", anchor=False)
        charts.show(
            charts.bars(
                shown,
                "total_kwh",
                title="Energy (kWh)",
                color=palette.BLUE,
                tooltip=[day, alt.Tooltip("energy:N", title="Energy")],
            ),
            key="energy",
            what="Energy of each reference date in kWh.",
        )
    with right:
        st.subheader("Readings per day", anchor=False)
        charts.show(
            charts.bars(
                shown,
                "reading_count",
                title="Readings (half hours by meterpoints)",
                color=palette.GREEN,
                tooltip=[
                    day,
                    alt.Tooltip("reading_count:Q", title="Readings", format=","),
                    alt.Tooltip("received_percent:Q", title="Of those expected (%)", format=".2f"),
                ],
            ),
            key="readings",
            what="Stored readings of each reference date.",
        )


def show_days(by_day: pd.DataFrame, completeness: pd.DataFrame, view: context.View) -> None:
    """The figures of each date as a table."""
    table = by_day.merge(
        completeness[["reference_date", "expected", "received", "rejected"]], on="reference_date", how="left"
    ).sort_values("reference_date", ascending=False)
    frames.show_table(
        table,
        name=f"overview_{view.stem}",
        labels={
            "reference_date": "Reference date",
            "reading_count": "Readings",
            "most_meterpoints": "Most meterpoints",
            "least_meterpoints": "Fewest meterpoints",
            "half_hours": "Half hours",
            "total_kwh": "Energy (kWh)",
            "import_kwh": "Import (kWh)",
            "export_kwh": "Export (kWh)",
            "expected": "Expected readings",
            "received": "Received readings",
            "rejected": "Rejected rows",
        },
    )


def main() -> None:
    """The page."""
    with context.page("Overview", "What is stored, how much of it is there, and what needs attention.") as view:
        settings = view.settings
        products = view.frame(figures.products_by_day)
        by_day = privacy.publish_days(view.frame(figures.consumption_by_day), products, settings.minimum_meterpoints)
        completeness = view.frame(figures.completeness_by_day)
        quarantined = view.frame(figures.files_quarantined)
        notices = list(
            attention.notices(
                today=settings.local_today(),
                first=view.first,
                last=view.last,
                stored=view.stored,
                loaded=view.loaded,
                completeness=completeness,
                products=privacy.publish_products(products, settings.minimum_meterpoints),
                quarantined=len(quarantined),
            )
        )

        show_figures(by_day, completeness, len(quarantined), view)
        show_notices(notices, view)
        if by_day.empty:
            charts.empty(
                f"No half hour between {view.first} and {view.last} is stored: choose other dates at the side."
            )
            st.stop()

        show_pictures(by_day, completeness)
        show_days(by_day, completeness, view)


if __name__ == "__main__":
    main()
