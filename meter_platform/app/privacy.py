"""What may be published when few meterpoints are behind a number.

What belongs here: which figures are left out, as pure functions on frames. What does not: the setting (off by default),
drawing, and readings of single meterpoints (the pages that show rows are closed while the setting is on).

A number with fewer meterpoints behind it than the minimum is left out. That alone protects nothing where a total is
known: what is missing is the total less the rest. So the left-out part of any total holds at least two numbers and at
least the minimum of meterpoints: the next smallest numbers are left out with it (complementary suppression). What is
left out depends on one date alone, so that two overlapping ranges never differ by a protected day.
"""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

SUPPRESSED: Final = "Too few meterpoints"


def suppressed(counts: Sequence[int], minimum: int, *, disjoint: bool = True) -> list[bool]:
    """Which parts of a known total are left out.

    Args:
        counts: meterpoints behind each part.
        minimum: fewest meterpoints behind a published number.
        disjoint: no meterpoint is in two parts. Else (half hours of a day) the largest part counts, for the others may
            be the same meterpoints again.
    """
    hidden = [0 < count < minimum for count in counts]
    if not any(hidden):
        return hidden

    def behind() -> int:
        chosen = [count for count, out in zip(counts, hidden, strict=True) if out]
        return sum(chosen) if disjoint else max(chosen)

    for index in sorted(range(len(counts)), key=lambda index: (counts[index], index)):
        if sum(hidden) > 1 and behind() >= minimum:
            break
        if counts[index]:
            hidden[index] = True
    return hidden


def publish_products(rows: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """The rows of `products_by_day` that may be published, with what is left out as one row a date.

    Products and the reasons of unattributed energy are parts of one total, the date's energy. The row that stands for
    what is left out tells no more than the total and the published parts do.
    """
    if not minimum or rows.empty:
        return rows
    published = []
    for day, parts in rows.groupby("reference_date", sort=True):
        hidden = pd.Series(suppressed(parts["meterpoint_count"].tolist(), minimum), index=parts.index)
        out = parts[hidden]
        published.append(parts[~hidden])
        if not out.empty:
            row = {
                "reference_date": day,
                "product": SUPPRESSED,
                "kind": "suppressed",
                "price": None,
                "is_export": False,
                "meterpoint_count": out["meterpoint_count"].sum(),
                "total_kwh": sum(out["total_kwh"]),
            }
            published.append(pd.DataFrame([row], columns=rows.columns))
    return pd.concat(published, ignore_index=True)


def publish_half_hours(half_hours: pd.DataFrame, products: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Half hours with energy left out where few meterpoints sent a reading, and import and export where few export.

    Args:
        half_hours: of `consumption_by_half_hour`.
        products: of `products_by_day`, as stored.
        minimum: fewest meterpoints behind a published number.
    """
    if not minimum or half_hours.empty:
        return half_hours
    result = _without_split(half_hours, products, minimum)
    hidden = result.groupby("reference_date")["meterpoint_count"].transform(
        lambda counts: suppressed(counts.tolist(), minimum, disjoint=False)
    )
    result.loc[hidden.astype(bool), ["total_kwh", "import_kwh", "export_kwh"]] = None
    return result


def publish_days(by_day: pd.DataFrame, products: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Days of `consumption_by_day` with the same left out."""
    if not minimum or by_day.empty:
        return by_day
    result = _without_split(by_day, products, minimum)
    result.loc[result["most_meterpoints"] < minimum, ["total_kwh", "import_kwh", "export_kwh"]] = None
    return result


def publish_counts(rows: pd.DataFrame, count: str, minimum: int) -> pd.DataFrame:
    """Rows whose count is the number published, without those that are part of a total and too small."""
    if not minimum or rows.empty:
        return rows
    return rows[[not out for out in suppressed(rows[count].tolist(), minimum)]]


def _without_split(rows: pd.DataFrame, products: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Import and export tell the energy of the export meters, which are few as a rule."""
    exporters = _meterpoints(products[products["is_export"].astype(bool)])
    importers = _meterpoints(products[~products["is_export"].astype(bool)])
    out = rows["reference_date"].map(
        lambda day: 0 < exporters.get(day, 0) < minimum or 0 < importers.get(day, 0) < minimum
    )
    result = rows.copy()
    result.loc[out.astype(bool), ["import_kwh", "export_kwh"]] = None
    return result


def _meterpoints(rows: pd.DataFrame) -> dict[Any, int]:
    return rows.groupby("reference_date")["meterpoint_count"].sum().to_dict()
