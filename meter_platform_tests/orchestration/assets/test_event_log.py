"""What Dagster keeps of runs: neither whose readings they were, nor how to get into the database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.embedded_postgres.names import DAGSTER_DATABASE
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.market import Agreement, Market, dagster_on_postgres, day_of, failures

HOME, ROOF, SWITCHING, TWICE, UNKNOWN, BROKEN, REFUSED = (f"12000{number}7654321" for number in range(7))
"""Meterpoints, as MPANs. Files are named after them, as a supplier's are."""

ACCOUNT = "A-7C0FFEE7"
PASSWORD = "Kw!186-geheim"  # noqa: S105 - what must not be found anywhere

DAY = "2021-01-02"


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_on_postgres(home) as opened:
        yield opened


@pytest.fixture
def market(tmp_path: Path, settings: Settings, database: Database, instance: dg.DagsterInstance) -> Market:
    """A market with something of everything, on a server that is reached with a password."""
    with_password = database.url.replace("meter_platform@", f"meter_platform:{PASSWORD}@", 1)
    market = Market(settings.replace(postgres_url=with_password, executor="in_process"), tmp_path, instance)
    market.refresh(
        [
            Agreement(1, HOME),
            Agreement(2, ROOF, "P-OUT"),
            Agreement(3, SWITCHING, "P-FIX", "2020-01-01", DAY),
            Agreement(4, SWITCHING, "P-FLEX", DAY),
            Agreement(5, TWICE),
            Agreement(6, TWICE, "P-FIX"),
            Agreement(7, BROKEN, "P-GONE"),
        ]
    )
    market.alter_reference(f"UPDATE agreement SET account_id = '{ACCOUNT}'")  # noqa: S608 - our own text
    for meterpoint in (HOME, ROOF, SWITCHING, TWICE, UNKNOWN):
        market.deliver(f"{meterpoint}.json", day_of(meterpoint, DAY, "0.186"))
    market.deliver(
        f"correction of {HOME}.json", day_of(HOME, DAY, "0.187"), written=datetime(2021, 11, 5, 8, tzinfo=UTC)
    )
    market.deliver(
        f"{REFUSED}.json",
        [(REFUSED, f"{DAY} 00:00:00", "-1"), (REFUSED, f"{DAY} 00:12:27", "1"), (REFUSED, f"{DAY} 01:00:00", "99")],
    )
    head = '{"columns": ["meterpoint_id", "interval_start", "consumption_delta"], "data": '
    for name, text in {
        "no columns": f'{{"columns": ["meterpoint_id"], "data": [["{BROKEN}"]]}}',
        "half": f'{head}[["{BROKEN}", "20',
        "no rows": f'{head}["{BROKEN}", "{BROKEN}"]}}',
        "no list": f'{head}{{"{BROKEN}": 1}}}}',
        "a column too many": f'{{"columns": ["meterpoint_id", "interval_start", "consumption_delta", "{BROKEN}"], "data": []}}',
        "no document": f'"{BROKEN}"',
        "a key twice": f'{head}[], "{BROKEN}": 1, "{BROKEN}": 2}}',
        "a short row": f'{head}[["{BROKEN}"]]}}',
    }.items():
        market.deliver_text(f"{BROKEN} {name}.json", text)
    return market


@pytest.fixture(autouse=True)
def _without_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait for what may pass, and nothing here does."""
    monkeypatch.setattr("meter_platform.orchestration.assets.policies.RETRIES", dg.RetryPolicy(max_retries=0))


def kept(database: Database) -> str:
    """Everything in every table of Dagster's database, as text."""
    with Database(database_url(database.url, DAGSTER_DATABASE)).connect() as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return "\n".join(
            row
            for (table,) in tables
            for (row,) in connection.execute(f'SELECT kept::text FROM "{table}" AS kept'.encode()).fetchall()  # noqa: S608 - a name from the catalogue
        )


