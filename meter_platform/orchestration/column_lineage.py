"""Which columns of which tables each column of a result is made from, read off the expression that makes it.

What belongs here: walking an Ibis expression, and Dagster's form of what is found. What does not: a list of columns.
"""

from collections.abc import Iterable
from functools import cache

import dagster as dg
import ibis
import ibis.expr.operations as ops
from ibis.common.graph import Node

Source = tuple[str, str]
"""A stored table's name, and a column of it."""


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
    """The same as Dagster shows it, for the columns that a table has.

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
