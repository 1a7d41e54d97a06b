"""Counts by date and energy in words, as all findings tell them."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal


def per_date(counts: Iterable[tuple[date | None, int]]) -> dict[date | None, int]:
    """The sum of the counts of each date, in the order in which dates come first."""
    sums: dict[date | None, int] = {}
    for day, count in counts:
        sums[day] = sums.get(day, 0) + count
    return sums


def energy(kwh: Decimal) -> str:
    """An amount of energy to the last digit, as it stands in a sentence: `1,234.5 kWh`."""
    return f"{kwh.normalize():,f} kWh"


def energy_fact(amounts: Iterable[Decimal]) -> dict[str, float]:
    """The sum of energies in kWh as a fact of a finding; none where nothing was found."""
    found = list(amounts)
    return {"kwh": float(sum(found, Decimal(0)))} if found else {}
