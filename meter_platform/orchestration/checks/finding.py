"""What a check is, what it is given, and what it finds.

What belongs here: the common form of all checks, and how Dagster shows a finding. What does not: any one check.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, Final

import dagster as dg
import psycopg
from psycopg import sql

from meter_platform.contracts.readings import IMPROBABLE_KWH
from meter_platform.settings import Settings
from meter_platform.warehouse.tables import RAW_METER_READINGS, Table

_SHOWN: Final = 20
"""Failing dates and examples in the metadata, at most; `failing_count` is of all."""


@dataclass(frozen=True)
class Inspection:
    """What a check is given.

    Attributes:
        connection: to the platform's database. Each statement commits at once.
        dates: the reference dates to evaluate: the run's, or all that are stored.
        settings: of the platform.
        under_way: asks Dagster for the dates of other runs that are queued or under way.
        touched_only: of the readings only those of meterpoints are recounted that were touched since every reading was
            (`recount.py`).
    """

    connection: psycopg.Connection[Any]
    dates: Sequence[date]
    settings: Settings
    under_way: Callable[[], Set[date]]
    touched_only: bool = False
    _made: dict[Callable[["Inspection"], sql.Identifier], sql.Identifier] = field(default_factory=dict, repr=False)

    def once(self, make: Callable[["Inspection"], sql.Identifier]) -> sql.Identifier:
        """A temporary table that several checks query; `make` makes it for the first of them."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    @cached_property
    def recounted(self) -> sql.Composable:
        """An SQL condition on reference_date and meterpoint_id: whether the readings of that day are recounted."""
        if not self.touched_only:
            return sql.SQL("true")
        self.connection.execute("DROP TABLE IF EXISTS pg_temp.touched")
        self.connection.execute(
            "CREATE TEMP TABLE touched AS SELECT DISTINCT reference_date, meterpoint_id "
            "FROM raw_data.changes_in_place AS change JOIN raw_data.partition_versions AS readings "
            "USING (reference_date, table_name) WHERE table_name = 'raw_meter_readings' "
            "AND change.version > recounted_version AND reference_date = ANY(%s)",
            (list(self.dates),),
        )
        self.connection.execute("ANALYZE pg_temp.touched")
        return sql.SQL("(reference_date, meterpoint_id) IN (SELECT reference_date, meterpoint_id FROM pg_temp.touched)")

    @cached_property
    def readings_by_file(self) -> sql.Identifier:
        """The readings that are recounted, summed by date and file in one pass, for all checks that need such sums.

        A temporary table: reference_date, source_file_id, rows, kwh, improbable (rows above what a home's fuse passes),
        largest (kWh).
        """
        name = sql.Identifier("pg_temp", "readings_by_file")
        self.connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
        # CREATE TABLE AS, for Postgres computes it on all processors, and INSERT on one.
        self.connection.execute(
            sql.SQL(
                "CREATE TEMP TABLE readings_by_file AS "
                "SELECT reference_date, source_file_id, count(*) AS rows, sum(consumption_delta) AS kwh, "
                "count(*) FILTER (WHERE consumption_delta > {improbable}) AS improbable, "
                "max(consumption_delta) AS largest "
                "FROM {readings} WHERE reference_date = ANY({dates}::date[]) AND {recounted} GROUP BY 1, 2"
            ).format(
                recounted=self.recounted,
                improbable=sql.SQL(IMPROBABLE_KWH),
                readings=RAW_METER_READINGS.identifier,
                dates=sql.Literal(list(self.dates)),
            )
        )
        self.connection.execute(sql.SQL("ANALYZE {}").format(name))
        return name

    def rows(self, query: str, **parts: Table | sql.Composable) -> list[tuple[Any, ...]]:
        """Runs a query whose `%(dates)s` are the dates and whose `{names}` are tables, or SQL."""
        named = {name: part.identifier if isinstance(part, Table) else part for name, part in parts.items()}
        statement = sql.SQL(query).format(**named)
        return self.connection.execute(statement, {"dates": list(self.dates)}).fetchall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found. It passes where nothing fails.

    Attributes:
        failing: how many things fail on each failing date; under `None` those that belong to no date.
        what: what is counted, as in "missing half hours".
        examples: cases to look at. They name no meterpoint.
        facts: further figures and texts; figures are plotted over time.
    """

    failing: Mapping[date | None, int]
    what: str
    examples: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def and_more(self, other: "Finding") -> "Finding":
        """The same check's findings on some dates and on others."""
        facts = dict(self.facts)
        for name, value in other.facts.items():
            facts[name] = facts[name] + value if isinstance(value, int | float) and name in facts else value
        return replace(
            self, failing={**self.failing, **other.failing}, examples=[*self.examples, *other.examples], facts=facts
        )

    @property
    def passed(self) -> bool:
        """Whether nothing fails."""
        return not self.failing

    def result(self, check: "Check") -> dg.AssetCheckResult:
        """The finding as Dagster shows it."""
        count = sum(self.failing.values())
        dates = [day.isoformat() for day in self.failing if day]
        on = f" on {', '.join(dates[:3])}{' and others' if len(dates) > 3 else ''}" if dates else ""  # noqa: PLR2004 - a line
        metadata: dict[str, Any] = {"failing_count": count, **self.facts}
        if self.failing:
            metadata["failing_dates"] = dg.MetadataValue.table(
                [
                    dg.TableRecord({"reference_date": str(day or "none"), self.what: number})
                    for day, number in list(self.failing.items())[:_SHOWN]
                ]
            )
        if self.examples:
            metadata["examples"] = dg.MetadataValue.md("\n".join(f"- {example}" for example in self.examples[:_SHOWN]))
        return dg.AssetCheckResult(
            asset_key=check.table.name,
            check_name=check.name,
            passed=self.passed,
            severity=check.severity,
            description=f"no {self.what}" if self.passed else f"{count:,} {self.what}{on}",
            metadata=metadata,
        )


@dataclass(frozen=True, slots=True)
class Check:
    """A question about what is stored.

    Attributes:
        table: whose asset shows the answer.
        name: of the check.
        severity: ERROR where the platform is at fault, WARN where the data it was given is.
        evaluate: finds what fails. Its docstring is the check's description in the UI.
        of_each_reading: whether it reads all readings of its dates, which takes longer than all other checks.
        of_everything: whether it evaluates all dates each time, whatever the run's. Of any other check, a date that
            failed stays failed until it is evaluated again and passes.
    """

    table: Table
    name: str
    severity: dg.AssetCheckSeverity
    evaluate: Callable[[Inspection], Finding]
    of_each_reading: bool = False
    of_everything: bool = False

    @property
    def qualified_name(self) -> str:
        """`asset.check`, for people and for tables."""
        return f"{self.table.name}.{self.name}"

    @property
    def spec(self) -> dg.AssetCheckSpec:
        """The check as Dagster knows it before it has run."""
        return dg.AssetCheckSpec(
            self.name, asset=self.table.name, description=inspect.cleandoc(self.evaluate.__doc__ or "")
        )
