"""The building blocks of the app's pictures: axes that say their unit, times that are right on clock-change days.

What belongs here: how things are drawn. What does not: which (the pages say). Figures become binary floats here and
only here: a pixel is coarser than their rounding.

Time axes run over instants, not over local labels: a local hour may occur twice or not at all. The labels at the ticks
are local.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd
import streamlit as st

from meter_platform.app import palette
from meter_platform.settlement import HALF_HOUR, day_start, days

HEIGHT: Final = 320
_MOST_DAY_LABELS: Final = 10
_MOST_DAYS_BY_DAY: Final = 100
"""Beyond these a label names the month, for ticks are months then."""

_BAR_WIDTH: Final = 30
"""Points; ten of them and their labels fit on half a page."""

LABEL_WIDTH: Final = 56
"""Of vertical axes that stand above each other, so that their plots begin at one line."""


def show(chart: alt.Chart | alt.LayerChart, *, key: str, what: str, stretch: bool = True) -> None:
    """Puts a chart on the page.

    Args:
        chart: what to show.
        key: names it.
        what: one sentence for those who cannot see it.
        stretch: to the width of the page; else as wide as it is.
    """
    chart = chart.configure_axisQuantitative(tickCount=5).configure_view(strokeWidth=0)
    st.altair_chart(chart, width="stretch" if stretch else "content", key=f"chart-{key}", alt=what)


def rows_height(rows: int, *, step: int = 24) -> int:
    """The height of a chart with one line for each row, its axis and title included."""
    return step * max(rows, 1) + 70


def empty(why: str) -> None:
    """Stands where a chart would be, and says why there is none."""
    st.info(why, icon=":material/info:")


def floats(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """A copy whose exact decimals are floats, for drawing."""
    return frame.assign(**{name: frame[name].astype("float64") for name in columns})


def day_texts(dates: "pd.Series[Any]") -> "pd.Series[str]":
    """Dates as tooltips show them: `Fri 1 Jan 2021`."""
    # Each date once: a year has 365 of them and 17,520 half hours.
    return dates.map({day: f"{day:%a} {day.day} {day:%b %Y}" for day in dates.unique()}).astype("str")


def with_days(frame: pd.DataFrame, column: str = "reference_date") -> pd.DataFrame:
    """Adds `day` and `day_label`, which axes take, and `day_text`, which tooltips show."""
    texts = day_texts(frame[column])
    return frame.assign(day=frame[column].map(str), day_text=texts, day_label=texts.str[:-5])


def bars(frame: pd.DataFrame, value: str, *, title: str, color: str, tooltip: Sequence[alt.Tooltip]) -> alt.Chart:
    """A bar a day, from zero.

    Args:
        frame: with `day` (see `with_days`) and the value as float.
        value: the column.
        title: of the vertical axis, with its unit.
        color: of the bars.
        tooltip: what is shown of a bar.
    """
    chart: alt.Chart = (
        day_bars(frame)
        .encode(
            color=alt.value(color),
            x=day_axis(frame),
            y=alt.Y(value, type="quantitative", title=title),
            tooltip=list(tooltip),
        )
        .properties(height=HEIGHT)
    )
    return chart


def day_axis(frame: pd.DataFrame) -> alt.X:
    """A horizontal axis of days: few get a label each, many a calendar's axis.

    The frame's columns are those of `with_days`: a day is text for the one and an instant of UTC for the other, never
    an instant of the browser's zone.
    """
    if frame["day"].nunique() <= _MOST_DAY_LABELS:
        return alt.X("day_label:O", sort=None, title="Reference date", axis=alt.Axis(labelAngle=0, labelLimit=120))
    span = "%b %Y" if frame["day"].nunique() > _MOST_DAYS_BY_DAY else "%-d %b"
    axis = alt.Axis(labelOverlap=True, grid=False, format=span)
    return alt.X("utcyearmonthdate(day):T", title="Reference date", axis=axis)


def day_bars(frame: pd.DataFrame) -> alt.Chart:
    """Bars on a `day_axis`: few are not as wide as a page allows, many take what there is."""
    chart = alt.Chart(frame)
    few = frame["day"].nunique() <= _MOST_DAY_LABELS
    # Without space between them, for a year's bars are thinner than the space would be.
    drawn: alt.Chart = chart.mark_bar(size=_BAR_WIDTH) if few else chart.mark_bar(binSpacing=0)
    return drawn


def palette_scale(names: Sequence[str], *, rest: str | None = None) -> alt.Scale:
    """A colour for each name, in the palette's order, and grey for the rest."""
    listed = [name for name in names if name != rest]
    colors = [palette.CATEGORIES[index % len(palette.CATEGORIES)] for index in range(len(listed))]
    if rest is not None:
        listed, colors = [*listed, rest], [*colors, palette.GREY]
    return alt.Scale(domain=listed, range=colors)


