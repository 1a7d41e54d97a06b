"""Input of the rules, written down briefly: rows of raw tables with what a test is about, and the rest filled in.

What belongs here: rows. What does not: what a rule makes of them.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from meter_platform.contracts.readings import UNSAID

DAY: Final = date(2021, 1, 2)
"""The reference date of a row unless said otherwise: a winter's day, on which London's time is UTC."""

Given = dict[str, Any]


def day(text: str) -> date:
    """A date."""
    return date.fromisoformat(text)


def utc(text: str) -> datetime:
    """An instant, from UTC without a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def product(product_id: str, display_name: str, *, on: date = DAY, variable: int = 0) -> Given:
    """A row of `raw_products`."""
    return {"product_id": product_id, "reference_date": on, "display_name": display_name, "is_variable": variable}


def agreement(
    agreement_id: int, meterpoint: str, since: str, until: str | None, product_id: str = "P", *, on: date = DAY
) -> Given:
    """A row of `raw_agreements`: valid from `since` up to but not including `until`."""
    return {
        "agreement_id": agreement_id,
        "reference_date": on,
        "agreement_valid_from": day(since),
        "agreement_valid_to": day(until) if until else None,
        "product_id": product_id,
        "meterpoint_id": meterpoint,
    }


def reading(meterpoint: str, start: str, kwh: str, *, on: date = DAY) -> Given:
    """A row of `raw_meter_readings`; `start` is in UTC."""
    return {
        "meterpoint_id": meterpoint,
        "interval_start": utc(start),
        "reference_date": on,
        "consumption_delta": Decimal(kwh),
        **UNSAID,
    }


def readings(meterpoint: str, *kwh: str, on: date = DAY, zone: str = "Europe/London") -> list[Given]:
    """The first readings of a local day, a half hour each."""
    first = datetime.combine(on, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    return [
        {
            "meterpoint_id": meterpoint,
            "interval_start": first + number * timedelta(minutes=30),
            "reference_date": on,
            "consumption_delta": Decimal(value),
            **UNSAID,
        }
        for number, value in enumerate(kwh)
    ]
