"""A small market in which something is wrong of each kind, so that every metric has something to say.

What belongs here: the market. What does not: what any number should be, and Dagster's daemons.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from meter_platform.settings import Settings
from meter_platform.warehouse import partition_notes
from meter_platform.warehouse.database import open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.market import Agreement, Market, dagster_on_postgres, day_of

HOME: Final = "1200010001"
OTHER: Final = "1200010002"
"""Its meterpoints; files are called after them."""


@contextmanager
def troubled_market(home: Path, folder: Path) -> Iterator[Market]:
    """Two homes on two days, with a correction, a rejected row, a file that is no file, and a day that waits.

    Args:
        home: of the platform.
        folder: for the input.
    """
    settings = Settings(home=home, today=date(2021, 1, 8))
    empty(open_database(settings))
    with dagster_on_postgres(home) as instance:
        market = Market(settings, folder, instance)
        market.refresh([Agreement(1, HOME), Agreement(2, OTHER, "P-FIX")])
        first, second = "2021-01-01", "2021-01-02"
        market.deliver(f"{HOME}.json", day_of(HOME, first, "0.5") + day_of(HOME, second, "0.5"))
        (spoilt, *rest) = day_of(OTHER, second, "0.25")
        market.deliver(f"{OTHER}.json", [(*spoilt[:2], "-1"), *rest])
        later = datetime(2021, 11, 6, tzinfo=UTC)
        market.deliver("correction.json", [(HOME, f"{first} 00:00:00", "0.7")], written=later)
        assert market.run(first, second).success
        market.deliver("waiting.json", day_of(HOME, "2021-01-03", "0.5"))
        market.deliver_text("broken.json", "no document")
        market.tick()
        with market.database.connect() as connection:
            partition_notes.note_failure(
                connection, "raw_agreements", [date(2021, 1, 5)], ValueError(), may_pass=True, since=datetime.now(UTC)
            )
        yield market
