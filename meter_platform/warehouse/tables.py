"""Binds each contract to its Postgres table: names, types, keys, constraints, comments, partitioning.

What belongs here: everything that follows from a contract and is about Postgres, as values and SQL text. What does not:
a second list of columns (contracts have the only one), connections (`database.py`), Dagster.

Postgres enforces what the contract says: not null, the key, and each value rule as a CHECK constraint, so that a table
that anyone changes by hand still obeys.
"""

import inspect
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from psycopg import sql

from meter_platform.contracts import analytics, operations, raw_data
from meter_platform.contracts.readings import UNSAID
from meter_platform.contracts.types import Energy
from meter_platform.warehouse import models

PARTITIONS_SCHEMA: Final = "raw_data_partitions"
"""Where the daily children of natively partitioned tables live, so that `raw_data` lists tables and nothing else."""

_POSTGRES_TYPES: Final[dict[pa.DataType, str]] = {
    # Ids sort by bytes: comparing them takes half the time of a language's collation, and means the same everywhere.
    pa.string(): 'text COLLATE "C"',
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamptz",
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.bool_(): "boolean",
}

_ALIGNED: Final[dict[pa.DataType, int]] = {
    pa.timestamp("us", tz="UTC"): 8,
    pa.int64(): 8,
    pa.int32(): 4,
    pa.date32(): 4,
}
"""Bytes of which the place of a value in its row is a multiple; of all others one, in all but long texts."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, as its contract has it."""

    name: str
    arrow_type: pa.DataType
    postgres_type: str
    nullable: bool
    description: str
    unit: str | None
    rules: tuple[tuple[str, sql.Composable], ...]
    """Each value rule in words, and as an SQL condition that holds for a good row."""

    @property
    def is_energy(self) -> bool:
        """Whether the column holds exact decimals."""
        return bool(pa.types.is_decimal(self.arrow_type))

    @property
    def comment(self) -> str:
        """The column's meaning, with its unit."""
        return f"{self.description} [{self.unit}]" if self.unit else self.description


