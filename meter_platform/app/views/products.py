"""Products: which product is how much energy sold under, and where do customers go?"""

from decimal import Decimal

import altair as alt
import pandas as pd
import streamlit as st

from meter_platform.app import charts, context, figures, frames, palette, privacy

_REST = "All others"
_PRICES = ("variable", "fixed", "mixed")


def grouped(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest products by name and the rest as one: more cannot be told apart by colour."""
    totals = rows.groupby("product")["total_kwh"].sum().astype("float64").sort_values(ascending=False)
    named = list(totals.index[: len(palette.CATEGORIES)])
    labelled = rows.assign(label=rows["product"].where(rows["product"].isin(named), _REST))
    return labelled.groupby(["reference_date", "label"], as_index=False).agg(
        total_kwh=("total_kwh", "sum"), meterpoint_count=("meterpoint_count", "sum")
    )


def over_time(rows: pd.DataFrame, *, share: bool) -> alt.Chart:
    """Stacked bars of each day."""
    groups = grouped(rows)
    shown = charts.floats(
        charts.with_days(groups).assign(energy=groups["total_kwh"].map(lambda kwh: frames.exact(kwh, "kWh"))),
        "total_kwh",
    )
    shown["share"] = shown["total_kwh"] / shown.groupby("reference_date")["total_kwh"].transform("sum")
    order = [
        name for name in shown.groupby("label")["total_kwh"].sum().sort_values(ascending=False).index if name != _REST
    ]
    listed = [*order, _REST] if _REST in set(shown["label"]) else order
    shown["rank"] = shown["label"].map(listed.index)
    chart: alt.Chart = (
        charts.day_bars(shown)
        .encode(
            x=charts.day_axis(shown),
            y=alt.Y("share:Q", title="Share of energy (%)", axis=alt.Axis(format="%"), stack="zero")
            if share
            else alt.Y("total_kwh:Q", title="Energy (kWh)", stack="zero"),
            color=alt.Color(
                "label:N",
                title=None,
                sort=listed,
                scale=charts.palette_scale(listed, rest=_REST if _REST in listed else None),
                legend=alt.Legend(orient="bottom", columns=3, labelLimit=260),
            ),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("day_text:N", title="Reference date"),
                alt.Tooltip("label:N", title="Product"),
                alt.Tooltip("energy:N", title="Energy"),
                alt.Tooltip("share:Q", title="Share", format=".2%"),
                alt.Tooltip("meterpoint_count:Q", title="Meterpoints", format=","),
            ],
        )
        .properties(height=380)
    )
    return chart


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a product over all dates chosen.

    The average is per meterpoint and day: energy divided by the sum over the days of meterpoints.
    """
    table = rows.groupby(["product", "kind"], as_index=False, dropna=False).agg(
        price=("price", "last"),
        days=("reference_date", "nunique"),
        meterpoint_days=("meterpoint_count", "sum"),
        total_kwh=("total_kwh", "sum"),
    )
    whole = float(frames.total(table["total_kwh"]))
    table["share_percent"] = 100 * table["total_kwh"].astype("float64") / whole if whole else 0.0
    table["kwh_per_meterpoint_day"] = [
        (kwh / Decimal(int(count))).quantize(Decimal("0.001")) if count else None
        for kwh, count in zip(table["total_kwh"], table["meterpoint_days"], strict=True)
    ]
    return table.sort_values("total_kwh", ascending=False, ignore_index=True)


def ranking(table: pd.DataFrame, value: str, *, title: str, exact_unit: str) -> alt.Chart:
    """Products from the largest down."""
    shown = table.assign(text=table[value].map(lambda kwh: frames.exact(kwh, exact_unit)))
    shown = charts.floats(shown, value)[["product", value, "text", "price", "meterpoint_days"]]
    shown["price"] = shown["price"].where(shown["price"].notna(), "none")
    chart: alt.Chart = (
        alt.Chart(shown)
        .mark_bar()
        .encode(
            y=alt.Y("product:N", sort="-x", title=None, axis=alt.Axis(labelLimit=320, labelOverlap=False)),
            x=alt.X(value, type="quantitative", title=title),
            color=alt.Color(
                "price:N",
                title="Price",
                scale=alt.Scale(
                    domain=[*_PRICES, "none"], range=[palette.ORANGE, palette.BLUE, palette.PURPLE, palette.GREY]
                ),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("product:N", title="Product"),
                alt.Tooltip("text:N", title=title),
                alt.Tooltip("price:N", title="Price"),
                alt.Tooltip("meterpoint_days:Q", title="Meterpoint days", format=","),
            ],
        )
        .properties(height=charts.rows_height(len(shown)) + 60)
    )
    return chart


def by_price(rows: pd.DataFrame) -> pd.DataFrame:
    """Energy of variable against fixed prices; what has neither is named for what it is."""
    labels = rows["price"].where(rows["price"].notna(), rows["kind"])
    return (
        rows.assign(price=labels)
        .groupby("price", as_index=False)
        .agg(total_kwh=("total_kwh", "sum"), meterpoint_days=("meterpoint_count", "sum"))
        .sort_values("total_kwh", ascending=False, ignore_index=True)
    )


def price_chart(prices: pd.DataFrame) -> alt.Chart:
    """One bar of all energy."""
    shown = charts.floats(
        prices.assign(text=prices["total_kwh"].map(lambda kwh: frames.exact(kwh, "kWh"))), "total_kwh"
    )
    chart: alt.Chart = (
        alt.Chart(shown)
        .mark_bar()
        .encode(
            x=alt.X("total_kwh:Q", title="Energy (kWh)"),
            y=alt.Y("price:N", sort="-x", title="Price"),
            color=alt.Color(
                "price:N",
                legend=None,
                scale=alt.Scale(
                    domain=[*_PRICES, "unattributed", "suppressed"],
                    range=[palette.ORANGE, palette.BLUE, palette.PURPLE, palette.GREY, palette.GREY],
                ),
            ),
            tooltip=[alt.Tooltip("price:N", title="Price"), alt.Tooltip("text:N", title="Energy")],
        )
        .properties(height=charts.rows_height(len(shown), step=40))
    )
    return chart


def switch_map(flows: pd.DataFrame) -> alt.Chart:
    """From which product to which."""
    base = alt.Chart(flows).encode(
        x=alt.X("to_product:N", title="To", axis=alt.Axis(labelAngle=-30, labelLimit=220)),
        y=alt.Y("from_product:N", title="From", axis=alt.Axis(labelLimit=260)),
    )
    cells = base.mark_rect().encode(
        color=alt.Color("switch_count:Q", title="Meterpoints", scale=alt.Scale(scheme=palette.SEQUENCE)),
        tooltip=[
            alt.Tooltip("from_product:N", title="From"),
            alt.Tooltip("to_product:N", title="To"),
            alt.Tooltip("switch_count:Q", title="Meterpoints", format=","),
        ],
    )
    chart: alt.Chart = cells.properties(height=charts.rows_height(flows["from_product"].nunique()) + 60)
    return chart


def show_prices(prices: pd.DataFrame, view: context.View) -> None:
    """Energy under variable and fixed prices: a picture, then the table."""
    charts.show(price_chart(prices), key="price", what="Energy under variable and fixed prices in kWh.")
    frames.show_table(
        prices,
        name=f"prices_{view.stem}",
        labels={"price": "Price", "total_kwh": "Energy (kWh)", "meterpoint_days": "Meterpoint days"},
    )


def show_switches(flows: pd.DataFrame, view: context.View) -> None:
    """Meterpoints that went from one agreement to the next."""
    if flows.empty:
        charts.empty(f"No agreement followed another between {view.first} and {view.last}.")
        return
    renewed = int(flows.loc[flows["from_product"] == flows["to_product"], "switch_count"].sum())
    changed = int(flows["switch_count"].sum()) - renewed
    st.caption(
        f"Switches to another product: {changed:,}. Renewals of the same product: {renewed:,}. "
        f"{view.first} to {view.last}."
    )
    charts.show(switch_map(flows), key="switches", what="Meterpoints that switched, by product left and taken.")
    frames.show_table(
        flows,
        name=f"switches_{view.stem}",
        labels={"from_product": "From", "to_product": "To", "switch_count": "Meterpoints"},
    )


def show_summary(table: pd.DataFrame, view: context.View) -> None:
    """Every product over all dates chosen."""
    st.subheader("All products over the dates chosen", anchor=False)
    frames.show_table(
        table,
        name=f"products_{view.stem}",
        labels={
            "product": "Product",
            "kind": "Kind",
            "price": "Price",
            "days": "Days",
            "meterpoint_days": "Meterpoint days",
            "total_kwh": "Energy (kWh)",
            "share_percent": "Share (%)",
            "kwh_per_meterpoint_day": "kWh per meterpoint and day",
        },
    )


def main() -> None:
    """The page."""
    with context.page("Products", "Energy of each product on each day, under the agreement in force that day.") as view:
        minimum = view.settings.minimum_meterpoints
        rows = privacy.publish_products(view.frame(figures.products_by_day), minimum)
        rows["product"] = rows["product"].where(
            rows["kind"] != "unattributed", "Unattributed: " + rows["product"].str.replace("_", " ")
        )
        if rows.empty:
            charts.empty(f"No product has energy between {view.first} and {view.last}: choose other dates at the side.")
            st.stop()
        sold = rows[rows["kind"] != "unattributed"]
        unattributed = rows[rows["kind"] == "unattributed"]
        one, two, three = st.columns(3)
        one.metric("Energy of products", frames.exact(frames.total(sold["total_kwh"]), "kWh"), border=True)
        two.metric("Unattributed", frames.exact(frames.total(unattributed["total_kwh"]), "kWh"), border=True)
        three.metric("Products", f"{sold.loc[sold['kind'] == 'product', 'product'].nunique():,}", border=True)
        if minimum and (rows["kind"] == "suppressed").any():
            st.info(
                f"Products with fewer than {minimum} meterpoints on a day, and the next smallest that would give them away, "
                f"are shown together as “{privacy.SUPPRESSED}”."
            )

        flows = privacy.publish_counts(view.frame(figures.switches), "switch_count", minimum)
        table = summary(rows)
        daily, share, average, price, moves = st.tabs(
            ["Per day", "Shares", "Per meterpoint", "Variable and fixed", "Switches"]
        )
        with daily:
            charts.show(over_time(rows, share=False), key="daily", what="Energy of each product and day in kWh.")
        with share:
            charts.show(over_time(rows, share=True), key="share", what="Share of each product in a day's energy.")
        with average:
            charts.show(
                ranking(
                    table.dropna(subset=["kwh_per_meterpoint_day"]),
                    "kwh_per_meterpoint_day",
                    title="Energy per meterpoint and day (kWh)",
                    exact_unit="kWh",
                ),
                key="average",
                what="Energy per meterpoint and day of each product in kWh.",
            )
        with price:
            show_prices(by_price(rows), view)
        with moves:
            show_switches(flows, view)
        show_summary(table, view)


if __name__ == "__main__":
    main()