def local_text(instant: datetime, zone: ZoneInfo) -> str:
    """A half hour as a local clock prints it, and which clock: `Sun 31 Oct 2021 01:30 GMT`."""
    local = instant.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M %Z}"


def half_hour_grid(first: date, last: date, zone: ZoneInfo) -> pd.DataFrame:
    """Every half hour of the local days: 46, 48 or 50 a day.

    Returns:
        datetime (UTC), reference_date, settlement_period, local (text), clock (`01:30`), weekend.
    """
    begin, end = day_start(first, zone), day_start(last + timedelta(days=1), zone)
    instants = pd.date_range(begin, end, freq=HALF_HOUR, inclusive="left", unit="us")
    local = instants.tz_convert(zone)
    naive = local.tz_localize(None)
    minutes = naive.hour * 60 + naive.minute
    clock = pd.Series(minutes).map({minute: f"{minute // 60:02}:{minute % 60:02}" for minute in set(minutes)})
    # A zone has few offsets, and each its name: asking for the name of every instant takes a second a year.
    offsets = pd.Series(naive - instants.tz_localize(None))
    firsts = offsets.drop_duplicates()
    names = offsets.map(
        {offset: f" {local[index]:%Z}" for offset, index in zip(firsts, firsts.index.to_list(), strict=True)}
    )
    grid = pd.DataFrame(
        {
            "datetime": instants,
            "reference_date": naive.date,
            "clock": clock,
            "clock_zone": clock + names,
            "weekend": naive.day_of_week >= 5,  # noqa: PLR2004 - Saturday
        }
    )
    grid["settlement_period"] = grid.groupby("reference_date").cumcount() + 1
    return grid


def time_axis(first: date, last: date, zone: ZoneInfo) -> alt.X:
    """A horizontal axis of instants with local labels: hours of a single day, else days.

    The column is `ms`, milliseconds since 1970 (UTC).
    """
    single = first == last
    if single:
        grid = half_hour_grid(first, last, zone)
        grid = grid[grid["settlement_period"] % 4 == 1]
        changes = grid["clock_zone"].str[6:].nunique() > 1
        ticks = list(zip(grid["datetime"], grid["clock_zone"] if changes else grid["clock"], strict=True))
    else:
        step = max(1, (last - first).days // _MOST_DAY_LABELS)
        ticks = [(day_start(day, zone), f"{day.day} {day:%b}") for day in list(days(first, last))[::step]]
    values = [int(instant.timestamp() * 1000) for instant, _ in ticks]
    labels = json.dumps({str(value): text for value, (_, text) in zip(values, ticks, strict=True)})
    end = int(day_start(last + timedelta(days=1), zone).timestamp() * 1000)
    start = int(day_start(first, zone).timestamp() * 1000)
    return alt.X(
        "ms:Q",
        title=f"Local time of {zone.key}" + (f", {first:%a} {first.day} {first:%b %Y}" if single else ""),
        scale=alt.Scale(domain=[start, end], nice=False),
        axis=alt.Axis(values=values, labelExpr=f"({labels})[datum.value + '']", labelOverlap=True, labelFlush=True),
    )