@dataclass(frozen=True)
class Table:
    """A contract and the Postgres table it describes."""

    schema: str
    contract: type[pandera.DataFrameModel]
    natively_partitioned: bool = field(default=False, kw_only=True)
    """Each reference date has a child table, which is replaced whole; else a date's rows are replaced in place."""
    added_later: tuple[str, ...] = field(default=(), kw_only=True)
    """Columns that a child may get when it has its rows already, each with one value in all of them that obeys the rules.
    Postgres would read all rows to see that they obey: so these rules hold for rows that are written from then on."""
    view: str | None = field(default=None, kw_only=True)
    """The query of a table that is derived and never written to."""

    @cached_property
    def pandera_schema(self) -> pandera.DataFrameSchema:
        """The contract, ready to validate a frame."""
        return self.contract.to_schema()

    @property
    def name(self) -> str:
        """The table's name within its schema."""
        return str(self.pandera_schema.name)

    @property
    def qualified_name(self) -> str:
        """`schema.table`, for people."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """`"schema"."table"`, for SQL."""
        return sql.Identifier(self.schema, self.name)

    @property
    def description(self) -> str:
        """What a row of the table means."""
        return inspect.cleandoc(self.contract.__doc__ or "")

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row."""
        return tuple(self.pandera_schema.unique or ())

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns in the contract's order."""
        return tuple(_column(name, column) for name, column in self.pandera_schema.columns.items())

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The table as Arrow has it."""
        return pa.schema([pa.field(c.name, c.arrow_type, nullable=c.nullable) for c in self.columns])

    def create_statements(self) -> Iterator[sql.Composable]:
        """The DDL: table, constraints, indexes, comments. Every statement may run again."""
        if self.view:
            yield sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(self.identifier, sql.SQL(self.view))
        else:
            yield self._create_table()
        for name in self.added_later:
            yield from self._rules_for_new_rows(self._column(name))
        if "reference_date" in self.arrow_schema.names and not (
            self.view or self.natively_partitioned or self.key[0] == "reference_date"
        ):
            yield sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} (reference_date)").format(
                sql.Identifier(f"{self.name}_reference_date"), self.identifier
            )
        kind = sql.SQL("VIEW" if self.view else "TABLE")
        yield sql.SQL("COMMENT ON {} {} IS {}").format(kind, self.identifier, sql.Literal(self.description))
        for column in self.columns:
            yield sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                self.identifier, sql.Identifier(column.name), sql.Literal(column.comment)
            )

    def _create_table(self) -> sql.Composed:
        columns = [self._column_definition(each, checked=each.name not in self.added_later) for each in self.columns]
        key = [] if self.natively_partitioned else [sql.SQL("PRIMARY KEY ({})").format(_names(self.key))]
        return sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}){}").format(
            self.identifier,
            _lines([*columns, *key]),
            sql.SQL(" PARTITION BY LIST (reference_date)" if self.natively_partitioned else ""),
        )

    def _rules_for_new_rows(self, column: Column) -> Iterator[sql.Composable]:
        # Postgres has no `IF NOT EXISTS` for constraints, and one that is made with its table is held against all rows.
        for name, check in self._checks(column):
            yield sql.SQL(
                "DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = {}::regclass AND conname = {}) "
                "THEN ALTER TABLE {} ADD {} NOT VALID; END IF; END$$"
            ).format(sql.Literal(self.identifier.as_string(None)), sql.Literal(name), self.identifier, check)

    def definition(self, name: str, *, checked: bool = True) -> sql.Composable:
        """A column as it stands between the parentheses of `definitions`."""
        return self._column_definition(self._column(name), checked=checked)

    def checks(self, name: str) -> list[sql.Composed]:
        """The contract's rules for a column's values, as constraints that a table may be given."""
        return [check for _, check in self._checks(self._column(name))]

    def definitions(
        self, *more: sql.Composable, checked: bool = True, packed: bool = False, without: Collection[str] = ()
    ) -> sql.Composed:
        """What stands between the parentheses of a table like this one, its key apart.

        Postgres's own `LIKE` would keep the table from being changed until the transaction ends.

        Args:
            more: further constraints.
            checked: with the contract's rules for values.
            packed: columns in the order that leaves no gaps in a row, which a child may have beside its parent's.
            without: names of columns that are added later.
        """
        columns = tuple(column for column in self.columns if column.name not in without)
        if packed:
            columns = tuple(sorted(columns, key=lambda column: -_ALIGNED.get(column.arrow_type, 1)))
        return _lines([*(self._column_definition(column, checked=checked) for column in columns), *more])

    def _column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def _column_definition(self, column: Column, *, checked: bool) -> sql.Composed:
        null = sql.SQL("" if column.nullable else " NOT NULL")
        checks = sql.SQL("").join(sql.SQL(" ") + check for _, check in (self._checks(column) if checked else ()))
        return sql.SQL("{} {}{}{}").format(sql.Identifier(column.name), sql.SQL(column.postgres_type), null, checks)

    def _checks(self, column: Column) -> Iterator[tuple[str, sql.Composed]]:
        for number, (_, condition) in enumerate(column.rules, start=1):
            name = rule_name(self, column, number)
            yield name, sql.SQL("CONSTRAINT {} CHECK ({})").format(sql.Identifier(name), condition)


def _lines(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL("\n  {}\n").format(sql.SQL(",\n  ").join(parts))


def rule_name(table: Table, column: Column, number: int) -> str:
    """The name of the CHECK constraint for a column's rule, counted from 1."""
    return f"{table.name}_{column.name}_{number}"


