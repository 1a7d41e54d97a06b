"""The command line as its users meet it: help, one-line errors that say what to do, exit codes, and no secrets."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from meter_platform.cli.screen import lines_of
from meter_platform.embedded_postgres import server
from meter_platform.orchestration.run import Stored
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse.database import open_database
from meter_platform_tests.commands import environment_of, meter_platform, start
from meter_platform_tests.databases import empty
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.places import in_memory

COMMANDS = (
    "alerts",
    "app",
    "backup",
    "config",
    "dbt",
    "demo",
    "dev",
    "erase",
    "feeds",
    "fetch",
    "health",
    "lake",
    "metrics",
    "migrate",
    "prune",
    "psql",
    "receive",
    "reread",
    "restore",
    "run",
    "sample",
    "scan",
    "size",
    "status",
    "stop",
    "withdraw",
)


def assert_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if not re.match(r" *\d+ of \d+ ", line)]
    assert line.startswith("Error: ")
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    "command", [COMMANDS[0], *(pytest.param(name, marks=pytest.mark.whole) for name in COMMANDS[1:])]
)
def test_every_command_starts_by_itself_and_explains_itself(tmp_path: Path, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meter_platform", command, "--help"],
        env=environment_of(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert done.stderr == ""
    assert len(done.stdout.splitlines()) >= 5


def test_help_lists_every_command(tmp_path: Path) -> None:
    listed = re.findall(r"^  ([a-z]+) ", meter_platform(tmp_path, "--help").stdout.split("Commands:")[1], re.MULTILINE)

    assert tuple(listed) == COMMANDS


def test_a_date_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    done = meter_platform(tmp_path, "run", "--reference-date", "1st of May")

    assert done.returncode == 2
    assert "'1st of May' does not match the format" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["2020-12-31"], ["2020-12-31 is before 2021-01-01", "METER_PLATFORM_FIRST_REFERENCE_DATE"]),
        (["2999-01-01"], ["2999-01-01 is not over yet"]),
        (["2021-01-02", "--to", "2021-01-01"], ["ends on 2021-01-01, before it begins"]),
    ],
)
def test_dates_without_a_partition_are_refused_before_anything_starts(
    tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    assert_one_line(meter_platform(tmp_path, "run", "--reference-date", *arguments), *parts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:hunter2@127.0.0.1:1/meter_platform",
        "postgresql://someone@127.0.0.1:1/meter_platform?password=hunter2",
        "mysql://someone:hunter2@127.0.0.1/meter_platform",
        "postgresql://someone:hunter2@127.0.0.1:1",
    ],
)
@pytest.mark.parametrize("command", [["status"], ["run", "--reference-date", "2021-01-01"]])
def test_a_server_that_cannot_be_used_is_named_without_its_password(
    tmp_path: Path, command: list[str], url: str
) -> None:
    done = meter_platform(tmp_path, *command, POSTGRES_URL=url)

    assert_one_line(done)
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("POSTGRES_URL", "postgresql://app:hunter2%Secret@127.0.0.1:1/meters"),
        ("POSTGRES_URL", "postgresql://app:hunter2[Secret@127.0.0.1:1/meters"),
        ("REFERENCE_URL", "hunter2:Secret@127.0.0.1/meters"),
        ("READINGS_URL", "s3://key:hunter2/Secret@bucket/x?sig=Secret"),
    ],
)
def test_a_url_that_is_written_wrongly_is_shown_by_nothing_not_even_a_traceback(
    tmp_path: Path, name: str, url: str
) -> None:
    other = {} if name == "POSTGRES_URL" else {"POSTGRES_URL": "postgresql://app:hunter2Secret@127.0.0.1:1/meters"}
    done = meter_platform(tmp_path, "--debug", "status", **{name: url, **other})

    assert done.returncode == 1
    assert "METER_PLATFORM_POSTGRES_URL is written wrongly" in done.stderr or "cannot be used" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert "Secret" not in done.stdout + done.stderr


def test_a_setting_that_is_none_is_named_with_what_it_takes(tmp_path: Path) -> None:
    assert_one_line(meter_platform(tmp_path, "status", TIMEZONE="Mars/Olympus"), "Mars/Olympus", "Europe/London")


FOR_TABLES = {"dagster", "ibis", "pandas", "pandera", "sqlalchemy"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("cli", FOR_TABLES | {"fsspec", "psycopg", "pyarrow", "pydantic", "rich"}),
        ("status", FOR_TABLES),
    ],
)
def test_a_command_that_answers_at_once_loads_nothing_that_takes_long(module: str, heavy: set[str]) -> None:
    asked = f"import sys, meter_platform.{module}; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=120, check=True)

    assert done.stdout == "[]\n"


def test_config_shows_every_setting_with_its_origin_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://reader:geheim2@rds/reference?password=geheim3")

    done = meter_platform(
        tmp_path,
        "config",
        TIMEZONE="Europe/Dublin",
        POSTGRES_URL="postgresql://me:geheim1@db/meters?sslmode=require",
        REFERENCE_URL_FILE=str(tmp_path / "url"),
        ALERTS_SMTP_URL="smtp://me:geheim4@mail:25",
        ALERTS_WEBHOOK_URL="https://hooks.example/geheim5",
    )

    assert (done.returncode, done.stderr) == (0, "")
    rows = [re.split(r" {2,}", line) for line in done.stdout.splitlines()]
    assert rows[0] == ["setting", "value", "from"]
    shown = {variable.removeprefix(PREFIX): (value, origin) for variable, value, origin in rows[1:]}
    assert shown.keys() == {name.upper() for name in Settings.model_fields}
    assert shown["HOME"] == (str(tmp_path), "environment")
    assert shown["TIMEZONE"] == ("Europe/Dublin", "environment")
    assert shown["EXECUTOR"] == ("in_process", "default")
    assert shown["READINGS_URL"] == ("(unset)", "default")
    assert shown["ALERTS_SMTP_URL"] == ("smtp://me:***@mail:25", "environment")
    assert shown["ALERTS_WEBHOOK_URL"] == ("***", "environment")
    assert shown["POSTGRES_URL"] == ("postgresql://me:***@db/meters?sslmode=require", "environment")
    assert shown["REFERENCE_URL"] == (
        "postgresql://reader:***@rds/reference?password=***",
        f"{PREFIX}REFERENCE_URL_FILE",
    )
    assert "geheim" not in done.stdout


def test_status_starts_nothing(tmp_path: Path) -> None:
    done = meter_platform(tmp_path, "status")

    assert done.returncode == 0
    assert "not running" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_stop_without_a_server_says_so(tmp_path: Path) -> None:
    done = meter_platform(tmp_path, "stop")

    assert (done.returncode, done.stdout) == (0, "The embedded Postgres was not running.\n")


def test_a_given_server_is_not_stopped(tmp_path: Path) -> None:
    done = meter_platform(tmp_path, "stop", POSTGRES_URL="postgresql://someone@127.0.0.1:1/meter_platform")

    assert done.returncode == 0
    assert "not ours to stop" in done.stdout


def test_sample_says_what_it_wrote(tmp_path: Path) -> None:
    done = meter_platform(
        tmp_path / "home", "sample", "--meterpoints", "5", "--from", "2021-03-28", "--to", "2021-03-28",
        "--out", str(tmp_path / "out"),
    )  # fmt: skip

    assert done.returncode == 0
    assert done.stdout.startswith("230 readings of 5 meterpoints in 5 files, ")
    assert len(list((tmp_path / "out" / "readings").glob("*.json"))) == 5
    assert (tmp_path / "out" / "reference.db").exists()


@pytest.fixture(scope="module")
def sample_home(home: Path) -> Path:
    """The session's home, with the sample's first date in its Postgres by the command that users run."""
    empty(open_database(Settings(home=home)))
    done = meter_platform(home, "run", "--reference-date", "2021-01-01")
    assert done.returncode == 0, done.stderr
    (home / "printed").write_text(done.stdout)
    return home


def test_a_run_prints_plain_rows_and_exact_sums_where_there_is_no_terminal(sample_home: Path) -> None:
    # The sample's own files, read with json alone.
    values = [
        value
        for path in (sample_home / "sample/readings").glob("*.json")
        for document in [json.loads(path.read_text(), parse_float=Decimal, parse_int=Decimal)]
        for row in document["data"]
        for time, value in [(row[document["columns"].index(name)] for name in ("interval_start", "consumption_delta"))]
        if time.startswith("2021-01-01")
    ]
    printed = (sample_home / "printed").read_text()

    assert "\x1b" not in printed
    lines = [line.split() for line in printed.splitlines()]
    assert ["2021-01-01", "raw_data.raw_meter_readings", f"{len(values):,}", f"{sum(values).normalize():f}"] in lines
    assert ["2021-01-01", "analytics.meterpoint_completeness", "60", f"{sum(values).normalize():f}"] in lines
    assert re.search(r"^Stored in \d+\.\d s \(.*\); Dagster run [0-9a-f-]{36}$", printed, re.MULTILINE)


@pytest.mark.parametrize(
    ("days", "lines"),
    [
        (
            2,
            [
                ("2021-01-01", "raw", "1,000", "0.1"),
                ("2021-01-01", "other", "1", ""),
                ("2021-01-02", "raw", "1,000", "0.1"),
                ("2021-01-02", "other", "1", ""),
            ],
        ),
        (
            32,
            [
                ("2021-01-01 to 2021-02-01", "raw", "32,000", "3.2"),
                ("2021-01-01 to 2021-02-01", "other", "32", ""),
            ],
        ),
    ],
)
def test_what_a_run_stored_is_a_line_for_each_date_or_for_all_of_many(days: int, lines: list[tuple[str, ...]]) -> None:
    dates = [date(2021, 1, 1) + timedelta(days=number) for number in range(days)]
    stored = [Stored("raw", day, 1000, Decimal("0.1")) for day in dates] + [
        Stored("other", day, 1, None) for day in dates
    ]

    assert lines_of(stored) == lines


def test_status_says_what_is_stored(sample_home: Path) -> None:
    done = meter_platform(sample_home, "status", TODAY="2021-01-08")

    assert done.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["Postgres"].startswith("embedded, version ")
    assert lines["Readings"] == f"sample in {sample_home}/sample"
    assert lines["Stored"].startswith("1 reference dates, 2021-01-01 to 2021-01-01 (7 days old), ")
    assert lines["Files"].startswith("60 read, ")
    assert " rows of 6 reference dates are known and not loaded yet" in lines["Pending"]


@pytest.mark.parametrize("command", [["status"], ["stop"], ["--help"], ["psql", "--url"]], ids=" ".join)
def test_a_command_ends_quietly_where_nobody_reads_on(tmp_path: Path, command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = os.environ | {f"{PREFIX}HOME": str(tmp_path), f"{PREFIX}POSTGRES_URL": ""}
    if command[0] == "psql":
        environment[f"{PREFIX}POSTGRES_URL"] = "postgresql://me@db.example/meters"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "meter_platform", *command],
            env=environment,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writing)

    assert done.stderr == ""


def test_status_shows_exact_sums_without_idle_zeros_and_names_files_that_nobody_reads(
    sample_home: Path, tmp_path: Path
) -> None:
    for name in ("day.JSON", "day.csv", "a.json.gz", "old\n.txt", "ok.json", ".hidden.json"):
        (tmp_path / name).touch()
    with open_database(Settings(home=sample_home)).connect() as connection:
        connection.execute(
            "UPDATE analytics.half_hourly_consumption SET total_consumption_kwh = 2.50000000000000144000 "
            "WHERE settlement_period = 1"
        )
        (exact,) = (
            connection.execute("SELECT sum(total_consumption_kwh) FROM analytics.half_hourly_consumption").fetchone()
            or ()
        )
        try:
            connection.commit()
            lines = dict(
                line.split(maxsplit=1)
                for line in meter_platform(sample_home, "status", READINGS_URL=str(tmp_path)).stdout.splitlines()
            )
        finally:
            connection.execute(
                "UPDATE analytics.half_hourly_consumption AS half_hour SET total_consumption_kwh = readings.kwh FROM ("
                "SELECT interval_start, sum(consumption_delta) AS kwh FROM raw_data.raw_meter_readings GROUP BY 1"
                ") AS readings WHERE readings.interval_start = half_hour.datetime"
            )
            connection.commit()
    assert lines["Stored"].endswith(f"old), {exact.normalize():f} kWh")
    assert "00144 kWh" in lines["Stored"]
    assert lines["Unread"] == (
        "4 files lie there that are not read (a.json.gz, day.JSON, day.csv, …): names end in .json"
    )


def test_psql_asks_the_platforms_database(sample_home: Path) -> None:
    done = meter_platform(
        sample_home, "psql", "-At", "-c", "SELECT current_database(), count(*) FROM raw_data.raw_meterpoints"
    )

    assert (done.returncode, done.stdout) == (0, "meter_platform|60\n")
    assert meter_platform(sample_home, "psql", "-c", "no sql").returncode == 1


def test_psql_prints_a_url_that_other_programs_connect_to(sample_home: Path) -> None:
    done = meter_platform(sample_home, "psql", "--url")

    assert done.returncode == 0
    with psycopg.connect(done.stdout.strip()) as connection:
        assert connection.execute("SELECT count(*) FROM raw_data.raw_meterpoints").fetchone() == (60,)


def test_psql_prints_a_url_without_its_password(tmp_path: Path) -> None:
    done = meter_platform(tmp_path, "psql", "--url", POSTGRES_URL="postgresql://me:hunter2@db.example:5433/meters")

    assert (done.returncode, done.stdout) == (0, "postgresql://me:***@db.example:5433/meters\n")


def test_a_run_that_fails_says_why_in_a_line_and_exits_with_one(sample_home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "reference.db"
    broken.write_text("no database at all")

    # Of the date that is stored already: what is stored stays as the fixture says.
    done = meter_platform(
        sample_home, "run", "--reference-date", "2021-01-01", REFERENCE_URL=f"sqlite:///{broken}"
    )  # fmt: skip

    assert done.returncode == 1
    assert "Failed in " in done.stdout
    failed = [line for line in done.stderr.splitlines() if line.startswith("Failed ")]
    assert sorted(line.split(":")[0] for line in failed) == [
        "Failed raw_agreements",
        "Failed raw_meterpoints",
        "Failed raw_products",
    ]
    assert all(str(broken) in line and "file is not a database" in line for line in failed)
    assert "Traceback" not in done.stderr


@pytest.mark.whole
def test_a_server_is_started_by_the_first_that_needs_it_and_stopped_on_request() -> None:
    folder = Path(
        tempfile.mkdtemp(prefix="mp-", dir=in_memory())
    )  # a short path, for a socket's path has 107 characters
    try:
        assert meter_platform(folder, "psql", "-At", "-c", "SELECT 1").stdout == "1\n"
        running = meter_platform(folder, "status").stdout
        assert re.match(r"Postgres   embedded, version \d+\.\d+, process \d+, ", running)
        assert "Stored     nothing yet" in running

        assert meter_platform(folder, "stop").stdout == "The embedded Postgres has stopped.\n"
        assert "not running" in meter_platform(folder, "status").stdout
    finally:
        server.stop(folder)
        shutil.rmtree(folder)


def test_a_read_only_server_is_told_in_one_line(sample_home: Path) -> None:
    url = meter_platform(sample_home, "psql", "--url").stdout.strip()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS standby WITH (FORCE)")
        connection.execute("CREATE DATABASE standby")
        connection.execute("ALTER DATABASE standby SET default_transaction_read_only = on")
        try:
            done = meter_platform(
                sample_home, "run", "--reference-date", "2021-01-01",
                POSTGRES_URL=url.replace("/meter_platform?", "/standby?"),
            )  # fmt: skip
        finally:
            connection.execute("DROP DATABASE standby WITH (FORCE)")

    assert_one_line(done, "is read-only", "Name the primary server in METER_PLATFORM_POSTGRES_URL")


@pytest.mark.whole
def test_sigterm_ends_a_run_that_waits_and_what_is_stored_is_whole(sample_home: Path) -> None:
    url = meter_platform(sample_home, "psql", "--url").stdout.strip()
    figures = b"SELECT datetime, total_consumption_kwh FROM analytics.half_hourly_consumption ORDER BY datetime"
    with psycopg.connect(url, autocommit=True) as connection, psycopg.connect(url) as other:
        before = connection.execute(figures).fetchall()
        other.execute("LOCK TABLE raw_data.raw_meter_readings IN ACCESS EXCLUSIVE MODE")
        process = start(sample_home, "run", "--reference-date", "2021-01-01")
        waiting = b"SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        eventually(lambda: connection.execute(waiting).rowcount)
        process.send_signal(signal.SIGTERM)
        done = process.wait()
        assert done.returncode == 1
        assert "Error: it was ended by a signal before it was done. What it had stored is whole" in done.stderr
        assert "Traceback" not in done.stderr
        eventually(lambda: not connection.execute(waiting).rowcount)
        other.rollback()
        assert connection.execute(figures).fetchall() == before != []
