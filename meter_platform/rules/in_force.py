"""On which dates an agreement is in force: the one place that says so, as an expression and as SQL.

What belongs here: these two predicates in their two forms, which a test holds against each other. What never does: an
import of Ibis, which the app and `status` do without.

Validity is half-open: `[agreement_valid_from, agreement_valid_to)`, and without end where `agreement_valid_to` is null.
"""

from typing import TYPE_CHECKING, Final, LiteralString

if TYPE_CHECKING:
    import ibis

IN_FORCE: Final[LiteralString] = (
    "(agreement_valid_from <= reference_date AND (agreement_valid_to IS NULL OR reference_date < agreement_valid_to))"
)
"""SQL on a row of `raw_agreements`: the agreement is in force on the row's reference date."""

EVER_IN_FORCE: Final[LiteralString] = "(agreement_valid_to IS NULL OR agreement_valid_from < agreement_valid_to)"
"""SQL on a row of `raw_agreements`: there is a date on which the agreement is in force. A cancelled agreement of zero
length has none, nor has one that ends before it begins."""


def in_force(agreements: "ibis.Table") -> "ibis.Value":
    """`IN_FORCE` as an expression on `raw_agreements`."""
    return (agreements.agreement_valid_from <= agreements.reference_date) & (
        agreements.agreement_valid_to.isnull() | (agreements.reference_date < agreements.agreement_valid_to)
    )


def ever_in_force(agreements: "ibis.Table") -> "ibis.Value":
    """`EVER_IN_FORCE` as an expression on `raw_agreements`."""
    return agreements.agreement_valid_to.isnull() | (agreements.agreement_valid_from < agreements.agreement_valid_to)
