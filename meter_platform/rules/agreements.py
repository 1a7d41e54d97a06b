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

    Overlapping agreements of a meterpoint are a fault of the source: `is_sole` tells them, and they are never picked
    from.

    An agreement whose product the source does not have is left out: what its meterpoint uses is unattributed.

    Args:
        agreements: `raw_agreements`.
        products: `raw_products` of the same dates.

    Returns:
        agreement_id, reference_date, meterpoint_id, display_name, is_variable, is_export, is_sole.
    """
    active = agreements.filter(in_force(agreements))
    named = active.inner_join(products, ["reference_date", "product_id"]).select(
        "agreement_id",
        "reference_date",
        "meterpoint_id",
        "display_name",
        is_variable=products.is_variable == 1,
        is_export=is_export(products.display_name),
    )
    of_meterpoint = ibis.window(group_by=[named.reference_date, named.meterpoint_id])
    return named.mutate(is_sole=named.count().over(of_meterpoint) == 1)


def in_force(agreements: ibis.Table) -> ibis.Value:
    """Whether each agreement is in force on its reference date: valid_from <= date < valid_to."""
    return (agreements.agreement_valid_from <= agreements.reference_date) & (
        agreements.agreement_valid_to.isnull() | (agreements.reference_date < agreements.agreement_valid_to)
    )
