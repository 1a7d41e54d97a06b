"""Consumption: how much energy is used in which half hour?"""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from meter_platform.app import charts, context, figures, frames, palette, privacy

# A longer curve has more half hours than a screen has pixels: it is drawn as each day's mean and range.
_MOST_DAYS_OF_HALF_HOURS = 31
_COUNT_HEIGHT = 140

_LABELS = {
    "datetime": "Half hour (local)",
    "reference_date": "Reference date",
    "settlement_period": "Settlement period",
    "meterpoint_count": "Meterpoints",
    "total_kwh": "Energy (kWh)",
    "import_kwh": "Import (kWh)",
    "export_kwh": "Export (kWh)",
}


def on_grid(stored: pd.DataFrame, view: context.View) -> pd.DataFrame:
    """Every half hour of the chosen days, those without readings too: a line must break there."""
    first, last = max(view.first, view.stored[0]), min(view.last, view.stored[-1])
    grid = charts.half_hour_grid(first, last, view.settings.zone)
    values = charts.floats(stored, "total_kwh").assign(
        energy=stored["total_kwh"].map(lambda kwh: frames.exact(kwh, "kWh")),
        datetime=stored["datetime"].dt.tz_convert("UTC"),
    )
    grid["datetime"] = grid["datetime"].astype(values["datetime"].dtype)
    merged = grid.merge(values[["datetime", "total_kwh", "energy", "meterpoint_count"]], on="datetime", how="left")
    merged["ms"] = merged["datetime"].astype("int64") // (1000 if merged["datetime"].dt.unit == "us" else 1_000_000)
    merged["local"] = charts.day_texts(merged["reference_date"]) + " " + merged["clock_zone"]
    return merged


def curve(grid: pd.DataFrame, view: context.View) -> tuple[alt.LayerChart, alt.Chart]:
    """Energy over time, and the meterpoints to be shown below it on the same axis."""
    first, last = grid["reference_date"].iloc[0], grid["reference_date"].iloc[-1]
    x = charts.time_axis(first, last, view.settings.zone)
    tooltip = [
        alt.Tooltip("local:N", title="Half hour"),
        alt.Tooltip("settlement_period:Q", title="Settlement period"),
        alt.Tooltip("energy:N", title="Energy"),
        alt.Tooltip("meterpoint_count:Q", title="Meterpoints", format=","),
    ]
    shown = grid[["ms", "local", "settlement_period", "total_kwh", "energy", "meterpoint_count"]]
    y = alt.Y("total_kwh:Q", title="Energy (kWh per half hour)", axis=alt.Axis(minExtent=charts.LABEL_WIDTH))
    energy = (
        alt.Chart(shown)
        .mark_line(color=palette.BLUE, interpolate="step-after", strokeWidth=2)
        .encode(x=x, y=y, tooltip=tooltip)
        .properties(height=charts.HEIGHT)
    )
    # A single half hour between two gaps has no line of its own.
    dots = alt.Chart(shown).mark_circle(color=palette.BLUE, size=14, opacity=0.6).encode(x=x, y=y, tooltip=tooltip)
    count = (
        alt.Chart(shown)
        .mark_line(color=palette.ORANGE, interpolate="step-after", strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y(
                "meterpoint_count:Q", title="Meterpoints", axis=alt.Axis(tickCount=3, minExtent=charts.LABEL_WIDTH)
            ),
            tooltip=tooltip,
        )
        .properties(height=_COUNT_HEIGHT)
    )
    return energy + dots, count


def daily_range(grid: pd.DataFrame) -> tuple[alt.LayerChart, alt.Chart]:
    """Each day's mean half hour and the range of its half hours, and the meterpoints to be shown below."""
    by_day = grid.groupby("reference_date", as_index=False).agg(
        mean=("total_kwh", "mean"),
        least=("total_kwh", "min"),
        most=("total_kwh", "max"),
        meterpoints=("meterpoint_count", "max"),
    )
    shown = charts.with_days(by_day)
    tooltip = [
        alt.Tooltip("day_text:N", title="Reference date"),
        alt.Tooltip("mean:Q", title="Mean (kWh per half hour)", format=",.3f"),
        alt.Tooltip("least:Q", title="Least (kWh)", format=",.3f"),
        alt.Tooltip("most:Q", title="Most (kWh)", format=",.3f"),
        alt.Tooltip("meterpoints:Q", title="Most meterpoints", format=","),
    ]
    x = charts.day_axis(shown)
    base = alt.Chart(shown)
    band = base.mark_area(color=palette.SKY, opacity=0.35).encode(
        x=x,
        y=alt.Y("least:Q", title="Energy (kWh per half hour)", axis=alt.Axis(minExtent=charts.LABEL_WIDTH)),
        y2="most:Q",
    )
    mean = base.mark_line(color=palette.BLUE, strokeWidth=2).encode(x=x, y="mean:Q", tooltip=tooltip)
    count = base.mark_line(color=palette.ORANGE, strokeWidth=2).encode(
        x=x,
        y=alt.Y("meterpoints:Q", title="Meterpoints", axis=alt.Axis(tickCount=3, minExtent=charts.LABEL_WIDTH)),
        tooltip=tooltip,
    )
    return (band + mean).properties(height=charts.HEIGHT), count.properties(height=_COUNT_HEIGHT)


def average_day(grid: pd.DataFrame) -> pd.DataFrame:
    """The mean of the half hours that share a local clock time, on weekdays and at weekends.

    A clock time that occurs twice on an autumn day counts twice, one that spring skips does not count.
    """
    known = grid.dropna(subset=["total_kwh"])
    kind = np.where(known["weekend"], "Weekend", "Weekday")
    return known.groupby([pd.Series(kind, index=known.index, name="kind"), "clock"], as_index=False).agg(
        mean=("total_kwh", "mean"), days=("reference_date", "nunique")
    )


