"""What each table is made from: the asset graph and the modules of its rules, without Dagster and without heavy imports.

What belongs here: which tables there are, what each computed one is computed from, and by which rules. What does not: what
the tables hold (`tables.py`), and whether a date has followed its inputs (`finished.py`).
"""

import ast
import hashlib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from meter_platform.settings import Settings

READINGS: Final = "raw_meter_readings"
REJECTED: Final = "rejected_readings"
SNAPSHOTS: Final = ("raw_agreements", "raw_products", "raw_meterpoints")

INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "active_agreements": ("raw_agreements", "raw_products"),
    "half_hourly_consumption": (READINGS, "active_agreements"),
    "meterpoint_completeness": (READINGS, REJECTED, "raw_meterpoints"),
    "daily_product_consumption": ("meterpoint_completeness", "active_agreements"),
    "unattributed_consumption": ("meterpoint_completeness", "raw_agreements", "active_agreements"),
}
"""What each computed table is computed from: the asset graph, without Dagster. A test compares it with the graph."""

RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "active_agreements": ("agreements", "in_force"),
    "half_hourly_consumption": ("consumption", "registers", "agreements", "in_force", "days"),
    "meterpoint_completeness": ("completeness", "registers", "days"),
    "daily_product_consumption": ("consumption", "registers", "agreements", "in_force"),
    "unattributed_consumption": ("consumption", "registers", "agreements", "in_force"),
}
"""The modules of `meter_platform/rules/` that each computed table's rule is made of."""

RAW_TABLES: Final = (
    READINGS,
    *SNAPSHOTS,
    REJECTED,
    "superseded_readings",
    "redelivered_readings",
    "repeated_readings",
    "withdrawals",
    "withdrawn_readings",
    "source_file_versions",
    "source_file_dates",
    "source_files",
    "newest_file_versions",
    "scanned_folders",
    "partition_versions",
    "changes_in_place",
    "failed_partitions",
    "failing_checks",
    "deleted_files",
    "erased_meterpoints",
    "erased_meters",
    "pruned_dates",
    "dates_put_away",
)
EVERY_TABLE: Final = (
    *(f"raw_data.{name}" for name in RAW_TABLES),
    *(f"analytics.{name}" for name in INPUTS),
    "operations.log",
)
"""The names of the tables in `tables.py`, which takes long to import. A test holds the two lists together."""


def rules_digest(table: str, settings: Settings) -> str:
    """A digest of the rules that a table is computed by, and of the settings that they depend on.

    Comments, docstrings and layout do not change it. Empty for a table that is not computed.
    """
    modules = RULES.get(table, ())
    if not modules:
        return ""
    text = "\n".join([settings.timezone, *map(_rules_of, modules)])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@cache
def _rules_of(module: str) -> str:
    """The code of a module of `rules/`, without comments and docstrings."""
    tree = ast.parse((Path(__file__).parents[1] / "rules" / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def built_from(table: str, read: Mapping[str, Mapping[date, int]], day: date) -> str:
    """What a date of a table was computed from, as it is noted.

    Args:
        table: by name.
        read: for each table that was read, the version of each date, asked before it was read.
        day: the date.
    """
    # A table that is not known to have been read gets "?", which equals no version: the date is built again.
    return " ".join(f"{name}={read[name].get(day, 0) if name in read else '?'}" for name in INPUTS.get(table, ()))
