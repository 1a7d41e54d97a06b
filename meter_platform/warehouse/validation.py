"""Validation before every write: data is brought into its contract's types and obeys its rules, or nothing is stored.

What belongs here: turning frames and Arrow tables into the contract's types without rounding, checking them with
pandera, and saying what is wrong in a way that a person can act on. What does not: the contracts, and writing.
"""

import copy
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from pandera.backends.pandas import builtin_checks  # noqa: F401 - pandera would load it in the middle of the first run
from pandera.config import ValidationDepth, config_context

from meter_platform.contracts.types import with_fewest_decimals
from meter_platform.errors import ContractError, first_line
from meter_platform.redaction import LONGEST_QUOTATION, quoted
from meter_platform.warehouse.tables import Table

REPEATED_KEY: Final = "the key occurs more than once"

_EXAMPLES: Final = 5
_LONGEST_REASON: Final = 200
"""Characters of what a library says about values: it quotes them, and they may be of any length."""
_IDENTITY: Final = re.compile(r"\d{6}")
"""Six digits in a row: a meterpoint's or an account's number, in whatever column it may stand by mistake."""
_QUOTED_IDENTITY: Final = re.compile(r"'[^']*\d{6}[^']*'")

_PERSONAL: Final = {"meterpoint_id", "account_id", "raw_text", "detail", "url"}
"""Columns whose values stay out of messages and metadata: they tell, or may tell, whose data it is."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of a contract that data breaks.

    Attributes:
        column: or the columns of the key, joined by commas.
        rule: in words.
        count: of the rows that break it.
        examples: of values, fit to be shown; empty where none may be.
    """

    column: str
    rule: str
    count: int
    examples: str


class ContractViolationError(ContractError):
    """Data breaks its contract. `violations` has a row for each rule that it breaks."""

    def __init__(self, table: str, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        broken = "; ".join(
            f"column {v.column}: {v.rule} ({v.count:,} row{'' if v.count == 1 else 's'}"
            f"{', such as ' + v.examples if v.examples else ''})"
            for v in self.violations
        )
        super().__init__(f"{table} was left as it was, for the new data breaks its contract: {broken}.")


def validate(
    table: Table, data: pd.DataFrame | pa.Table, *, unique: bool = True, without: Collection[str] = ()
) -> pa.Table:
    """Validates data against a table's contract.

    Args:
        table: whose contract the data must obey.
        data: the rows, with all of the contract's columns, in any order.
        unique: check the key as well; without it the caller has Postgres check it (for chunks of a larger whole).
        without: columns that the rows do not have, for each has one value in all of them, which the caller knows to be good.

    Returns:
        The rows in the contract's column order and types, decimals at the fewest decimals that keep them exact.

    Raises:
        ContractViolationError: naming each column, rule, count and examples.
    """
    arrow = typed(table, data, without=without)
    zero_bytes = [violation for name in arrow.column_names for violation in _zero_bytes(name, arrow[name])]
    if zero_bytes:
        raise ContractViolationError(table.qualified_name, zero_bytes)
    schema = _part(table.contract, unique=unique, without=frozenset(without))
    try:
        # Whatever pandera's own environment variables say.
        with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            schema.validate(arrow.to_pandas(types_mapper=pd.ArrowDtype), lazy=True)
    except pandera.errors.SchemaErrors as errors:
        raise ContractViolationError(table.qualified_name, _violations(table, errors.failure_cases)) from None
    return arrow


def typed(table: Table, data: pd.DataFrame | pa.Table, *, without: Collection[str] = ()) -> pa.Table:
    """Brings data into a contract's column order and types, without looking at the values.

    Raises:
        ContractViolationError: a column is missing, unknown, or cannot be had without loss.
    """
    names = list(data.columns) if isinstance(data, pd.DataFrame) else data.column_names
    fields = [field for field in table.arrow_schema if field.name not in without]
    wanted = [field.name for field in fields]
    wrong = [
        *(Violation(name, "the column is missing", len(data), "") for name in wanted if name not in names),
        *(
            Violation(_column_name(name), "the contract has no such column", len(data), "")
            for name in names
            if name not in wanted
        ),
        *(Violation(name, "the column is there twice", len(data), "") for name in wanted if names.count(name) > 1),
    ]
    if wrong:
        raise ContractViolationError(table.qualified_name, wrong)
    columns = []
    for field in fields:
        try:
            columns.append(_cast(data[field.name], field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError, TypeError) as error:
            why = "" if field.name in _PERSONAL else f": {_why(error)}"
            violation = Violation(field.name, f"the values are not of type {field.type}{why}", len(data), "")
            raise ContractViolationError(table.qualified_name, [violation]) from None
    return with_fewest_decimals(pa.table(columns, names=wanted))


def _zero_bytes(name: str, column: pa.ChunkedArray) -> Iterator[Violation]:
    """Refuses text that Postgres cannot hold, whatever the contract says of it. The rows are named, not the values."""
    if not pa.types.is_string(column.type) or all(map(_is_free_of_zeros, column.chunks)):
        return
    rows = pc.indices_nonzero(pc.match_substring(column, "\0").fill_null(fill_value=False)).to_pylist()
    if rows:
        shown = ", ".join(f"row {row + 1:,}" for row in rows[:_EXAMPLES])
        yield Violation(name, "a text holds a zero byte (NUL), which Postgres cannot store", len(rows), shown)


def _is_free_of_zeros(chunk: pa.StringArray) -> bool:
    """Whether none of a chunk's texts holds a zero byte. All bytes at once take a tenth of the time of text by text."""
    texts = chunk.buffers()[-1]
    return texts is None or bool(np.all(np.frombuffer(texts, np.uint8)))


def _cast(values: Any, wanted: pa.DataType) -> pa.ChunkedArray:  # noqa: ANN401 - a pandas or an Arrow column
    """A column as the wanted type, if that loses nothing.

    Raises:
        pa.ArrowInvalid and its like: saying why not.
    """
    if isinstance(values, pd.Series):
        values = pa.chunked_array([pa.Array.from_pandas(values)]) if values.dtype != "object" else _of_objects(values)
    given = values.type
    if given == wanted or (pa.types.is_decimal(given) and pa.types.is_decimal(wanted) and given.scale <= wanted.scale):
        return values
    if values.null_count < len(values):
        _refuse_loss(values, wanted)
    if pa.types.is_integer(given) and pa.types.is_decimal(wanted):
        return values.cast(pa.decimal128(wanted.precision, 0))
    if isinstance(given, pa.ExtensionType):
        values = values.cast(given.storage_type)  # how ADBC hands over `numeric`: as exact text
    return values.cast(wanted)


def _refuse_loss(values: pa.ChunkedArray, wanted: pa.DataType) -> None:
    """Refuses what Arrow would convert although it means something else afterwards."""
    given = values.type
    if pa.types.is_floating(given) and not pa.types.is_floating(wanted):
        raise pa.ArrowInvalid("binary floats have been rounded already: use decimal.Decimal, integers or text")
    if not pa.types.is_timestamp(given):
        return
    if pa.types.is_timestamp(wanted) and given.tz is None:
        raise pa.ArrowInvalid("times without a zone may be any: make them aware")
    if pa.types.is_date(wanted) and (given.tz or values.cast(wanted).cast(given) != values):
        raise pa.ArrowInvalid("instants are not dates: say which day they belong to")


def _of_objects(values: pd.Series) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values.tolist(), from_pandas=True)])


