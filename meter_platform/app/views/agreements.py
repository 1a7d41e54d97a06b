"""Agreements: who is supplied under what, who comes and goes, and whose energy belongs to nobody?"""

import altair as alt
import pandas as pd
import streamlit as st

from meter_platform.app import charts, context, figures, frames, palette, privacy

_REASONS = {
    "no_agreement": "no agreement",
    "ended": "agreement ended",
    "not_started": "agreement not started",
    "overlap": "agreements overlap",
    "unknown_product": "unknown product",
}


def ranked(table: pd.DataFrame, name: str, *, title: str) -> alt.Chart:
    """Agreements by one property, the most first."""
    chart: alt.Chart = (
        alt.Chart(table)
        .mark_bar(color=palette.BLUE)
        .encode(
            y=alt.Y(f"{name}:N", sort="-x", title=None, axis=alt.Axis(labelLimit=320)),
            x=alt.X("agreement_count:Q", title="Active agreements", axis=alt.Axis(tickMinStep=1)),
            tooltip=[
                alt.Tooltip(f"{name}:N", title=title),
                alt.Tooltip("agreement_count:Q", title="Agreements", format=","),
            ],
        )
        .properties(height=charts.rows_height(len(table)))
    )
    return chart


def both(active: pd.DataFrame) -> alt.Chart:
    """Products against regions."""
    chart: alt.Chart = (
        alt.Chart(active)
        .mark_rect()
        .encode(
            x=alt.X("region:N", title="Region", axis=alt.Axis(labelAngle=-30)),
            y=alt.Y("product:N", title=None, axis=alt.Axis(labelLimit=320)),
            color=alt.Color("agreement_count:Q", title="Agreements", scale=alt.Scale(scheme=palette.SEQUENCE)),
            tooltip=[
                alt.Tooltip("product:N", title="Product"),
                alt.Tooltip("region:N", title="Region"),
                alt.Tooltip("agreement_count:Q", title="Agreements", format=","),
            ],
        )
        .properties(height=charts.rows_height(active["product"].nunique()) + 60)
    )
    return chart


def comings_and_goings(changes: pd.DataFrame) -> alt.Chart:
    """Activations upwards, endings downwards."""
    shown = charts.with_days(changes, "date")
    shown["signed"] = shown["agreement_count"].where(shown["change"] == "activation", -shown["agreement_count"])
    shown["change"] = shown["change"].map({"activation": "Activations", "ending": "Endings"})
    chart: alt.Chart = (
        charts.day_bars(shown)
        .encode(
            x=charts.day_axis(shown),
            y=alt.Y(
                "signed:Q",
                title="Agreements: activations up, endings down",
                axis=alt.Axis(tickMinStep=1, labelExpr="abs(datum.value)"),
            ),
            color=alt.Color(
                "change:N",
                title=None,
                legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=["Activations", "Endings"], range=[palette.GREEN, palette.VERMILLION]),
            ),
            tooltip=[
                alt.Tooltip("day_text:N", title="Date"),
                alt.Tooltip("change:N", title="Change"),
                alt.Tooltip("agreement_count:Q", title="Agreements", format=","),
            ],
        )
        .properties(height=charts.HEIGHT)
    )
    return chart


def unattributed_chart(rows: pd.DataFrame) -> alt.Chart:
    """Energy of no product, by reason."""
    shown = charts.with_days(rows).assign(energy=rows["total_kwh"].map(lambda kwh: frames.exact(kwh, "kWh")))
    chart: alt.Chart = (
        charts.day_bars(charts.floats(shown, "total_kwh"))
        .encode(
            x=charts.day_axis(shown),
            y=alt.Y("total_kwh:Q", title="Energy of no product (kWh)"),
            color=alt.Color(
                "product:N",
                title="Reason",
                scale=charts.palette_scale(list(_REASONS.values())),
                legend=alt.Legend(orient="top", values=sorted(set(shown["product"]))),
            ),
            tooltip=[
                alt.Tooltip("day_text:N", title="Reference date"),
                alt.Tooltip("product:N", title="Reason"),
                alt.Tooltip("energy:N", title="Energy"),
                alt.Tooltip("meterpoint_count:Q", title="Meterpoints", format=","),
            ],
        )
        .properties(height=charts.HEIGHT)
    )
    return chart


