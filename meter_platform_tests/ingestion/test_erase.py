"""Nothing names an erased meterpoint any more, whatever comes later, and every sum is what it was."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from meter_platform.cli import main
from meter_platform.embedded_postgres.client_programs import find_client
from meter_platform.errors import PermanentError, SettingsError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion import erasure_key
from meter_platform.ingestion.erase import erase, on_record
from meter_platform.ingestion.erase_tables import BY_DATE, Erasure
from meter_platform.ingestion.reread import reread
from meter_platform.ingestion.withdraw import undo, withdraw
from meter_platform.orchestration.erasure import forget_agreements
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse import child_tables, date_locks, operations, sessions, tables
from meter_platform.warehouse.database import dagster_url, open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.ingestion.delivered import interrupted_at_the_second_date
from meter_platform_tests.market import Agreement, Market, dagster_on_postgres, day_of

WHO, LONGER, OTHER, SWITCHING = "1200010001234", "11200010001234", "1200010005678", "1200010009999"
"""The one that is erased, one whose id has the id of the former in it, and two more."""

ACCOUNT = "A-7C0FFEE7"
AGREEMENT = 4_711_000_815
DAYS = ("2021-01-02", "2021-01-03")
NEXT = "2021-01-04"

AT_EIGHT, AT_NINE, AT_TEN = (datetime(2021, 11, 5, hour, tzinfo=UTC) for hour in (8, 9, 10))

AGGREGATES = {
    "half hours": "SELECT datetime, settlement_period, meterpoint_count, total_consumption_kwh, import_consumption_kwh, "
    "export_consumption_kwh FROM analytics.half_hourly_consumption",
    "products": "SELECT date, product_display_name, is_export, meterpoint_count, total_consumption_kwh "
    "FROM analytics.daily_product_consumption",
    "unattributed": "SELECT reference_date, reason, reading_count, total_consumption_kwh "
    "FROM analytics.unattributed_consumption",
    "completeness": "SELECT reference_date, expected_readings, received_readings, rejected_readings, zero_readings, "
    "is_constant, total_consumption_kwh, largest_reading_kwh FROM analytics.meterpoint_completeness",
    "regions": "SELECT reference_date, region, count(*), sum(total_consumption_kwh) FROM analytics.meterpoint_completeness "
    "JOIN raw_data.raw_meterpoints USING (reference_date, meterpoint_id) GROUP BY 1, 2",
    "in force": "SELECT reference_date, display_name, is_variable, is_export, is_sole FROM analytics.active_agreements",
    "readings": "SELECT interval_start, consumption_delta, source_file_id, source_position FROM raw_data.raw_meter_readings",
    "superseded": "SELECT interval_start, consumption_delta, source_file_id, source_position, replaced_by_source_file_id "
    "FROM raw_data.superseded_readings",
    "redelivered": "SELECT interval_start, consumption_delta, source_file_id FROM raw_data.redelivered_readings",
    "repeated": "SELECT interval_start, consumption_delta, source_file_id FROM raw_data.repeated_readings",
    "withdrawn": "SELECT interval_start, consumption_delta, source_file_id FROM raw_data.withdrawn_readings",
    "rejected": "SELECT reference_date, reason, detail, consumption_delta, source_file_id FROM raw_data.rejected_readings",
    "files": "SELECT source_file_id, rows_in_file, rows_stored, rows_rejected, rows_redelivered, rows_replaced, "
    "rows_withdrawn, rows_pending, fingerprint, outcome FROM raw_data.source_files",
}
"""Everything that is stored, without whose it is."""


def a_market(settings: Settings, folder: Path, instance: dg.DagsterInstance) -> Market:
    """A market in which the meterpoint stands in every table."""
    market = Market(settings, folder, instance)
    market.refresh(
        [
            Agreement(AGREEMENT, WHO, "P-FIX", "2020-03-17", DAYS[1]),
            Agreement(AGREEMENT + 1, WHO, "P-GONE", "2019-01-01", "2019-06-03"),
            Agreement(2, OTHER, "P-OUT"),
            Agreement(3, SWITCHING, "P-FIX", "2020-01-01", DAYS[1]),
            Agreement(4, SWITCHING, "P-FLEX", DAYS[1]),
            Agreement(5, LONGER),
        ]
    )
    market.alter_reference(f"UPDATE agreement SET account_id = '{ACCOUNT}' WHERE meterpoint_id = '{WHO}'")  # noqa: S608 - our own text
    everyone = (WHO, LONGER, OTHER, SWITCHING)
    for number, day in enumerate(DAYS, start=1):
        market.deliver(f"{day}.json", [row for who in everyone for row in day_of(who, day, f"0.{number}25")])
    market.deliver(f"{WHO}.json", day_of(WHO, DAYS[0], "0.25"), written=AT_EIGHT)
    for hour, name in enumerate(("again", "and again")):
        market.deliver(f"{name}.json", day_of(WHO, DAYS[0], "0.25"), written=AT_NINE.replace(minute=hour))
    market.deliver("withdrawn.json", day_of(WHO, DAYS[1], "0.5"), written=AT_NINE)
    (market.readings / WHO).mkdir()
    market.deliver(f"{WHO}/more.json", day_of(WHO, DAYS[1], "0.225"), written=AT_NINE)
    (market.readings / f"{WHO}.csv").touch()
    columns = json.dumps(["meterpoint_id", "interval_start", "consumption_delta"])
    rows = [
        [WHO, f"{DAYS[0]} 00:00:00", -1],
        [f" {WHO} ", f"{DAYS[0]} 00:30:00", 1],
        [LONGER, f"{DAYS[0]} 01:00:00", -2],
        [WHO, "when?", 1],
        [None, f"mp{WHO}\u00e9", 1],
        [OTHER, f"{DAYS[0]} 01:00:00", 0.1],
        [OTHER, f"{DAYS[0]} 01:30:00", 0.1],
        [OTHER, f"{DAYS[0]} 02:00:00", 0.1],
    ]
    market.deliver_text("rejected.json", f'{{"columns": {columns}, "data": {json.dumps(rows)}}}')
    assert market.run(DAYS[0], DAYS[1], checks=False).success
    ((withdrawn,),) = market.rows("SELECT source_file_id FROM raw_data.source_files WHERE url LIKE '%%/withdrawn.json'")
    withdraw(market.database, withdrawn)
    assert market.run(DAYS[0], DAYS[1]).success
    # Notes on changes go once every table has followed: this one is of a version that none has.
    market.change(
        "INSERT INTO raw_data.changes_in_place VALUES (%s, 1, 'raw_meter_readings', 1000000000, %s, %s, true, 1, 0.5)",
        DAYS[1],
        WHO,
        AT_EIGHT,
    )
    return market


@pytest.fixture(scope="module")
def market(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    settings = Settings(home=home, today=date(2021, 1, 8), erasure_key="5a" * 32)
    empty(open_database(settings))
    with dagster_on_postgres(home) as instance:
        yield a_market(settings, tmp_path_factory.mktemp("market"), instance)


def aggregates(market: Market) -> dict[str, list[Any]]:
    return {name: sorted(market.rows(query), key=repr) for name, query in AGGREGATES.items()}


def everything(market: Market) -> dict[str, list[Any]]:
    """Every row of every table by date, without when it was computed."""
    found = {}
    for table in BY_DATE:
        columns = ", ".join(name for name in table.arrow_schema.names if not name.endswith("_at"))
        found[table.name] = sorted(market.rows(f"SELECT {columns} FROM {table.qualified_name}"), key=repr)  # noqa: S608 - names of ours
    return found


def dump(market: Market) -> str:
    """Both databases as text, with what Postgres remembers of samples."""
    data = market.database.url
    program = find_client("pg_dump", data)
    texts = [
        subprocess.run([program, "--dbname", url], capture_output=True, text=True, check=True).stdout
        for url in (data, dagster_url(market.settings))
    ]
    samples = market.rows("SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats")
    return "\n".join([*texts, repr(samples)])


def assert_gone(text: str) -> None:
    """Nothing in a dump names the meterpoint."""
    text = text.replace(LONGER, "")
    for personal in (WHO, ACCOUNT, str(AGREEMENT), str(AGREEMENT + 1), "2020-03-17", "2019-06-03"):
        found = text.find(personal)
        assert found < 0, (personal, text[max(0, found - 200) : found + 50])


def checks(market: Market) -> dict[str, Any]:
    return {name: (found.passed, found.metadata.get("failing_count")) for name, found in market.run_checks().items()}


def carry_out(market: Market, who: str = WHO) -> Erasure:
    return erase(
        market.database,
        market.settings,
        ReadingFolder(str(market.readings)),
        who,
        forget_agreements=partial(forget_agreements, market.settings),
    )


@dataclass(frozen=True)
class Erased:
    """What was stored before, what was left when the first try was interrupted, and what the second one says and leaves.

    Attributes:
        before: `aggregates`.
        checks: what the checks found before.
        half: `aggregates` after the interruption.
        left: the dates that it had not come to.
        on_record: whether it was on record as completed.
        erasure: of the second try.
        note: on the second try.
        text: `dump` after it.
        after: `aggregates` after it.
        checks_after: what the checks found after it.
    """

    before: dict[str, list[Any]]
    checks: dict[str, Any]
    half: dict[str, list[Any]]
    left: list[Any]
    on_record: list[Any]
    erasure: Erasure
    note: operations.Done
    text: str
    after: dict[str, list[Any]]
    checks_after: dict[str, Any]


@pytest.fixture(scope="module")
def erased(market: Market) -> Erased:
    """The meterpoint is erased; the first time that was interrupted after a date. Tests leave it so, whatever else they do."""
    before, evaluated = aggregates(market), checks(market)
    text = dump(market)
    for table in (*BY_DATE, tables.REJECTED_READINGS):
        ((rows,),) = market.rows(f"SELECT count(*) FROM {table.qualified_name} WHERE meterpoint_id = %s", WHO)  # noqa: S608 - names of ours
        assert rows or table is tables.CHANGES_IN_PLACE, table.name  # there is something to be erased
    assert all(personal in text for personal in (f"{WHO}.json", f"{WHO}.csv", ACCOUNT, f"mp{WHO}", str(AGREEMENT + 1)))
    with interrupted_at_the_second_date(child_tables, "attached_child"):
        carry_out(market)
    half = aggregates(market)
    left = market.rows("SELECT DISTINCT reference_date FROM raw_data.raw_meterpoints WHERE meterpoint_id = %s", WHO)
    on_record = market.rows("SELECT completed_at FROM raw_data.erased_meterpoints")
    erasure = carry_out(market)
    with market.database.connect() as connection:
        note = operations.last(connection)["erase"]
    return Erased(
        before,
        evaluated,
        half,
        left,
        on_record,
        erasure,
        note,
        text=dump(market),
        after=aggregates(market),
        checks_after=checks(market),
    )


@pytest.mark.whole
def test_an_interrupted_erasure_is_whole_for_each_date_and_is_completed_by_the_next(
    market: Market, erased: Erased
) -> None:
    assert erased.half == erased.before
    assert erased.left == [(date.fromisoformat(DAYS[1]),)]
    assert erased.on_record == [(None,)]
    assert erased.erasure.dates == {date.fromisoformat(DAYS[1])}
    assert market.rows("SELECT count(*) FROM raw_data.erased_meterpoints WHERE completed_at IS NULL") == [(0,)]


def test_the_meterpoint_is_gone_and_no_sum_and_no_check_changes(erased: Erased) -> None:
    assert_gone(erased.text)
    assert erased.after == erased.before
    assert erased.checks_after == erased.checks
    assert erased.note.succeeded
    assert erased.note.detail.endswith(f"file versions; token {erased.erasure.token}")


def test_the_files_it_stands_in_are_named_also_when_it_is_erased_again(market: Market, erased: Erased) -> None:
    assert {Path(url).name for url in erased.erasure.files.values()} == {
        *(f"{day}.json" for day in DAYS),
        *(f"{name}.json" for name in (WHO, "again", "and again", "withdrawn", "rejected", "more")),
    }
    again = carry_out(market)
    assert not again.rows
    assert again.files.items() >= erased.erasure.files.items()


@pytest.mark.whole
@pytest.mark.usefixtures("erased")
def test_computed_anew_also_from_a_new_snapshot_every_row_is_the_same(market: Market) -> None:
    stored = everything(market)
    assert market.run(DAYS[0], DAYS[1]).success  # the source still has the person
    assert everything(market) == stored
    assert_gone(dump(market))


def test_whatever_is_delivered_later_comes_under_pseudonyms_and_counts(market: Market, erased: Erased) -> None:
    market.touch(f"{WHO}.json", AT_TEN)
    market.deliver(f"readings of {WHO} (copy).json", day_of(WHO, DAYS[1], "0.225"), written=AT_TEN)
    market.deliver("new.json", [*day_of(WHO, NEXT, "0.75"), (WHO, f"{NEXT} 00:00:00", "-1")], written=AT_TEN)
    market.carry_out(market.tick().run_requests)

    assert_gone(dump(market))
    now = aggregates(market)
    assert now["half hours"][: 2 * 48] == erased.before["half hours"]
    assert {str(row[3].normalize()) for row in now["half hours"][2 * 48 :]} == {"0.75"}
    assert len(now["files"]) == len(erased.before["files"]) + 2
    assert checks(market)["raw_meter_readings.rows_accounted_for"][0]
    assert market.tick().run_requests == []


@pytest.mark.usefixtures("erased")
def test_files_that_are_read_again_and_rows_that_are_put_back_name_it_no_more(market: Market) -> None:
    other = market.settings.replace(first_reference_date=date(2020, 12, 1))
    found = reread(market.database, other, ReadingFolder(str(market.readings)))
    assert (found.rows_in, found.rows_out, found.gone) == (0, 0, 0)
    assert found.files >= 7
    ((withdrawn,),) = market.rows("SELECT source_file_id FROM raw_data.source_files WHERE url LIKE '%%/withdrawn.json'")
    assert undo(market.database, withdrawn).rows == 48
    assert_gone(dump(market))
    ((wrong,),) = market.rows(
        "SELECT count(*) FROM raw_data.source_files WHERE rows_in_file <> rows_stored + rows_rejected "
        "+ rows_redelivered + rows_replaced + rows_withdrawn + rows_pending"
    )
    assert wrong == 0
    withdraw(market.database, withdrawn)  # as it was, for whatever test comes next


@pytest.mark.usefixtures("erased")
def test_without_the_key_nothing_is_loaded(market: Market, tmp_path: Path) -> None:
    elsewhere = market.settings.replace(postgres_url=market.database.url)
    for settings, why in (
        (elsewhere.replace(erasure_key="6b" * 32), "is another than"),
        (elsewhere.replace(erasure_key=None), "is neither"),
    ):
        other = Market(settings.replace(home=tmp_path), tmp_path, market.dagster)
        other.deliver("later.json", day_of(WHO, NEXT, "1"), written=AT_TEN)
        with pytest.raises(SettingsError, match=f"meterpoints of this database were erased.*{why}"):
            other.tick()
        with pytest.raises(SettingsError, match="were erased"):
            carry_out(other, OTHER)
    assert market.rows("SELECT count(*) FROM raw_data.source_files WHERE url LIKE '%%/later.json'") == [(0,)]
    key = erasure_key.read_or_make(market.settings)
    assert market.rows("SELECT DISTINCT key_check FROM raw_data.erased_meterpoints") == [(key.check,)]


@pytest.mark.usefixtures("erased")
def test_what_a_restore_brought_back_is_found_by_its_token(market: Market) -> None:
    token = carry_out(market).token
    assert market.change("DELETE FROM raw_data.erased_meterpoints WHERE token = %s", token) == 1
    day = date.fromisoformat(DAYS[0])
    pseudonym = erasure_key.read_or_make(market.settings).meterpoint(WHO, day)
    restored = market.change(
        "UPDATE raw_data.raw_meterpoints SET meterpoint_id = %s WHERE reference_date = %s AND meterpoint_id = %s",
        WHO,
        day,
        pseudonym,
    )
    assert restored == 1

    assert list(on_record(market.database, market.settings, [])) == []
    assert list(on_record(market.database, market.settings, [token])) == [WHO]

    environment = {f"{PREFIX}{name.upper()}": str(value) for name, value in market.settings if value is not None}
    outcome = CliRunner().invoke(main, ["erase", "--again", "--token", token, "--yes"], env=environment)
    assert outcome.exit_code == 0, outcome.output
    assert f"Token: {token}" in outcome.output
    assert_gone(dump(market))


@pytest.mark.usefixtures("erased")
def test_an_id_is_asked_for_or_read_from_the_standard_input(market: Market) -> None:
    environment = {f"{PREFIX}{name.upper()}": str(value) for name, value in market.settings if value is not None}
    run = CliRunner()
    refused = run.invoke(main, ["erase", "--meterpoint", "null"], input="y\n", env=environment)
    assert refused.exit_code == 1
    assert "Nothing was erased: meterpoint_id is a word for no value" in refused.output
    aborted = run.invoke(main, ["erase"], input=f"{SWITCHING}\nn\n", env=environment)
    assert aborted.exit_code == 1
    assert SWITCHING not in aborted.output
    done = run.invoke(main, ["erase", "--from-file", "-", "--yes"], input=f"{SWITCHING}\n{OTHER}\n", env=environment)
    assert done.exit_code == 0, done.output
    assert done.output.count("Token: ") == 2
    text = dump(market)
    assert SWITCHING not in text
    assert OTHER not in text


def test_dates_that_are_being_written_are_known(settings: Settings) -> None:
    database = open_database(settings)  # not emptied: the market may be in it
    days = [date(2021, 1, 2), date(2021, 3, 4)]
    with sessions.begin(database) as writer, sessions.begin(database) as other:
        date_locks.lock_dates(writer, tables.RAW_AGREEMENTS, days)
        assert sorted(date_locks.locked_dates(other, tables.RAW_AGREEMENTS)) == days
        assert date_locks.locked_dates(other, tables.RAW_METERPOINTS) == []


def test_the_key_is_made_once_for_its_owner_alone_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert erasure_key.read(settings) is None
    made = erasure_key.read_or_make(settings)
    assert erasure_key.read_or_make(settings).check == made.check
    file = erasure_key.key_file(settings)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]
    file.write_text("no key")
    with pytest.raises(SettingsError, match="64 hexadecimal digits"):
        erasure_key.read(settings)
    with pytest.raises(PermanentError, match="METER_PLATFORM_ERASURE_KEY is no erasure key"):
        erasure_key.read(settings.replace(erasure_key="zz"))
