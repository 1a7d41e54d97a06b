"""Dates that failed a check in an earlier run: each stays failed until it is evaluated again and passes.

Dagster shows only the last result of a check. So the failing dates of each check are kept in `raw_data.failing_checks`.
The next run evaluates them again as far as that is cheap, and its results name the others.

What belongs here: keeping failing dates, and adding them to a finding. What does not: evaluating checks.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg

from meter_platform.orchestration.checks.finding import Check, Finding

AGAIN_DATES: Final = 31
"""Failing dates that a run evaluates besides its own, at most: those that were evaluated longest ago."""

AGAIN_READINGS: Final = 200_000
"""Readings of such dates together, at most: counting them takes some 20 ms."""


@dataclass(frozen=True)
class Standing:
    """The failing dates of the checks of a run.

    Attributes:
        connection: to the platform's database; each statement is committed at once.
        failing: for each check its failing dates, and how many things failed on each at the last evaluation.
        again: the failing dates to evaluate again now.
        everything: whether all stored dates are evaluated: then no other date stays failed.
    """

    connection: psycopg.Connection[Any]
    failing: Mapping[str, Mapping[date, int]]
    again: Sequence[date] = ()
    everything: bool = False

    @classmethod
    def of(
        cls,
        connection: psycopg.Connection[Any],
        checks: Iterable[Check],
        dates: Sequence[date],
        *,
        everything: bool,
        under_way: Callable[[], Set[date]],
    ) -> "Standing":
        """The failing dates that are on record.

        Args:
            connection: to the platform's database, committing each statement.
            checks: that are about to be evaluated.
            dates: that they are evaluated for anyway.
            everything: whether these are all that is stored.
            under_way: asks for the dates of other runs that are under way: their own checks evaluate those.
        """
        names = [check.qualified_name for check in checks if not check.of_everything]
        failing: dict[str, dict[date, int]] = {}
        for name, day, count in connection.execute(
            "SELECT check_name, reference_date, failing_count FROM raw_data.failing_checks "
            "WHERE check_name = ANY(%s) ORDER BY 1, 2",
            (names,),
        ):
            failing.setdefault(name, {})[day] = count
        elsewhere = {day for days in failing.values() for day in days}.difference(dates)
        again = [] if everything or not elsewhere else _again(connection, elsewhere - under_way())
        return cls(connection, failing, again, everything)

    def with_earlier(self, check: Check, finding: Finding, looked_at: Iterable[date]) -> Finding:
        """Keeps what a check found, and adds its failing dates for which it was not evaluated.

        Args:
            check: the check.
            finding: what it found.
            looked_at: the dates for which it was evaluated.
        """
        if check.of_everything:
            return finding
        before = self.failing.get(check.qualified_name, {})
        now = {day: count for day, count in finding.failing.items() if day}
        seen = set(before) if self.everything else {*looked_at, *now}
        if mended := [day for day in before if day in seen and day not in now]:
            self.connection.execute(
                "DELETE FROM raw_data.failing_checks WHERE check_name = %s AND reference_date = ANY(%s)",
                (check.qualified_name, mended),
            )
        if now:
            self.connection.execute(
                "INSERT INTO raw_data.failing_checks "
                "(check_name, reference_date, failing_count, what, severity, looked_at) "
                "SELECT %s, day, failing, %s, %s, %s FROM unnest(%s::date[], %s::bigint[]) AS found(day, failing) "
                "ON CONFLICT (check_name, reference_date) DO UPDATE SET failing_count = excluded.failing_count, "
                "what = excluded.what, severity = excluded.severity, looked_at = excluded.looked_at",
                (
                    check.qualified_name,
                    finding.what,
                    check.severity.value,
                    datetime.now(UTC),
                    list(now),
                    list(now.values()),
                ),
            )
        earlier = {day: count for day, count in before.items() if day not in seen}
        if not earlier:
            return finding
        return replace(
            finding,
            failing=dict(finding.failing) | dict(earlier.items()),
            examples=[
                *finding.examples,
                *(f"{day}: {count:,}, as found when the date was last evaluated" for day, count in earlier.items()),
            ],
            facts={**finding.facts, "dates_failing_since_earlier_runs": len(earlier)},
        )


def _again(connection: psycopg.Connection[Any], days: Iterable[date]) -> list[date]:
    """The failing dates that are cheap to evaluate again; those first that were evaluated longest ago."""
    rows = connection.execute(
        "SELECT reference_date FROM ("
        "  SELECT reference_date, row_number() OVER turn AS number, sum(coalesce(rows_stored, 0)) OVER turn AS readings"
        "  FROM (SELECT reference_date, min(looked_at) AS looked_at FROM raw_data.failing_checks"
        "        WHERE reference_date = ANY(%s) GROUP BY 1) AS failing"
        "  LEFT JOIN (SELECT reference_date, rows_stored FROM raw_data.partition_versions"
        "             WHERE table_name = 'raw_meter_readings') AS stored USING (reference_date)"
        "  WINDOW turn AS (ORDER BY failing.looked_at, reference_date)"
        ") AS turns WHERE number <= %s AND readings <= %s",
        (list(days), AGAIN_DATES, AGAIN_READINGS),
    )
    return sorted(day for (day,) in rows)