def average_chart(average: pd.DataFrame) -> alt.Chart:
    """Both kinds of days in one picture."""
    chart: alt.Chart = (
        alt.Chart(average)
        .mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=16))
        .encode(
            x=alt.X(
                "clock:O",
                title="Local time",
                axis=alt.Axis(values=[f"{h:02}:00" for h in range(0, 24, 3)], labelAngle=0),
            ),
            y=alt.Y("mean:Q", title="Mean energy (kWh per half hour)"),
            color=alt.Color(
                "kind:N",
                title=None,
                legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=["Weekday", "Weekend"], range=[palette.BLUE, palette.ORANGE]),
            ),
            tooltip=[
                alt.Tooltip("kind:N", title="Days"),
                alt.Tooltip("clock:O", title="Local time"),
                alt.Tooltip("mean:Q", title="Mean (kWh)", format=",.3f"),
                alt.Tooltip("days:Q", title="Days counted"),
            ],
        )
        .properties(height=charts.HEIGHT)
    )
    return chart


def heat_map(grid: pd.DataFrame) -> alt.Chart:
    """Settlement periods down, days across; a half hour without readings stays empty."""
    shown = charts.with_days(grid.dropna(subset=["total_kwh"]))[
        ["day", "day_text", "day_label", "settlement_period", "total_kwh", "energy", "local", "meterpoint_count"]
    ]
    chart: alt.Chart = (
        alt.Chart(shown)
        .mark_rect()
        .encode(
            x=charts.day_axis(shown),
            y=alt.Y(
                "settlement_period:O",
                title="Settlement period (half hour of the local day)",
                axis=alt.Axis(values=[1, *range(6, 51, 6)], ticks=False),
            ),
            color=alt.Color(
                "total_kwh:Q",
                title="kWh",
                scale=alt.Scale(scheme=palette.SEQUENCE),
                legend=alt.Legend(gradientLength=200),
            ),
            tooltip=[
                alt.Tooltip("local:N", title="Half hour"),
                alt.Tooltip("energy:N", title="Energy"),
                alt.Tooltip("meterpoint_count:Q", title="Meterpoints", format=","),
            ],
        )
        .properties(height=420)
    )
    return chart


def pictures(grid: pd.DataFrame, view: context.View) -> None:
    """The curve, the average day and the heat map."""
    days = grid["reference_date"].nunique()
    curve_tab, average_tab, map_tab = st.tabs(["Curve", "Average day", "Heat map"])
    with curve_tab:
        if days > _MOST_DAYS_OF_HALF_HOURS:
            st.caption(f"{days:,} days: the line is each day's mean half hour, the band its lowest to highest.")
            energy_chart, count_chart = daily_range(grid)
        else:
            energy_chart, count_chart = curve(grid, view)
        charts.show(energy_chart, key="curve", what="Energy of each half hour in kWh.")
        charts.show(count_chart, key="count", what="Meterpoints with a reading in each half hour.")
    with average_tab:
        average = average_day(grid)
        kinds = average.groupby("kind")["days"].max()
        counted = " and ".join(f"{n} {str(kind).lower()}{'s' if n != 1 else ''}" for kind, n in kinds.items())
        st.caption(f"The mean of {counted}, by local time.")
        charts.show(average_chart(average), key="average", what="Mean energy by local time, weekdays and weekends.")
    with map_tab:
        charts.show(heat_map(grid), key="map", what="Energy by settlement period and day in kWh.")
        if grid.groupby("reference_date").size().ne(48).any():
            st.caption("A day has 46 settlement periods where the clocks go forward, and 50 where they go back.")


def main() -> None:
    """The page."""
    with context.page("Consumption", "Energy of each half hour over all meterpoints, import and export alike.") as view:
        minimum = view.settings.minimum_meterpoints
        stored = view.frame(figures.consumption_by_half_hour)
        if minimum:
            stored = privacy.publish_half_hours(stored, view.frame(figures.products_by_day), minimum)
        if stored.empty:
            charts.empty(
                f"No half hour between {view.first} and {view.last} is stored: choose other dates at the side."
            )
            st.stop()
        grid = on_grid(stored, view)
        known = stored.dropna(subset=["total_kwh"])

        energy, peak, half_hours, meterpoints = st.columns(4)
        energy.metric("Energy (kWh)", frames.exact(frames.total(stored["total_kwh"])), border=True)
        if not known.empty:
            top = known.iloc[int(known["total_kwh"].astype("float64").argmax())]
            peak.metric(
                "Highest half hour",
                frames.exact(top["total_kwh"], "kWh"),
                delta=charts.local_text(top["datetime"].to_pydatetime(), view.settings.zone),
                delta_color="off",
                delta_arrow="off",
                border=True,
            )
        lacking = len(grid) - len(stored)
        half_hours.metric(
            "Half hours",
            f"{len(stored):,}",
            delta=f"{lacking:,} without readings" if lacking else "none without readings",
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        meterpoints.metric("Most meterpoints", f"{stored['meterpoint_count'].max():,}", border=True)
        if len(known) < len(stored):
            st.info(f"Half hours with fewer than {minimum} meterpoints, and what would give them away, are left out.")

        if known.empty:
            charts.empty(f"No half hour has {minimum} meterpoints, the fewest behind a number that may be shown.")
        else:
            pictures(grid, view)
        frames.show_table(
            stored.sort_values("datetime", ascending=False), name=f"consumption_{view.stem}", labels=_LABELS
        )


if __name__ == "__main__":
    main()
