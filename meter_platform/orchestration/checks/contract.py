"""Does each stored table still obey its contract?

Rows are validated before they are stored, and Postgres holds the rules as constraints. What can go wrong afterwards is
done by hand: a column altered, a constraint dropped or changed under its name, rows edited without it. So the catalogue
of Postgres is compared with the contract, and rows are only counted where a constraint that would have stopped them is
missing.
"""

from functools import partial
from typing import Any, Final

import dagster as dg
import psycopg
from psycopg import sql

from meter_platform.orchestration.checks.finding import Check, Finding, Inspection
from meter_platform.warehouse import tables
from meter_platform.warehouse.tables import Table, rule_name

_COLUMNS: Final = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""

_CONSTRAINTS: Final = """
SELECT conname, regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', ''), convalidated,
       (SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY(conkey))
FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c' ORDER BY conname
"""

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
    wanted_rules = _rules(inspection.connection, table)
    constraints = run(_CONSTRAINTS, (name,)).fetchall()
    # Of columns that were added to rows that obeyed, Postgres was not asked to see it.
    held = {
        definition
        for _, definition, validated, of_columns in constraints
        if validated or {*(of_columns or ())} & {*table.added_later}
    }
    faults = [f"column {column} is not in the contract" for column in columns if column not in table.arrow_schema.names]
    broken: dict[str, sql.Composable] = {}
    altered: set[str] = set()
    for column in table.columns:
        kind, not_null = columns.get(column.name, (None, None))
        wanted = column.postgres_type.partition(" COLLATE")[0].replace("timestamptz", "timestamp with time zone")
        if kind != wanted:
            altered.add(column.name)
            faults.append(f"column {column.name} is {kind or 'missing'}, not {wanted}")
            continue
        if not not_null and not column.nullable:
            broken[f"column {column.name} is null"] = sql.SQL("{} IS NULL").format(sql.Identifier(column.name))
        for number, (words, condition) in enumerate(column.rules, start=1):
            if wanted_rules[rule_name(table, column, number)] not in held:
                broken[f"column {column.name} is not {words}"] = sql.SQL("NOT ({})").format(condition)
    faults += [
        f"constraint {constraint} is not in the contract: {definition}"
        for constraint, definition, _, of_columns in constraints
        if definition not in wanted_rules.values() and altered.isdisjoint(of_columns or ())
    ]
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


def _rules(connection: psycopg.Connection[Any], table: Table) -> dict[str, str]:
    """The contract's rules as Postgres writes them, by the name of their constraint: of a table that is made for it."""
    made = sql.Identifier("pg_temp", "as_in_the_contract")
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(made, table.definitions()))
        found = connection.execute(_CONSTRAINTS, (made.as_string(None),)).fetchall()
    return {name: definition for name, definition, _, _ in found}


def _check(table: Table) -> Check:
    evaluate = partial(obeys_contract, table=table)
    evaluate.__doc__ = obeys_contract.__doc__
    return Check(table, "obeys_contract", dg.AssetCheckSeverity.ERROR, evaluate)


CHECKS: Final = tuple(_check(table) for table in tables.ASSET_TABLES)
