"""Which columns of which tables each column of a result is made from, read off the expression that makes it.

What belongs here: walking an Ibis expression, and the forms in which Dagster shows what is found. What never does: a list
of columns written by hand.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import dagster as dg
import ibis
import ibis.expr.operations as ops
from ibis.common.graph import Node

from meter_platform.reference.database import SOURCE_TABLES, source_fields
from meter_platform.warehouse.tables import Table

Source = tuple[str, str]
"""A stored table's name, and a column of it."""

REFERENCE_DATABASE: Final = "reference_database"
"""How the source of the snapshots is named in lineage. It is not an asset of ours."""


def sources_of(result: ibis.Table) -> dict[str, frozenset[Source]]:
    """The stored columns that each column's values are computed from.

    Columns that only decide which rows there are (keys of joins, filters, groups) are not among them.

    Args:
        result: an expression on stored tables.

    Returns:
        For each column of the result the columns it derives from; none for one that is made of literals.
    """

    @cache
    def of_column(relation: Node, name: str) -> frozenset[Source]:
        if isinstance(relation, ops.PhysicalTable):
            return frozenset({(relation.name, name)})
        values = getattr(relation, "values", None)
        if values is not None and name in values:
            return of_value(values[name])
        if isinstance(relation, ops.Set):
            return of_column(relation.left, name) | of_column(relation.right, name)
        parent = getattr(relation, "parent", None)
        return of_column(parent, name) if parent is not None else frozenset()

    def of_value(value: Node) -> frozenset[Source]:
        if isinstance(value, ops.Field):
            return of_column(value.rel, value.name)
        found: frozenset[Source] = frozenset()
        for child in value.__children__:
            # A relation below a value is what it counts or looks through: it has no value of its own.
            if not isinstance(child, ops.Relation):
                found |= of_value(child)
        return found

    operation = result.op()
    return {name: of_column(operation, name) for name in result.columns}


def column_lineage(result: ibis.Table, columns: Iterable[str]) -> dg.TableColumnLineage:
    """The same as `sources_of` in Dagster's form, for the columns that a table has.

    Args:
        result: what is stored, as an expression on tables that are assets of the same name.
        columns: of the stored table; those that are added when it is stored derive from nothing.
    """
    sources = sources_of(result)
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(dg.AssetKey(table), source)
                for table, source in sorted(sources.get(column, frozenset()))
            ]
            for column in columns
        }
    )


def snapshot_lineage(table: Table) -> dg.TableColumnLineage:
    """Of a snapshot of the reference database: each column that is read derives from the source's of the same name."""
    source = dg.AssetKey([REFERENCE_DATABASE, SOURCE_TABLES[table]])
    read = {field.name for field in source_fields(table)}
    return dg.TableColumnLineage(
        {name: [dg.TableColumnDep(source, name)] if name in read else [] for name in table.arrow_schema.names}
    )


def lineage_metadata(lineage: dg.TableColumnLineage) -> dict[str, Any]:
    """Metadata of a materialisation: the lineage for programs, and for people, since the free UI does not draw it."""
    # A row for each source: the asset page is narrow, and cuts what is wider.
    rows = [
        f"| {column if not number else ' '} | {source} |"
        for column, sources in lineage.deps_by_column.items()
        for number, source in enumerate(map(_shown, sources) if sources else ["(no column)"])
    ]
    return {
        "dagster/column_lineage": lineage,
        "columns_derive_from": dg.MetadataValue.md("\n".join(["| column | derives from |", "|---|---|", *rows])),
    }


def _shown(source: dg.TableColumnDep) -> str:
    return ".".join([*source.asset_key.path, source.column_name])
