"""The pictures and previews that materialisations of the consumption tables show in the Dagster UI.

What belongs here: frames in, metadata out. What does not: figures that are stored.
"""

import base64
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd

_WIDTH: Final = 720
_HEIGHT: Final = 220
_MARGIN: Final = 44
_PREVIEW_ROWS: Final = 48


def load_curve(frame: pd.DataFrame, zone: ZoneInfo) -> Mapping[str, Any]:
    """The energy of each half hour of the newest date stored, as a picture, and its rows as a table.

    Args:
        frame: rows of `half_hourly_consumption`, for one date or several.
        zone: the market's; times are shown in it.
    """
    if frame.empty:
        return {}
    newest = frame[frame["reference_date"] == frame["reference_date"].max()].sort_values("datetime")
    values = [Decimal(value) for value in newest["total_consumption_kwh"]]
    labels = [f"{start.astimezone(zone):%H:%M}" for start in newest["datetime"].dt.to_pydatetime()]
    title = f"{newest['reference_date'].iloc[0]}: {_exact(sum(values))} kWh in {len(values)} half hours"
    return {
        "load_curve": dg.MetadataValue.md(f"![{title}]({_curve(values, labels, title)})"),
        "preview": _table(newest.assign(local_time=labels).drop(columns=["reference_date", "loaded_at"])),
        "total_kwh": _exact(sum(frame["total_consumption_kwh"])),
    }


def product_preview(frame: pd.DataFrame, minimum_meterpoints: int) -> Mapping[str, Any]:
    """The products of the newest date stored, largest first.

    Args:
        frame: rows of `daily_product_consumption`, for one date or several.
        minimum_meterpoints: products with fewer are not shown, for one home's product discloses its day; nor do they
            count in the total, which would give away the only one that is missing.
    """
    if frame.empty:
        return {}
    shown = frame[frame["meterpoint_count"] >= minimum_meterpoints]
    newest = shown[shown["reference_date"] == frame["reference_date"].max()]
    return {
        "preview": _table(
            newest.sort_values("total_consumption_kwh", ascending=False).drop(columns=["reference_date", "loaded_at"])
        ),
        "total_kwh": _exact(sum(shown["total_consumption_kwh"])),
    }


def _exact(energy: Decimal | int) -> str:
    """An exact decimal without trailing zeros."""
    return f"{Decimal(energy).normalize():f}"


def _table(frame: pd.DataFrame) -> dg.TableMetadataValue:
    records = [
        {str(name): _exact(value) if isinstance(value, Decimal) else str(value) for name, value in record.items()}
        for record in frame.head(_PREVIEW_ROWS).to_dict("records")
    ]
    return dg.MetadataValue.table([dg.TableRecord(record) for record in records])


def _curve(values: list[Decimal], labels: list[str], title: str) -> str:
    """A line chart as the URL of an SVG image: an axis in kWh, another in local time."""
    top = max(*values, Decimal("0.001"))
    plot_width, plot_height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
    step = plot_width / max(1, len(values) - 1)

    def at(index: int, value: Decimal) -> str:
        return f"{_MARGIN + index * step:.1f},{_MARGIN + plot_height * float(1 - value / top):.1f}"

    points = " ".join(at(index, value) for index, value in enumerate(values))
    base = f"{_MARGIN + (len(values) - 1) * step:.1f},{_HEIGHT - _MARGIN} {_MARGIN},{_HEIGHT - _MARGIN}"
    ticks = "".join(
        f'<text x="{_MARGIN + index * step:.1f}" y="{_HEIGHT - _MARGIN + 16}" text-anchor="middle">{labels[index]}</text>'
        for index in range(0, len(labels), 8)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        'font-family="sans-serif" font-size="11" fill="#555">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        f'<text x="{_MARGIN}" y="22" font-size="13" fill="#222">{escape(title)}</text>'
        f'<text x="{_MARGIN - 6}" y="{_MARGIN + 4}" text-anchor="end">{top:.0f}</text>'
        f'<text x="{_MARGIN - 6}" y="{_HEIGHT - _MARGIN}" text-anchor="end">0</text>'
        f'<text x="6" y="{_MARGIN - 10}">kWh</text>'
        f'<polygon points="{points} {base}" fill="#0072B2" fill-opacity="0.15"/>'
        f'<polyline points="{points}" fill="none" stroke="#0072B2" stroke-width="2"/>'
        f'<line x1="{_MARGIN}" y1="{_HEIGHT - _MARGIN}" x2="{_WIDTH - _MARGIN}" y2="{_HEIGHT - _MARGIN}" stroke="#999"/>'
        f"{ticks}</svg>"
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
