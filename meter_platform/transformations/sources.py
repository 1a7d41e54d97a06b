"""The platform's tables as dbt's sources: `python -m meter_platform.transformations.sources` writes the project's file.

What belongs here: the file's form. What is in it are the contracts; a test holds the two together.

Each source names the asset that it is (`meta.dagster.asset_key`), by which Dagster joins models to the graph.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from meter_platform.warehouse.tables import ASSET_TABLES, Table

FILE: Final = Path(__file__).parents[2] / "transformations" / "models" / "sources.yml"

_HEAD: Final = """\
# The platform's tables, written from their contracts by `python -m meter_platform.transformations.sources`.
# Do not edit: a test compares.
version: 2
sources:
"""


def sources() -> str:
    """The text of the file."""
    schemas = dict.fromkeys(table.schema for table in ASSET_TABLES)
    return _HEAD + "".join(f"{line}\n" for schema in schemas for line in _schema(schema))


def _schema(schema: str) -> Iterator[str]:
    yield f"  - name: {schema}"
    yield "    tables:"
    for table in ASSET_TABLES:
        if table.schema == schema:
            yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield f"      - name: {table.name}"
    yield f"        description: {_quoted(table.description)}"
    yield f"        config: {{meta: {{dagster: {{asset_key: [{table.name}]}}}}}}"
    yield "        columns:"
    for column in table.columns:
        yield f"          - name: {column.name}"
        yield f"            data_type: {column.postgres_type.partition(' COLLATE')[0]}"
        yield f"            description: {_quoted(column.comment)}"


def _quoted(text: str) -> str:
    """A text on one line, as YAML reads it: JSON's strings are YAML's."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)


if __name__ == "__main__":
    FILE.write_text(sources(), encoding="utf-8")
