"""A page without a panel, and the three kinds of panel, in one look.

What belongs here: how a value, a curve and a list are shown. What does not: any query.
"""

from collections.abc import Mapping
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
"""The data source as it is provisioned."""

WIDTH: Final = 24
"""Columns of a dashboard."""

GOOD, WORRYING, BAD = "green", "orange", "red"

_QUARTER: Final = WIDTH // 4
_LOW, _HIGH = 4, 8


def page(name: str, description: str, *, since: str, refresh: str) -> build.Dashboard:
    """A dashboard without a panel.

    Args:
        name: of one word; its address and its title end with it.
        description: what it answers.
        since: how far back it looks, such as `now-24h`.
        refresh: how often it asks, such as `30s`.
    """
    return (
        build.Dashboard(f"Meter platform: {name}")
        .uid(f"meter-platform-{name}")
        .description(description)
        .tags(["meter-platform"])
        .time(since, "now")
        .refresh(refresh)
        .timezone("browser")
        .editable()
    )


def value(
    title: str,
    query: str,
    meaning: str,
    *,
    unit: str,
    worrying: float | None = None,
    bad: float | None = None,
    texts: Mapping[str, str] | None = None,
    width: int = _QUARTER,
) -> stat.Panel:
    """The newest value of one series, coloured by how bad it is.

    Args:
        title: of the panel.
        query: in PromQL.
        meaning: what it says, and from when on it is bad.
        unit: of Grafana's.
        worrying: from this value on it is; where it is above `bad`, up to that value.
        bad: from this value on it is; where it is below `worrying`, up to that value.
        texts: what is shown for some values instead.
        width: columns.
    """
    mappings = [ValueMap({key: ValueMappingResult(text=text) for key, text in (texts or {}).items()})] if texts else []
    return (
        stat.Panel()
        .title(title)
        .description(meaning)
        .datasource(PROMETHEUS)
        .with_target(_query(query).instant().ref_id("A"))
        .unit(unit)
        .mappings([*mappings])
        .thresholds(_thresholds(worrying, bad))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .span(width)
        .height(_LOW)
    )


def curve(
    title: str, queries: Mapping[str, str], meaning: str, *, unit: str, width: int = WIDTH // 2, steps: bool = False
) -> timeseries.Panel:
    """Series over time.

    Args:
        title: of the panel.
        queries: in PromQL, by the text of the legend (`{{label}}` for a label's value).
        meaning: what it says, and what to look for.
        unit: of Grafana's.
        width: columns.
        steps: a value holds until the next one: for what changes once a day.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(meaning)
        .datasource(PROMETHEUS)
        .unit(unit)
        .min(0)
        .draw_style(GraphDrawStyle.LINE)
        .line_interpolation(LineInterpolation.STEP_AFTER if steps else LineInterpolation.LINEAR)
        .fill_opacity(10)
        .show_points(VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)  # noqa: FBT003 - the library's
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
        .span(width)
        .height(_HIGH)
    )
    for letter, (legend, query) in zip(ascii_uppercase, queries.items(), strict=False):
        panel.with_target(_query(query).range().legend_format(legend).ref_id(letter))
    return panel


def listing(title: str, query: str, meaning: str, *, unit: str, nothing: str, width: int = WIDTH // 2) -> table.Panel:
    """The series that there are now, a line for each.

    Args:
        title: of the panel.
        query: in PromQL.
        meaning: what it says.
        unit: of Grafana's, of the value.
        nothing: what is shown where there is none.
        width: columns.
    """
    return (
        table.Panel()
        .title(title)
        .description(meaning)
        .datasource(PROMETHEUS)
        .with_target(_query(query).instant().format(PromQueryFormat.TABLE).ref_id("A"))
        .unit(unit)
        .no_value(nothing)
        .show_header(True)  # noqa: FBT003 - the library's
        .span(width)
        .height(_HIGH)
    )


def row(title: str) -> build.Row:
    """A heading, over the panels that follow."""
    return build.Row(title)


def _query(query: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query).datasource(PROMETHEUS)


def _thresholds(worrying: float | None, bad: float | None) -> build.ThresholdsConfig:
    """Colours: from the lowest value up, each from its value on."""
    steps: list[tuple[float | None, str]] = [(None, GOOD)]
    if worrying is not None and bad is not None and bad < worrying:  # few is bad
        steps = [(None, BAD), (bad, WORRYING), (worrying, GOOD)]
    else:
        steps += [(limit, colour) for limit, colour in ((worrying, WORRYING), (bad, BAD)) if limit is not None]
    return (
        build.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=limit, color=colour) for limit, colour in steps])
    )
