"""What a page asks of the database when it shows a year: each table at most a few times over, and nothing twice.

What does not belong here: seconds. `make bench` has those, of a year of 10,000 meterpoints.
"""

from dataclasses import dataclass

import psycopg
import pytest

from benchmarks.pages import FIRST, LAST
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform_tests.app.conftest import RunPage
from meter_platform_tests.app.test_pages import PAGES
from meter_platform_tests.embedded_postgres.servers import eventually

MOST_TRANSACTIONS = 20
"""Of a look, one for each figure. One for each date would be hundreds."""

MOST_READS = 1.5
"""How often the first look at a page may go through all that is stored. A plan that goes through a table once for each date,
or for each row of another, takes hundreds."""

MOST_ROWS_AGAIN = 12 * 365
"""What the same look may read again: which dates each table has, by a probe of its index for each; and a page of rows."""


@dataclass(frozen=True)
class Asked:
    """What was asked of a database, from its beginning on.

    Attributes:
        transactions: that were committed.
        rows: that scans of tables and indexes went through.
    """

    transactions: int
    rows: int

    @classmethod
    def of(cls, settings: Settings) -> "Asked":
        """Waits for sessions to end: what they have asked is counted then."""
        with psycopg.connect(open_database(settings).url, autocommit=True) as connection:
            others = (
                b"SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
                b"AND backend_type IN ('client backend', 'parallel worker')"
            )
            eventually(lambda: not connection.execute(others).rowcount)
            row = connection.execute(
                b"SELECT xact_commit, (SELECT sum(seq_tup_read) FROM pg_stat_user_tables) + "
                b"(SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) "
                b"FROM pg_stat_database WHERE datname = current_database()"
            ).fetchone()
            assert row is not None
            return cls(int(row[0]), int(row[1]))

    def __sub__(self, before: "Asked") -> "Asked":
        return Asked(self.transactions - before.transactions, self.rows - before.rows)


@pytest.mark.whole
@pytest.mark.parametrize("name", PAGES)
def test_a_year_is_read_a_few_times_at_most_and_once_for_all_looks(
    year: Settings, run_page: RunPage, name: str
) -> None:
    # What the process opens once is no part of a page.
    app = run_page(year, name, **{"from": "2025-06-01", "to": "2025-06-01"})
    begun = Asked.of(year)
    app.date_input[0].set_value((FIRST, LAST))
    app.run()
    first = Asked.of(year)
    assert not app.exception
    assert app.query_params["to"] == "2025-12-31"
    app.run()
    again = Asked.of(year)
    with psycopg.connect(open_database(year).url) as connection:
        row = connection.execute(b"SELECT sum(n_live_tup) FROM pg_stat_user_tables").fetchone()
        assert row is not None
        stored = int(row[0])
    assert stored > 200_000

    assert (first - begun).transactions <= MOST_TRANSACTIONS
    assert (first - begun).rows <= MOST_READS * stored
    assert (again - first).transactions <= MOST_TRANSACTIONS
    assert (again - first).rows <= MOST_ROWS_AGAIN