def assert_discreet(text: str) -> None:
    for meterpoint in (HOME, ROOF, SWITCHING, TWICE, UNKNOWN, BROKEN, REFUSED):
        found = text.find(meterpoint)
        assert found < 0, text[max(0, found - 300) : found + 100]
    assert ACCOUNT not in text
    assert PASSWORD not in text


@pytest.mark.whole
def test_runs_that_succeed_name_no_meterpoint_no_account_and_no_password(market: Market, database: Database) -> None:
    first = market.run(DAY)
    assert first.success, failures(first)
    market.deliver(f"{ROOF}.json", day_of(ROOF, DAY, "0.2"), written=datetime(2021, 11, 5, 9, tzinfo=UTC))
    again = market.run("2021-01-01", "2021-01-03")
    assert again.success, failures(again)
    assert market.run_checks()

    text = kept(database)
    assert "raw_meter_readings" in text
    assert "superseded_readings" in text  # there was something to be discreet about
    assert "rejected_by_reason" in text
    assert_discreet(text)


def test_runs_that_fail_name_neither_too(market: Market, database: Database) -> None:
    market.alter_reference(f"INSERT INTO meterpoint VALUES ('London', '{HOME}')")  # noqa: S608 - a key that occurs twice
    twice = market.run(DAY)
    market.alter_reference("DELETE FROM meterpoint; DELETE FROM agreement")
    market.alter_reference(f"INSERT INTO agreement VALUES (1, 'soon', NULL, 'P-FLEX', '{HOME}', '{ACCOUNT}')")  # noqa: S608 - our own text
    no_date = market.run(DAY)
    with closing(sqlite3.connect(market.reference)) as source:
        source.execute("DROP TABLE product")
        source.commit()
    no_table = market.run(DAY)

    assert not any(run.success for run in (twice, no_date, no_table))
    assert "column reference_date, meterpoint_id: the key occurs more than once" in failures(twice)["raw_meterpoints"]
    assert "agreement_valid_from" in failures(no_date)["raw_agreements"]
    assert "product" in failures(no_table)["raw_products"]
    assert_discreet(kept(database))


def test_a_server_that_does_not_let_us_in_is_named_without_its_password(market: Market, database: Database) -> None:
    nowhere = f"postgresql://meter_platform:{PASSWORD}@127.0.0.1:1/meter_platform"
    unreachable = Market(market.settings.replace(postgres_url=nowhere), market.folder / "other", market.dagster)
    result = unreachable.run(DAY, assets=["raw_meterpoints"])

    assert not result.success
    (why,) = failures(result).values()
    assert "postgresql://meter_platform:***@127.0.0.1:1/meter_platform cannot be used" in why
    assert_discreet(kept(database))


@pytest.mark.parametrize(
    ("source", "asset", "message"),
    [
        ({"postgres_url": "postgresql://me:{}%zz@127.0.0.1:1/m"}, "raw_meterpoints", "METER_PLATFORM_POSTGRES_URL is"),
        (
            {"reference_url": "postgresql://me:x@{}@127.0.0.1:1/m"},
            "raw_meterpoints",
            "METER_PLATFORM_REFERENCE_URL can",
        ),
        ({"reference_url": "postgresql://me:{}@127.0.0.1:1/m"}, "raw_meterpoints", "cannot be read now"),
        ({"readings_url": "ftp://me:{}/y@127.0.0.1:1/x"}, "raw_meter_readings", "METER_PLATFORM_READINGS_URL is"),
    ],
)
def test_a_url_that_is_written_wrongly_or_leads_nowhere_leaves_no_password_behind(
    market: Market, database: Database, source: dict[str, str], asset: str, message: str
) -> None:
    sources = {name: url.format(PASSWORD) for name, url in source.items()}
    elsewhere = Market(market.settings, market.folder / "other", market.dagster)
    elsewhere.settings = elsewhere.settings.replace(**sources)
    result = elsewhere.run(DAY, assets=[asset])

    assert not result.success
    (why,) = failures(result).values()
    assert message in why
    assert_discreet(kept(database))