def show_active(active: pd.DataFrame, view: context.View) -> None:
    """Agreements in force on the last date chosen."""
    minimum = view.settings.minimum_meterpoints
    st.subheader(f"Active on {view.last}", anchor=False)
    if active.empty:
        charts.empty(f"No agreement is stored as active on {view.last}: that date has not been loaded.")
    else:
        by_product = active.groupby("product", as_index=False).agg({"agreement_count": "sum"})
        by_region = active.groupby("region", as_index=False).agg({"agreement_count": "sum"})
        product_tab, region_tab, both_tab = st.tabs(["By product", "By region", "Product by region"])
        with product_tab:
            shown = privacy.publish_counts(by_product, "agreement_count", minimum)
            charts.show(ranked(shown, "product", title="Product"), key="products", what="Active agreements by product.")
        with region_tab:
            shown = privacy.publish_counts(by_region, "agreement_count", minimum)
            charts.show(ranked(shown, "region", title="Region"), key="regions", what="Active agreements by region.")
        with both_tab:
            if minimum:
                charts.empty(f"Not shown while numbers with fewer than {minimum} meterpoints are left out.")
            else:
                charts.show(both(active), key="both", what="Active agreements by product and region.")
                frames.show_table(
                    active,
                    name=f"active_agreements_{view.last}",
                    labels={
                        "product": "Product",
                        "region": "Region",
                        "is_variable": "Variable price",
                        "is_export": "Export",
                        "agreement_count": "Agreements",
                        "meterpoint_count": "Meterpoints",
                    },
                )


def show_changes(changes: pd.DataFrame, view: context.View) -> None:
    """Agreements that begin and end."""
    minimum = view.settings.minimum_meterpoints
    st.subheader("Activations and endings", anchor=False)
    published = changes[changes["agreement_count"] >= max(minimum, 1)]
    if published.empty:
        few = f"On no date do {minimum} or more" if minimum and not changes.empty else "No agreements"
        charts.empty(f"{few} begin or end between {view.first} and {view.last}.")
    else:
        charts.show(comings_and_goings(published), key="changes", what="Agreements that begin and end on each date.")
        frames.show_table(
            published,
            name=f"agreement_changes_{view.stem}",
            labels={"date": "Date", "change": "Change", "agreement_count": "Agreements"},
        )


def show_unattributed(unattributed: pd.DataFrame, view: context.View, *, is_suppressed: bool) -> None:
    """Energy of no product. `is_suppressed`: some is left out, for too few meterpoints are behind it."""
    st.subheader("Unattributed energy", anchor=False)
    if unattributed.empty:
        charts.empty(
            f"Left out: fewer than {view.settings.minimum_meterpoints} meterpoints are behind it."
            if is_suppressed
            else f"All energy between {view.first} and {view.last} belongs to a product, or none is stored."
        )
    else:
        charts.show(
            unattributed_chart(unattributed), key="unattributed", what="Energy of no product by day and reason."
        )
        frames.show_table(
            unattributed[["reference_date", "product", "meterpoint_count", "total_kwh"]],
            name=f"unattributed_{view.stem}",
            labels={
                "reference_date": "Reference date",
                "product": "Reason",
                "meterpoint_count": "Meterpoints",
                "total_kwh": "Energy (kWh)",
            },
        )


def main() -> None:
    """The page."""
    with context.page(
        "Agreements", "Agreements in force, those that begin and end, and energy that belongs to none."
    ) as view:
        minimum = view.settings.minimum_meterpoints
        active = view.frame(figures.active_agreements)
        rows = privacy.publish_products(view.frame(figures.products_by_day), minimum)
        unattributed = rows[rows["kind"] == "unattributed"].assign(product=lambda part: part["product"].map(_REASONS))
        changes = view.frame(figures.agreement_changes)
        begun, ended = (
            int(changes.loc[changes["change"] == kind, "agreement_count"].sum()) for kind in ("activation", "ending")
        )

        one, two, three = st.columns(3)
        one.metric(f"Active on {view.last}", f"{active['agreement_count'].sum():,}", border=True)
        two.metric("Activations and endings", f"{begun:,} and {ended:,}", border=True)
        three.metric("Unattributed energy", frames.exact(frames.total(unattributed["total_kwh"]), "kWh"), border=True)

        show_active(active, view)
        show_changes(changes, view)
        is_suppressed = bool(minimum and (rows["kind"] == "suppressed").any())
        show_unattributed(unattributed, view, is_suppressed=is_suppressed)


if __name__ == "__main__":
    main()