@cache
def _part(contract: type[pandera.DataFrameModel], *, unique: bool, without: frozenset[str]) -> pandera.DataFrameSchema:
    """A contract without its key, or without some columns."""
    schema = contract.to_schema()
    if not unique or without:
        schema = copy.deepcopy(schema)
        schema.unique = schema.unique if unique else None
        schema = schema.remove_columns(list(without)) if without else schema
    return schema


def _violations(table: Table, cases: pd.DataFrame) -> list[Violation]:
    """Pandera's failure cases, one row a value, as one row a rule."""
    words = {
        (column.name, check.error): rule
        for column in table.columns
        for check, (rule, _) in zip(table.pandera_schema.columns[column.name].checks, column.rules, strict=True)
    }
    violations = []
    repeated = cases["check"] == "multiple_fields_uniqueness"
    if repeated.any():  # each column of the key has a case of its own
        rows = cases.loc[repeated, "index"].nunique()
        violations.append(Violation(", ".join(table.key), REPEATED_KEY, rows, ""))
    for (column, rule), group in cases[~repeated].groupby(["column", "check"], dropna=False, sort=False):
        name = _column_name(column) if isinstance(column, str) else "(table)"
        said = "a value is missing" if rule == "not_nullable" else words.get((name, rule), str(rule))
        hidden = name in _PERSONAL or rule == "not_nullable"
        values = [] if hidden else [_shown(value) for value in group["failure_case"].head(_EXAMPLES)]
        violations.append(Violation(name, said, len(group), ", ".join(values)))
    return violations


def _column_name(name: object) -> str:
    """The name of a column, quoted and cut where it is not a plain one: a source may have chosen it."""
    text = str(name)
    return text if text.isidentifier() and len(text) <= LONGEST_QUOTATION else _shown(text)


def _why(error: Exception) -> str:
    """What Arrow says of values that it cannot convert, without those that may be ids, and cut: Arrow quotes them whole."""
    line = first_line(error).rstrip(".")
    line = _QUOTED_IDENTITY.sub("'…'", line)
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"


def _shown(value: object) -> str:
    """A value as an example: a number as it is written, unless its zeros fill a page; a text as a short quotation."""
    if isinstance(value, Decimal):
        plain = abs(value.adjusted()) <= LONGEST_QUOTATION if value.is_finite() else False
        return f"{value.normalize():f}" if plain else str(value)
    text = str(value)
    if isinstance(value, str | bytes) and _IDENTITY.search(text):
        return f"a text of {len(text):,} characters with a long number in it"
    return quoted(value) if isinstance(value, str | bytes) or len(text) > LONGEST_QUOTATION else text
