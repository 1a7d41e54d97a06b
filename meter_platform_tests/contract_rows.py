"""Rows of any table, good ones and one for each way to break its contract.

What belongs here: values that follow from a contract's own words. What does not: what refuses them.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from meter_platform.warehouse import tables
from meter_platform.warehouse.tables import Table

Row = dict[str, Any]

_VALUES: Final[dict[str, Any]] = {
    "string": "text",
    "date32[day]": date(2021, 1, 1),
    "timestamp[us, tz=UTC]": datetime(2021, 1, 1, tzinfo=UTC),
    "int64": 1,
    "int32": 1,
    "bool": True,
    "decimal128(38, 20)": Decimal(1),
}

_WRONG: Final[dict[str, Callable[[str], Any]]] = {
    "at least": lambda bound: int(bound) - 1,
    "at most": lambda bound: int(bound) + 1,
    "one of": lambda choices: 99 if choices[0].isdigit() else "something else",
}

MISSING: Final = "a value is missing"


def good_row(table: Table) -> Row:
    """A row that obeys the contract."""
    row = {column.name: _VALUES[str(column.arrow_type)] for column in table.columns}
    row |= {name: value for name, value in (("register", "import"), ("quality", "actual")) if name in row}
    if table is tables.UNATTRIBUTED_CONSUMPTION:
        row["reason"] = "ended"
    if table is tables.SOURCE_FILE_VERSIONS:
        row["outcome"] = "read"
    if table is tables.FAILING_CHECKS:
        row["severity"] = "WARN"
    if table is tables.OPERATIONS_LOG:
        row["operation"] = "backup"
    if table is tables.WITHDRAWALS:
        row["what"] = "version"
    return row


def bad_rows(table: Table) -> Iterator[tuple[str, str, Row]]:
    """For each rule of each column, and each column without nulls: its name, the rule in words, a row that breaks it."""
    good = good_row(table)
    for column in table.columns:
        for words, _ in column.rules:
            kind = next(kind for kind in _WRONG if words.startswith(kind))
            value = _WRONG[kind](words.removeprefix(kind).strip())
            yield column.name, words, good | {column.name: Decimal(value) if column.is_energy else value}
        if not column.nullable:
            yield column.name, MISSING, good | {column.name: None}
