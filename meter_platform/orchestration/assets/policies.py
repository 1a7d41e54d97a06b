"""What assets have in common: retries, freshness, backfills, owners."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from meter_platform.orchestration.table_metadata import definition_metadata
from meter_platform.settings import Settings
from meter_platform.warehouse.tables import Table

Decorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]

OWNERS: Final = ["team:metering-analytics"]

RETRIES: Final = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For what can pass: a server that restarts, a database in its refresh. What cannot is never retried (errors.py)."""


def readings_freshness(settings: Settings) -> dg.FreshnessPolicy:
    """Reading files land before 08:00 local: by nine the day's load has happened, or something is wrong."""
    return dg.FreshnessPolicy.cron(
        deadline_cron="0 9 * * *", lower_bound_delta=timedelta(hours=24), timezone=settings.timezone
    )


def reference_freshness(settings: Settings) -> dg.FreshnessPolicy:
    """The reference database is refreshed at midnight: by nine a snapshot has been taken since."""
    return dg.FreshnessPolicy.cron(
        deadline_cron="0 9 * * *", lower_bound_delta=timedelta(hours=9), timezone=settings.timezone
    )


def tags(settings: Settings) -> dict[str, str]:
    """What every asset is tagged with."""
    return {"domain": "metering", "market": _as_tag(settings.timezone)}


@dataclass(frozen=True)
class SharedPolicies:
    """Makes assets that have everything in common but their table and their content."""

    settings: Settings
    partitions_def: dg.PartitionsDefinition[str]

    def asset_in(
        self,
        table: Table,
        *,
        kinds: set[str],
        deps: Sequence[str] = (),
        freshness: dg.FreshnessPolicy | None = None,
        note: str = "",
    ) -> Decorator:
        """Decorates a function as the asset that is stored in `table`.

        Args:
            table: names and describes the asset; its schema is the asset's group.
            kinds: icons in the UI.
            deps: assets that come first without being an input.
            freshness: when the asset must have been materialised; with the readings unless given.
            note: what to say of the asset besides the table's own description.
        """
        return dg.asset(
            name=table.name,
            group_name=table.schema,
            kinds=kinds,
            deps=deps,
            description=f"{table.description}\n\n{note}".strip(),
            metadata=definition_metadata(table),
            freshness_policy=freshness or readings_freshness(self.settings),
            partitions_def=self.partitions_def,
            backfill_policy=dg.BackfillPolicy.single_run(),
            retry_policy=RETRIES,
            owners=OWNERS,
            tags=tags(self.settings),
        )


def _as_tag(zone: str) -> str:
    """The name of a zone with no character that a tag cannot have: `europe-london`, `etc-gmt_4`."""
    return zone.replace("/", "-").replace("+", "_").lower()
