"""What an expression reads: an engine that has to fetch rows fetches the columns that are needed, and no others.

What belongs here: finding them out. What does not: fetching.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

import ibis
import pyarrow as pa
from ibis.common.graph import Graph
from ibis.expr import operations

DATE: Final = "reference_date"
"""The column that every stored table has, and that says which partition a row is of."""

_NAME_WHAT_THEY_TAKE: Final = (
    operations.Project,
    operations.Aggregate,
    operations.JoinChain,
    operations.JoinLink,
    operations.CountStar,
)
"""What takes no column of a relation but those that its expressions name."""

_HAND_ON: Final = (operations.Filter, operations.Sort, operations.Limit, operations.JoinReference)
"""Relations that have the columns of another one: those are needed of it that are needed of them."""


@dataclass(frozen=True, slots=True)
class Input:
    """A stored table that an expression reads.

    Attributes:
        schema: of the database.
        name: of the table.
        columns: that are read, and the reference date, in the table's order and with its types; all may be null.
    """

    schema: str
    name: str
    columns: pa.Schema


def inputs_of(expression: ibis.Table) -> list[Input]:
    """The tables that an expression reads.

    Args:
        expression: on tables made by `protocol.lazy`.
    """
    root = expression.op()
    needed: defaultdict[Any, set[str]] = defaultdict(set)
    needed[root].update(root.schema.names)
    in_order, _ = Graph.from_bfs(root).toposort()
    for node in reversed(list(in_order)):  # whatever needs a relation comes before it
        if isinstance(node, operations.Field):
            needed[node.rel].add(node.name)
        elif isinstance(node, _HAND_ON):
            needed[node.parent] |= needed[node]
        elif not isinstance(node, _NAME_WHAT_THEY_TAKE):
            for child in node.__children__:
                if isinstance(child, operations.Relation):
                    needed[child].update(child.schema.names)
    return [
        Input(
            table.namespace.database,
            table.name,
            pa.schema(
                [
                    field.with_nullable(nullable=True)
                    for field in table.schema.to_pyarrow()
                    if field.name in needed[table] | {DATE}
                ]
            ),
        )
        for table in root.find(operations.UnboundTable)
    ]
