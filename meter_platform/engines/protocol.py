"""What an engine is: partitions of stored tables in, an expression, a stream of Arrow out.

What belongs here: the protocol, and the values that cross it. What does not: any one engine.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import ibis
import pyarrow as pa

from meter_platform.stages import run_ahead
from meter_platform.warehouse.tables import Table

Versions = Mapping[str, Mapping[date, int]]
"""Of tables, by name, the version of each date that an expression is computed from (`warehouse.partition_notes.versions`); 0
where none is known.

Taken before the first row is read: what an engine keeps under a version is never older than it."""


def lazy(table: Table) -> ibis.Table:
    """A stored table for expressions: its name and its contract's columns, of no engine."""
    return ibis.table(ibis.Schema.from_pyarrow(table.arrow_schema), name=table.name, database=table.schema)


@dataclass(slots=True)
class Computation:
    """An expression on its way.

    Attributes:
        rows: the result in chunks of some thousands of rows, once; computed while they are taken. Closing it ends the
            computation.
        facts: about how it was computed, for people. Complete once all rows were taken.
        origins: of each date of the tables that were read, by name, where its rows came from. Complete as `facts` is;
            empty where the engine has the tables itself.
    """

    rows: Generator[pa.Table]
    facts: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Mapping[date, str]] = field(default_factory=dict)


def computed_ahead(rows: Callable[[dict[str, Any], dict[str, Mapping[date, str]]], Iterator[pa.Table]]) -> Computation:
    """A computation that is some chunks ahead of whoever takes its rows, in a thread of its own.

    Args:
        rows: makes the result. It is given the facts and the origins, and completes them on its way.
    """
    facts: dict[str, Any] = {}
    origins: dict[str, Mapping[date, str]] = {}
    return Computation(run_ahead(rows(facts, origins)), facts, origins)


class Engine(Protocol):
    """Computes expressions on stored tables."""

    @property
    def name(self) -> str:
        """As `METER_PLATFORM_ENGINE` has it."""

    def compute(self, expression: ibis.Table, versions: Versions) -> Computation:
        """Computes an expression.

        Args:
            expression: on tables made by `lazy`. It takes the dates that it needs out of them itself.
            versions: of the dates of every table that it is made of. No other date is read.

        Raises:
            MeterPlatformError: the engine cannot be used; as the rows are taken at the latest.
        """

    def close(self) -> None:
        """Gives back what the engine holds. It is not used again."""


class PartitionSource(Protocol):
    """Where an engine that keeps no tables of its own reads partitions from."""

    def stream(
        self, table: str, versions: Mapping[date, int], columns: Sequence[str]
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        """The rows of some dates of a table, as one snapshot has them.

        Args:
            table: by name.
            versions: of the reference dates, as `Versions` has them. What is read is never older.
            columns: of the table, in this order.

        Returns:
            A reader that ends with its context. Energy is a decimal, or exact text; every other column has the contract's
            type.
        """

    def origins(self, table: str, versions: Mapping[date, int]) -> Mapping[date, str]:
        """Where `stream` finds each of these dates, in a word for people."""
