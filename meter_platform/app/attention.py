"""What needs a person's attention, each in one line with the page where it shows.

What belongs here: comparing figures. What never does: asset checks (`orchestration/checks/` alerts people who are not looking).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd

from meter_platform.app.frames import exact, percent, total

LATE_DAYS: Final = 2
"""Data is delivered before 08:00 on the day after it, and late data is normal for two days."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One line, and the page that shows more: `quality`, `agreements`, `tables`."""

    text: str
    page: str


def notices(
    *,
    today: date,
    first: date,
    last: date,
    stored: tuple[date, ...],
    loaded: tuple[date, ...],
    completeness: pd.DataFrame,
    products: pd.DataFrame,
    quarantined: int,
) -> Iterator[Notice]:
    """What is wrong, the most pressing first.

    Args:
        today: what data age is measured against.
        first: of the dates chosen.
        last: the same, included.
        stored: reference dates with analytics, in order.
        loaded: reference dates with readings, in order.
        completeness: of `completeness_by_day`.
        products: of `products_by_day`, as published.
        quarantined: number of files of which nothing is stored, for they could not be read or are held back.
    """
    age = (today - stored[-1]).days
    if age > LATE_DAYS:
        yield Notice(f"The newest reference date is {age:,} days old.", "quality")
    if quarantined:
        yield Notice(f"{_files(quarantined)} quarantined.", "quality")
    waiting = sorted(set(loaded) - set(stored))
    if waiting:
        yield Notice(f"Readings are loaded but not computed for {_dates(waiting)}.", "tables")
    within = [day for day in stored if first <= day <= last]
    begin, end = max(first, stored[0]), min(last, stored[-1])
    gaps = (end - begin).days + 1 - len(within)
    if begin <= end and gaps:
        yield Notice(f"{gaps:,} dates between {begin} and {end} have no data.", "quality")
    received, expected = int(completeness["received"].sum()), int(completeness["expected"].sum())
    missing = int((completeness["expected"] - completeness["received"]).clip(lower=0).sum())
    if missing:
        yield Notice(
            f"{missing:,} readings are missing ({percent(received, expected)} of those expected have come).", "quality"
        )
    rejected = int(completeness["rejected"].sum())
    if rejected:
        yield Notice(f"{rejected:,} rows were rejected.", "quality")
    unattributed = total(products.loc[products["kind"] == "unattributed", "total_kwh"])
    if unattributed:
        whole = total(products["total_kwh"])
        yield Notice(
            f"{exact(unattributed, 'kWh')} ({percent(unattributed, whole)}) belong to no product.", "agreements"
        )


def data_age(today: date, newest: date) -> str:
    """How old the newest date is, in words."""
    days = (today - newest).days
    if days <= 0:
        return "up to date"
    return "1 day old" if days == 1 else f"{days:,} days old"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _dates(dates: list[date]) -> str:
    return f"{dates[0]}" if len(dates) == 1 else f"{len(dates):,} dates ({dates[0]} to {dates[-1]})"
