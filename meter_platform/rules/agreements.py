"""Agreements in force on a reference date, with what their product is, and which way its energy flows."""

from typing import Final

import ibis

from meter_platform.rules.in_force import in_force

EXPORT_PREFIX: Final = "Outgoing"
"""How the display name of a product begins that pays for energy sent to the grid (Octopus Energy's naming). Reviewed
2026-11; the one place to change when a product breaks the pattern."""


def is_export(display_name: ibis.Value) -> ibis.Value:
    """Whether a product's energy flows to the grid. Such readings are positive too; only the product tells."""
    return display_name.startswith(EXPORT_PREFIX)


def active_agreements(agreements: ibis.Table, products: ibis.Table) -> ibis.Table:
    """Agreements in force on their reference date.

    Validity is half-open: from the first day, up to but not including the last. One agreement
    ends on the day the next begins, so that a meterpoint that switches on the date counts once, under the new one. An
    agreement of zero length is never in force.

    Overlapping agreements of a meterpoint are a fault of the source. `is_sole` is false for each of them: no rule chooses
    one.

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
