"""The pictures and previews of materialisations."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from meter_platform.orchestration.assets.summaries import load_curve, product_preview
from meter_platform.warehouse import tables
from meter_platform.warehouse.tables import Table
from meter_platform_tests.market import LONDON

SVG = "{http://www.w3.org/2000/svg}"
LOADED = datetime(2021, 11, 5, tzinfo=UTC)


def frame(table: Table, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as the IO manager hands them over."""
    return pa.Table.from_pylist(rows, table.arrow_schema).to_pandas(types_mapper=pd.ArrowDtype)


def half_hours(day: date, count: int, kwh: str) -> list[dict[str, Any]]:
    start = datetime.combine(day, datetime.min.time(), LONDON).astimezone(UTC)
    return [
        {
            "datetime": start + timedelta(minutes=30 * number),
            "reference_date": day,
            "settlement_period": number + 1,
            "meterpoint_count": 2,
            "total_consumption_kwh": Decimal(kwh),
            "import_consumption_kwh": Decimal(kwh),
            "export_consumption_kwh": Decimal(0),
            "loaded_at": LOADED,
        }
        for number in range(count)
    ]


def product(name: str, meterpoints: int, kwh: str, day: date = date(2021, 1, 2)) -> dict[str, Any]:
    return {
        "product_display_name": name,
        "reference_date": day,
        "date": day,
        "is_export": False,
        "meterpoint_count": meterpoints,
        "total_consumption_kwh": Decimal(kwh),
        "loaded_at": LOADED,
    }


def picture(metadata: Mapping[str, Any]) -> ET.Element:
    """The picture, read as XML."""
    found = re.fullmatch(r"!\[.*\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", metadata["load_curve"].md_str)
    assert found is not None
    return ET.fromstring(base64.b64decode(found[1]))  # noqa: S314 - made by the code under test


def records(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    preview = metadata["preview"]
    assert isinstance(preview, dg.TableMetadataValue)
    return [record.data for record in preview.records]


@pytest.mark.parametrize(
    ("day", "count"), [(date(2021, 1, 2), 48), (date(2021, 3, 28), 46), (date(2021, 10, 31), 50), (date(2021, 1, 3), 1)]
)
def test_the_curve_has_a_point_for_each_half_hour_and_stays_in_its_picture(day: date, count: int) -> None:
    rows = half_hours(day, count, "0.5")
    rows[-1] |= {"total_consumption_kwh": Decimal("1.5")}

    drawn = picture(load_curve(frame(tables.HALF_HOURLY_CONSUMPTION, rows), LONDON))

    (line,) = drawn.findall(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert len(points) == count
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[-1][1] == min(y for _, y in points), "the most energy stands highest"


def test_a_day_of_zeros_can_be_drawn() -> None:
    drawn = picture(load_curve(frame(tables.HALF_HOURLY_CONSUMPTION, half_hours(date(2021, 1, 2), 48, "0")), LONDON))

    (line,) = drawn.findall(f"{SVG}polyline")
    assert len({point.split(",")[1] for point in line.attrib["points"].split()}) == 1


def test_the_axis_names_local_times() -> None:
    drawn = picture(load_curve(frame(tables.HALF_HOURLY_CONSUMPTION, half_hours(date(2021, 10, 31), 50, "1")), LONDON))

    times = [text.text for text in drawn.findall(f"{SVG}text") if re.fullmatch(r"\d\d:\d\d", text.text or "")]
    assert times == ["00:00", "03:00", "07:00", "11:00", "15:00", "19:00", "23:00"]


def test_totals_are_exact_and_of_every_date_while_the_curve_is_of_the_newest() -> None:
    rows = half_hours(date(2021, 1, 1), 48, "0.000000001") + half_hours(date(2021, 1, 2), 48, "12345678901234.1")

    found = load_curve(frame(tables.HALF_HOURLY_CONSUMPTION, rows), LONDON)

    assert found["total_kwh"] == "592592587259236.800000048"
    assert "2021-01-02: 592592587259236.8 kWh in 48 half hours" in found["load_curve"].md_str
    assert len(records(found)) == 48
    assert records(found)[0]["total_consumption_kwh"] == "12345678901234.1"
    assert [record["local_time"] for record in records(found)[:3]] == ["00:00", "00:30", "01:00"]


def test_a_date_without_rows_has_no_picture() -> None:
    assert load_curve(frame(tables.HALF_HOURLY_CONSUMPTION, []), LONDON) == {}
    assert product_preview(frame(tables.DAILY_PRODUCT_CONSUMPTION, []), 5) == {}


PRODUCTS = [
    product("Flexible", 40, "100.001"),
    product("Fixed", 30, "200.002"),
    product("Rare", 1, "7.5"),
    product("Flexible", 41, "50", date(2021, 1, 1)),
]


def test_products_of_the_newest_date_are_shown_largest_first_with_exact_totals() -> None:
    found = product_preview(frame(tables.DAILY_PRODUCT_CONSUMPTION, PRODUCTS), 0)

    assert [(record["product_display_name"], record["total_consumption_kwh"]) for record in records(found)] == [
        ("Fixed", "200.002"),
        ("Flexible", "100.001"),
        ("Rare", "7.5"),
    ]
    assert found["total_kwh"] == "357.503"


def test_a_product_of_too_few_homes_is_neither_shown_nor_to_be_had_by_subtraction() -> None:
    found = product_preview(frame(tables.DAILY_PRODUCT_CONSUMPTION, PRODUCTS), 30)

    assert [record["product_display_name"] for record in records(found)] == ["Fixed", "Flexible"]
    assert found["total_kwh"] == "350.003", "of the products shown: the whole would give the other away"
    assert "Rare" not in repr(found)
    assert [
        record["product_display_name"]
        for record in records(product_preview(frame(tables.DAILY_PRODUCT_CONSUMPTION, PRODUCTS), 31))
    ] == ["Flexible"]
