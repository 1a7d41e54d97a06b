"""Which agreements are in force on a reference date, and which way a product's energy flows."""

from typing import Final

import ibis

EXPORT_PREFIX: Final = "Outgoing"
"""How the display name of a product begins that pays for energy sent to the grid (Octopus Energy's naming). Reviewed
2026-11; the one place to change when a product breaks the pattern."""


def is_export(display_name: ibis.Value) -> ibis.Value:
    """Whether a product's energy flows to the grid. Such readings are positive too; only the product tells."""
    return display_name.startswith(EXPORT_PREFIX)


def active_agreements(agreements: ibis.Table, products: ibis.Table) -> ibis.Table:
    """Agreements in force on their reference date.

    Validity is half-open: from the first day, up to but not including the last. Consecutive agreements abut, and a
    meterpoint that switches on the date counts once, under the new one; a zero-length agreement is never in force.
    (Inclusive ends count a switching home twice.)

    An agreement whose product the source does not have is left out: what its meterpoint uses is unattributed.

    Args:
        agreements: `raw_agreements`.
        products: `raw_products` of the same dates.

    Returns:
        agreement_id, reference_date, meterpoint_id, display_name, is_variable, is_export.
    """
    active = agreements.filter(in_force(agreements))
    return active.inner_join(products, ["reference_date", "product_id"]).select(
        "agreement_id",
        "reference_date",
        "meterpoint_id",
        "display_name",
        is_variable=products.is_variable == 1,
        is_export=is_export(products.display_name),
    )


def in_force(agreements: ibis.Table) -> ibis.Value:
    """Whether each agreement is in force on its reference date: valid_from <= date < valid_to."""
    return (agreements.agreement_valid_from <= agreements.reference_date) & (
        agreements.agreement_valid_to.isnull() | (agreements.reference_date < agreements.agreement_valid_to)
    )


def sole_agreements(active: ibis.Table) -> ibis.Table:
    """Meterpoints with one active agreement: overlapping ones are a fault of the source, never picked from.

    Args:
        active: `active_agreements`.

    Returns:
        reference_date, meterpoint_id, display_name, is_export.
    """
    by_meterpoint = active.group_by("reference_date", "meterpoint_id").agg(
        agreements=active.count(), display_name=active.display_name.min(), is_export=active.is_export.any()
    )
    return by_meterpoint.filter(by_meterpoint.agreements == 1).drop("agreements")
