"""What an engine is: partitions of stored tables in, an expression, a stream of Arrow out.

What belongs here: the protocol, and the values that cross it. What does not: any one engine.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
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
    """Where an engine that keeps no tables of its own reads partitions from: it has all of them."""

    name: str
    """What people are told that rows came from."""

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


class FileSource(Protocol):
    """Where an engine finds partitions as Parquet files, which it reads itself: those that are kept so."""

    name: str
    """What people are told that rows came from."""

    folder: Path | None
    """Of this machine, with all files; `None` where they are objects of a store."""

    def urls(self, table: str, versions: Mapping[date, int]) -> Mapping[date, Sequence[str]]:
        """The files of dates of a table, for whoever reads where they are kept.

        Args:
            table: by name.
            versions: of the reference dates, as `Versions` has them.

        Returns:
            The URLs of the files of each date that is kept as files in this version; they hold rows of that date and no
            others, and need not have it as a column.
        """

    def local(self, table: str, versions: Mapping[date, int], fetched: Path) -> Mapping[date, Sequence[Path]]:
        """The same files on this machine: in `folder`, or fetched.

        Args:
            table: by name.
            versions: of the reference dates, as `Versions` has them.
            fetched: a folder for files of an object store. What is there already is not fetched again.

        Returns:
            The files of each date that is kept as files in this version, each below a folder `reference_date=…`.
        """


def origins_of(
    versions: Mapping[date, int], source: PartitionSource, files: FileSource | None, kept: Collection[date]
) -> dict[date, str]:
    """Where the rows of dates came from, for people.

    Args:
        versions: of the dates that were read.
        source: of those that are not kept as files.
        files: the others'.
        kept: which those are.
    """
    return {day: files.name if files and day in kept else source.name for day in versions}
