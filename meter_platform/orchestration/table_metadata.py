"""What the UI shows of a table: its name, its columns, what they mean and which rules they keep."""

from typing import Any

import dagster as dg

from meter_platform.warehouse.tables import Table


def column_schema(table: Table) -> dg.TableSchema:
    """A contract as Dagster shows it: columns, types, meaning, constraints."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.postgres_type.partition(" COLLATE")[0],
                description=column.comment,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable,
                    unique=table.key == (column.name,),
                    other=[words for words, _ in column.rules],
                ),
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(other=[f"unique: {', '.join(table.key)}"]),
    )


def definition_metadata(table: Table) -> dict[str, Any]:
    """What the UI shows of a stored asset before it is ever materialised."""
    return {
        "dagster/table_name": table.qualified_name,
        "dagster/column_schema": column_schema(table),
        "partition_expr": "reference_date",
    }
