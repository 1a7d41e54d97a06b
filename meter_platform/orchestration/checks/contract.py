"""Does each stored table still obey its contract?

Rows pass the gate before they are stored, and Postgres holds the rules as constraints. What can go wrong afterwards is
done by hand: a column altered, a constraint dropped, rows edited without it. So the catalogue of Postgres is compared
with the contract, and rows are only counted where a constraint that would have stopped them is missing.
"""

from functools import partial
from typing import Final

import dagster as dg
from psycopg import sql

from meter_platform.orchestration.checks.finding import Check, Finding, Inspection
from meter_platform.warehouse import tables
from meter_platform.warehouse.tables import Table, rule_name

_COLUMNS: Final = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""

_CONSTRAINTS: Final = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND convalidated"

# Of a natively partitioned table the children have the key: one that lacks it may hold a half hour twice.
_KEYLESS: Final = """
SELECT relation.relname FROM pg_class AS relation
WHERE (relation.oid = %(table)s::regclass AND relation.relkind = 'r'
       OR relation.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %(table)s::regclass))
  AND NOT EXISTS (
    SELECT FROM pg_index WHERE indrelid = relation.oid AND indisprimary AND %(key)s = (
      SELECT array_agg(attname::text ORDER BY attname::text COLLATE "C") FROM pg_attribute
      WHERE attrelid = relation.oid AND attnum = ANY(indkey)))
"""


def obeys_contract(inspection: Inspection, table: Table) -> Finding:
    """The stored table has the contract's columns, types, key and rules, and no row that breaks them."""
    name = table.identifier.as_string(None)
    run = inspection.connection.execute
    columns = {column: (kind, not_null) for column, kind, not_null in run(_COLUMNS, (name,))}
    constraints = {constraint for (constraint,) in run(_CONSTRAINTS, (name,))}
    faults = [f"column {column} is not in the contract" for column in columns if column not in table.arrow_schema.names]
    broken: dict[str, sql.Composable] = {}
    for column in table.columns:
        kind, not_null = columns.get(column.name, (None, None))
        wanted = column.postgres_type.partition(" COLLATE")[0].replace("timestamptz", "timestamp with time zone")
        if kind != wanted:
            faults.append(f"column {column.name} is {kind or 'missing'}, not {wanted}")
            continue
        if not not_null and not column.nullable:
            broken[f"column {column.name} is null"] = sql.SQL("{} IS NULL").format(sql.Identifier(column.name))
        for number, (words, condition) in enumerate(column.rules, start=1):
            if rule_name(table, column, number) not in constraints:
                broken[f"column {column.name} is not {words}"] = sql.SQL("NOT ({})").format(condition)
    keyless = run(_KEYLESS, {"table": name, "key": sorted(table.key)})
    faults += [f"{relation} lacks the key {', '.join(table.key)}" for (relation,) in keyless]
    for words, condition in broken.items():
        (count,) = run(
            sql.SQL("SELECT count(*) FROM {} WHERE (reference_date = ANY(%s) OR reference_date IS NULL) AND {}").format(
                table.identifier, condition
            ),
            (list(inspection.dates),),
        ).fetchone() or (0,)
        faults.append(f"nothing keeps rows out whose {words}: {count:,} are stored")
    return Finding(failing={None: len(faults)} if faults else {}, what="departures from the contract", examples=faults)


def _check(table: Table) -> Check:
    evaluate = partial(obeys_contract, table=table)
    evaluate.__doc__ = obeys_contract.__doc__
    return Check(table, "obeys_contract", dg.AssetCheckSeverity.ERROR, evaluate)


CHECKS: Final = tuple(_check(table) for table in tables.ASSET_TABLES)
