"""Rows for tables of the lake. What belongs here: making them. What does not: what should become of them."""

from datetime import UTC, date, datetime

import pyarrow as pa

from meter_platform.warehouse.tables import RAW_METERPOINTS


def meterpoints(day: date, count: int, region: str) -> pa.Table:
    """So many meterpoints, all in one region: who reads a mixture of two deliveries sees two regions."""
    return pa.table(
        {
            "meterpoint_id": [f"m{number:06}" for number in range(count)],
            "reference_date": [day] * count,
            "region": [region] * count,
            "loaded_at": [datetime(2021, 1, 5, tzinfo=UTC)] * count,
        },
        schema=RAW_METERPOINTS.arrow_schema,
    )