def _names(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def _column(name: str, column: pandera.Column) -> Column:
    metadata = column.metadata or {}
    if isinstance(column.dtype, Energy):
        arrow_type: pa.DataType = pa.decimal128(column.dtype.precision, column.dtype.scale)
        postgres_type = "numeric"
    else:
        pandas_dtype = column.dtype.type
        if not isinstance(pandas_dtype, pd.ArrowDtype):
            raise TypeError(f"column {name!r} is typed outside contracts/types.py: {column.dtype}")
        arrow_type = pandas_dtype.pyarrow_dtype
        postgres_type = metadata.get("postgres_type", _POSTGRES_TYPES[arrow_type])
    return Column(
        name=name,
        arrow_type=arrow_type,
        postgres_type=postgres_type,
        nullable=bool(column.nullable),
        description=column.description or "",
        unit=metadata.get("unit"),
        rules=tuple(_rule(name, check) for check in column.checks),
    )


def _rule(name: str, check: pandera.Check) -> tuple[str, sql.Composable]:
    """A contract's check in words and in SQL: a contract may only say what both can."""
    statistics: dict[str, Any] = check.statistics or {}
    column = sql.Identifier(name)
    match check.name, statistics:
        case "greater_than_or_equal_to", {"min_value": bound}:
            return f"at least {bound}", sql.SQL("{} >= {}").format(column, sql.Literal(bound))
        case "less_than_or_equal_to", {"max_value": bound}:
            return f"at most {bound}", sql.SQL("{} <= {}").format(column, sql.Literal(bound))
        case "isin", {"allowed_values": values}:
            choices = sorted(values)
            return f"one of {', '.join(map(str, choices))}", sql.SQL("{} IN ({})").format(
                column, sql.SQL(", ").join(map(sql.Literal, choices))
            )
    raise TypeError(f"the rule {check.name!r} of column {name!r} has no SQL form: add it to tables.py")


RAW_METER_READINGS: Final = Table(
    "raw_data", raw_data.RawMeterReadings, natively_partitioned=True, added_later=tuple(UNSAID)
)
RAW_AGREEMENTS: Final = Table("raw_data", raw_data.RawAgreements)
RAW_PRODUCTS: Final = Table("raw_data", raw_data.RawProducts)
RAW_METERPOINTS: Final = Table("raw_data", raw_data.RawMeterpoints)
REJECTED_READINGS: Final = Table("raw_data", raw_data.RejectedReadings)
SUPERSEDED_READINGS: Final = Table("raw_data", raw_data.SupersededReadings)
REDELIVERED_READINGS: Final = Table("raw_data", raw_data.RedeliveredReadings)
REPEATED_READINGS: Final = Table("raw_data", raw_data.RepeatedReadings)
WITHDRAWN_READINGS: Final = Table("raw_data", raw_data.WithdrawnReadings)
WITHDRAWALS: Final = Table("raw_data", raw_data.Withdrawals)
SOURCE_FILE_VERSIONS: Final = Table("raw_data", raw_data.SourceFileVersions)
SOURCE_FILE_DATES: Final = Table("raw_data", raw_data.SourceFileDates)
# A view, so that runs of different dates that load the same file never wait for each other to count.
SOURCE_FILES: Final = Table(
    "raw_data",
    raw_data.SourceFiles,
    view="""
SELECT version.*,
       dates.reference_date,
       coalesce(dates.rows_per_reference_date, '{}') AS rows_per_reference_date,
       coalesce(dates.rows_stored, 0) AS rows_stored,
       coalesce(dates.rows_redelivered, 0) AS rows_redelivered,
       coalesce(dates.rows_replaced, 0) AS rows_replaced,
       coalesce(dates.rows_withdrawn, 0) AS rows_withdrawn,
       coalesce(dates.rows_pending, 0) AS rows_pending,
       dates.loaded_at,
       coalesce(dates.rows_pruned, 0) AS rows_pruned
FROM raw_data.source_file_versions AS version
LEFT JOIN LATERAL (
  SELECT max(reference_date) AS reference_date,
         jsonb_object_agg(reference_date, rows_accepted) AS rows_per_reference_date,
         sum(rows_stored)::bigint AS rows_stored,
         sum(rows_redelivered)::bigint AS rows_redelivered,
         sum(rows_replaced)::bigint AS rows_replaced,
         sum(rows_withdrawn)::bigint AS rows_withdrawn,
         (sum(rows_accepted) FILTER (WHERE loaded_at IS NULL))::bigint AS rows_pending,
         max(loaded_at) AS loaded_at,
         sum(rows_pruned)::bigint AS rows_pruned
  FROM raw_data.source_file_dates
  WHERE source_file_id = version.source_file_id
) AS dates ON true""",
)
SCANNED_FOLDERS: Final = Table("raw_data", raw_data.ScannedFolders)

# A view with its owner's rights: who counts files for the metrics may not see their names.
NEWEST_FILE_VERSIONS: Final = Table(
    "raw_data",
    raw_data.NewestFileVersions,
    view="""
SELECT source_file_id, delivered_at, outcome
FROM raw_data.source_file_versions AS version
WHERE NOT EXISTS (SELECT FROM raw_data.source_file_versions AS newer
                  WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at)""",
)

PARTITION_VERSIONS: Final = Table("raw_data", raw_data.PartitionVersions)
CHANGES_IN_PLACE: Final = Table("raw_data", raw_data.ChangesInPlace)
FAILED_PARTITIONS: Final = Table("raw_data", raw_data.FailedPartitions)
FAILING_CHECKS: Final = Table("raw_data", raw_data.FailingChecks)
DELETED_FILES: Final = Table("raw_data", raw_data.DeletedFiles)
ERASED_METERPOINTS: Final = Table("raw_data", raw_data.ErasedMeterpoints)
ERASED_METERS: Final = Table("raw_data", raw_data.ErasedMeters)
PRUNED_DATES: Final = Table("raw_data", raw_data.PrunedDates)
DATES_PUT_AWAY: Final = Table("raw_data", raw_data.DatesPutAway)

OPERATIONS_LOG: Final = Table("operations", operations.OperationsLog)

ACTIVE_AGREEMENTS: Final = Table("analytics", analytics.ActiveAgreements)
HALF_HOURLY_CONSUMPTION: Final = Table("analytics", analytics.HalfHourlyConsumption)
DAILY_PRODUCT_CONSUMPTION: Final = Table("analytics", analytics.DailyProductConsumption)
UNATTRIBUTED_CONSUMPTION: Final = Table("analytics", analytics.UnattributedConsumption)
METERPOINT_COMPLETENESS: Final = Table("analytics", analytics.MeterpointCompleteness)

TABLES: Final = (
    RAW_METER_READINGS,
    RAW_AGREEMENTS,
    RAW_PRODUCTS,
    RAW_METERPOINTS,
    REJECTED_READINGS,
    SUPERSEDED_READINGS,
    REDELIVERED_READINGS,
    REPEATED_READINGS,
    WITHDRAWN_READINGS,
    WITHDRAWALS,
    SOURCE_FILE_VERSIONS,
    SOURCE_FILE_DATES,
    SOURCE_FILES,
    NEWEST_FILE_VERSIONS,
    SCANNED_FOLDERS,
    PARTITION_VERSIONS,
    CHANGES_IN_PLACE,
    FAILED_PARTITIONS,
    FAILING_CHECKS,
    DELETED_FILES,
    ERASED_METERPOINTS,
    ERASED_METERS,
    PRUNED_DATES,
    DATES_PUT_AWAY,
    OPERATIONS_LOG,
    ACTIVE_AGREEMENTS,
    HALF_HOURLY_CONSUMPTION,
    DAILY_PRODUCT_CONSUMPTION,
    UNATTRIBUTED_CONSUMPTION,
    METERPOINT_COMPLETENESS,
)

_BY_NAME: Final = {table.name: table for table in TABLES}


def by_name(name: str) -> Table:
    """The table of a name."""
    return _BY_NAME[name]


ASSET_TABLES: Final = (
    RAW_METER_READINGS,
    RAW_AGREEMENTS,
    RAW_PRODUCTS,
    RAW_METERPOINTS,
    REJECTED_READINGS,
    SUPERSEDED_READINGS,
    ACTIVE_AGREEMENTS,
    HALF_HOURLY_CONSUMPTION,
    DAILY_PRODUCT_CONSUMPTION,
    UNATTRIBUTED_CONSUMPTION,
    METERPOINT_COMPLETENESS,
)
"""The tables that are assets, in the order of the graph; the others are the platform's own accounts."""
DATA_TABLES: Final = tuple(
    table for table in TABLES if table not in (SCANNED_FOLDERS, OPERATIONS_LOG, ERASED_METERPOINTS, ERASED_METERS)
)
"""What is stored of reference dates and files, and the accounts of it: what the app shows."""

SCHEMAS: Final = ("raw_data", "analytics", models.SCHEMA, PARTITIONS_SCHEMA, "operations")

_LOOKUPS: Final = (
    "CREATE SEQUENCE IF NOT EXISTS raw_data.source_file_id",
    "CREATE SEQUENCE IF NOT EXISTS raw_data.partition_version",
    "CREATE SEQUENCE IF NOT EXISTS raw_data.withdrawal_id",
    "CREATE SEQUENCE IF NOT EXISTS raw_data.change_id",
    "CREATE INDEX IF NOT EXISTS source_file_versions_url ON raw_data.source_file_versions (url)",
    # Checks of every run look for these few among all files that were ever read.
    """CREATE INDEX IF NOT EXISTS source_file_versions_quarantined
       ON raw_data.source_file_versions (source_file_id) WHERE outcome <> 'read'""",
    """CREATE INDEX IF NOT EXISTS source_file_versions_ambiguous
       ON raw_data.source_file_versions (source_file_id) WHERE rows_ambiguous > 0""",
    """CREATE INDEX IF NOT EXISTS source_file_versions_empty
       ON raw_data.source_file_versions (source_file_id) WHERE first_interval IS NULL""",
    """CREATE INDEX IF NOT EXISTS source_file_versions_ahead
       ON raw_data.source_file_versions (source_file_id) WHERE modified_at > seen_at""",
    "CREATE INDEX IF NOT EXISTS source_file_versions_rules ON raw_data.source_file_versions (reading_rules)",
    "CREATE INDEX IF NOT EXISTS source_file_dates_file ON raw_data.source_file_dates (source_file_id)",
    """CREATE INDEX IF NOT EXISTS source_file_dates_pending
       ON raw_data.source_file_dates (reference_date) WHERE loaded_at IS NULL""",
)


def ddl() -> str:
    """The whole database in SQL. Running it again changes nothing."""
    statements: list[sql.Composable] = [
        sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)) for schema in SCHEMAS
    ]
    for table in TABLES:
        statements.extend(table.create_statements())
    statements.extend(sql.SQL(statement) for statement in _LOOKUPS)
    return sql.SQL(";\n").join(statements).as_string(None)
