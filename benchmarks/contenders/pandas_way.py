"""The way the case study's public solutions go: json to DataFrames, concat, merge, groupby, CSV text into COPY.

As published ones do, it creates the table with its primary key, makes one CSV text of all readings and copies that.
Written with care in that style: nothing is slower than it needs to be there (small tables are copied too, where most
have `to_sql`; there is no `apply`), and the table is leaner than the platform's, for it does not say where a reading
comes from. Sums are of floats, and are rounded at the end because the input has three decimals.
"""

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg
from psycopg import sql

from benchmarks.facts import all_facts
from benchmarks.job import Job, Outcome, Phases
from meter_platform.settlement import day_table

SCHEMA: Final = "bench_pandas"
_ZONE: Final = "Europe/London"
_USUAL_PERIODS: Final = 48

_CREATE: Final = {
    "raw_meter_readings": """meterpoint_id text, interval_start timestamptz, reference_date date,
        consumption_delta numeric, loaded_at timestamptz, PRIMARY KEY (meterpoint_id, interval_start)""",
    "raw_agreements": """agreement_id bigint, reference_date date, agreement_valid_from date, agreement_valid_to date,
        product_id text, meterpoint_id text, account_id text""",
    "raw_products": "product_id text, reference_date date, id bigint, display_name text, is_variable bigint",
    "raw_meterpoints": "meterpoint_id text, reference_date date, region text",
    "active_agreements": """agreement_id bigint, reference_date date, meterpoint_id text, display_name text,
        is_variable boolean, is_export boolean, is_sole boolean""",
    "half_hourly_consumption": """datetime timestamptz, reference_date date, settlement_period bigint,
        meterpoint_count bigint, total_consumption_kwh numeric, import_consumption_kwh numeric,
        export_consumption_kwh numeric""",
    "daily_product_consumption": """product_display_name text, reference_date date, date date, is_export boolean,
        meterpoint_count bigint, total_consumption_kwh numeric""",
    "unattributed_consumption": """meterpoint_id text, reference_date date, total_consumption_kwh numeric,
        reading_count bigint, reason text, days_since_last_agreement bigint""",
    "meterpoint_completeness": """meterpoint_id text, reference_date date, expected_readings bigint,
        received_readings bigint, rejected_readings bigint, zero_readings bigint, is_constant boolean,
        total_consumption_kwh numeric""",
}


Store = Callable[[psycopg.Connection[Any], str, pd.DataFrame], None]
"""Stores a frame in an empty table that has its columns."""


def run(job: Job) -> Outcome:
    """Loads and computes everything in memory, and stores it by COPY of CSV text."""
    return run_in(SCHEMA, job, _copy_csv)


def run_in(schema: str, job: Job, store: Store) -> Outcome:
    """Loads and computes everything in memory, table after table."""
    with closing(psycopg.connect(job.url, options=f"-c timezone=UTC -c search_path={schema}")) as connection:
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        connection.commit()
        phases = Phases()
        with phases.phase("read"):
            readings = _read(job)
        with phases.phase("copy readings"):
            _store(connection, "raw_meter_readings", readings, store)
            connection.commit()
        raw_seconds = phases.total
        with phases.phase("reference tables"):
            days, snapshots = _reference_tables(job)
            for name, frame in snapshots.items():
                _store(connection, name, frame, store)
        with phases.phase("analytics"):
            for name, frame in _analytics(readings, days, snapshots).items():
                _store(connection, name, frame, store)
            connection.commit()
        return Outcome(
            seconds=phases.total,
            raw_seconds=raw_seconds,
            phases=phases.seconds,
            facts=all_facts(connection, schema, schema),
        )


def _read(job: Job) -> pd.DataFrame:
    frames = []
    for path in sorted(job.readings.glob("*.json")):
        with path.open(encoding="utf-8") as file:
            document = json.load(file)
        frames.append(pd.DataFrame(document["data"], columns=document["columns"]))
    readings = pd.concat(frames, ignore_index=True)
    label = pd.to_datetime(readings["interval_start"])
    clocks_go_back = max(day_table(job.first, job.last, ZoneInfo(_ZONE))["periods"].to_pylist()) > _USUAL_PERIODS
    # The first of two equal labels is summer time.
    summer: Any = ~readings.duplicated(["meterpoint_id", "interval_start"]) if clocks_go_back else "raise"
    readings["reference_date"] = label.dt.normalize()
    readings["interval_start"] = label.dt.tz_localize(_ZONE, ambiguous=summer).dt.tz_convert("UTC")
    readings["loaded_at"] = datetime.now(UTC)
    return readings


def _reference_tables(job: Job) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The calendar, and the reference tables as they stand, once for each date."""
    days = day_table(job.first, job.last, ZoneInfo(_ZONE)).to_pandas()
    days["reference_date"] = pd.to_datetime(days["reference_date"])
    dates = days[["reference_date"]]
    with closing(sqlite3.connect(job.reference)) as source:
        agreements = pd.read_sql("SELECT * FROM agreement", source)
        products = pd.read_sql("SELECT * FROM product", source)
        meterpoints = pd.read_sql("SELECT * FROM meterpoint", source)
    for column in ("agreement_valid_from", "agreement_valid_to"):
        agreements[column] = pd.to_datetime(agreements[column])
    return days, {
        "raw_agreements": agreements.merge(dates, how="cross"),
        "raw_products": products.merge(dates, how="cross"),
        "raw_meterpoints": meterpoints.merge(dates, how="cross"),
    }


def _analytics(
    readings: pd.DataFrame, days: pd.DataFrame, snapshots: dict[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    key = ["reference_date", "meterpoint_id"]
    agreements = snapshots["raw_agreements"]
    active = _active(agreements, snapshots["raw_products"])
    active["is_sole"] = ~active.duplicated(key, keep=False)
    used = readings.merge(active[active["is_sole"]], how="left", on=key)
    return {
        "active_agreements": active,
        "half_hourly_consumption": _half_hourly(used, days),
        "daily_product_consumption": _by_product(used),
        "unattributed_consumption": _unattributed(used[used["display_name"].isna()], agreements, active),
        "meterpoint_completeness": _completeness(readings, snapshots["raw_meterpoints"], days),
    }


def _in_force(agreements: pd.DataFrame) -> "pd.Series[bool]":
    started = agreements["agreement_valid_from"] <= agreements["reference_date"]
    ended = agreements["agreement_valid_to"] <= agreements["reference_date"]
    return started & ~ended


def _active(agreements: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    active = agreements[_in_force(agreements)].merge(products, on=["reference_date", "product_id"])
    active["is_variable"] = active["is_variable"] == 1
    active["is_export"] = active["display_name"].str.startswith("Outgoing")
    return active


def _half_hourly(used: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    half_hours = (
        used.groupby(["interval_start", "reference_date"])
        .agg(meterpoint_count=("meterpoint_id", "nunique"), total_consumption_kwh=("consumption_delta", "sum"))
        .reset_index()
        .merge(days, on="reference_date")
    )
    exported = used[used["is_export"].eq(True)].groupby("interval_start")["consumption_delta"].sum()  # noqa: FBT003
    export = half_hours["interval_start"].map(exported).fillna(0)
    since_start = half_hours["interval_start"] - half_hours["day_start"]
    return half_hours.assign(
        datetime=half_hours["interval_start"],
        settlement_period=since_start.dt.total_seconds().floordiv(1800).add(1).astype(int),
        total_consumption_kwh=half_hours["total_consumption_kwh"].round(3),
        import_consumption_kwh=(half_hours["total_consumption_kwh"] - export).round(3),
        export_consumption_kwh=export.round(3),
    )


def _by_product(used: pd.DataFrame) -> pd.DataFrame:
    products = (
        used.groupby(["display_name", "reference_date"])
        .agg(
            is_export=("is_export", "first"),
            meterpoint_count=("meterpoint_id", "nunique"),
            total_consumption_kwh=("consumption_delta", "sum"),
        )
        .round({"total_consumption_kwh": 3})
        .reset_index()
    )
    return products.assign(product_display_name=products["display_name"], date=products["reference_date"])


def _unattributed(used: pd.DataFrame, agreements: pd.DataFrame, active: pd.DataFrame) -> pd.DataFrame:
    key = ["reference_date", "meterpoint_id"]
    rows = (
        used.groupby(key)
        .agg(total_consumption_kwh=("consumption_delta", "sum"), reading_count=("consumption_delta", "size"))
        .round({"total_consumption_kwh": 3})
        .reset_index()
    )
    open_ended = agreements["agreement_valid_to"].isna()
    real = agreements[open_ended | (agreements["agreement_valid_from"] < agreements["agreement_valid_to"])]
    ends = real["agreement_valid_to"].where(real["agreement_valid_to"] <= real["reference_date"])
    history = (
        real.assign(in_force=_in_force(real), last_end=ends)
        .groupby(key)
        .agg(in_force=("in_force", "sum"), last_end=("last_end", "max"))
    )
    rows = rows.merge(history.reset_index(), how="left", on=key)
    rows = rows.merge(active.groupby(key).size().rename("active").reset_index(), how="left", on=key)
    rows["reason"] = "no_agreement"
    rows.loc[rows["in_force"].notna(), "reason"] = "not_started"
    rows.loc[rows["last_end"].notna(), "reason"] = "ended"
    rows.loc[rows["in_force"] > 0, "reason"] = "unknown_product"
    rows.loc[rows["active"] > 1, "reason"] = "overlap"
    rows["days_since_last_agreement"] = (rows["reference_date"] - rows["last_end"]).dt.days.astype("Int64")
    return rows


def _completeness(readings: pd.DataFrame, meterpoints: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    key = ["reference_date", "meterpoint_id"]
    counted = (
        readings.assign(zero=readings["consumption_delta"] == 0)
        .groupby(key)
        .agg(
            received_readings=("consumption_delta", "size"),
            zero_readings=("zero", "sum"),
            least=("consumption_delta", "min"),
            most=("consumption_delta", "max"),
            kwh=("consumption_delta", "sum"),
        )
        .reset_index()
    )
    rows = meterpoints[key].merge(counted, how="outer", on=key).merge(days, on="reference_date")
    several = rows["received_readings"] > 1
    return rows.assign(
        expected_readings=rows["periods"],
        received_readings=rows["received_readings"].fillna(0).astype(int),
        rejected_readings=0,
        zero_readings=rows["zero_readings"].fillna(0).astype(int),
        is_constant=several & (rows["least"] == rows["most"]) & (rows["most"] > 0),
        total_consumption_kwh=rows["kwh"].fillna(0).round(3),
    )


def _store(connection: psycopg.Connection[Any], name: str, frame: pd.DataFrame, store: Store) -> None:
    """Creates a table and fills it."""
    definition = _CREATE[name]
    columns = [part.split()[0] for part in definition.partition(", PRIMARY KEY")[0].split(",")]
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(name), sql.SQL(definition)))
    store(connection, name, frame[columns])


def _copy_csv(connection: psycopg.Connection[Any], name: str, frame: pd.DataFrame) -> None:
    text = io.StringIO()
    frame.to_csv(text, index=False, header=False)
    statement = sql.SQL("COPY {} FROM STDIN WITH (FORMAT csv)").format(sql.Identifier(name))
    with connection.cursor().copy(statement) as stream:
        stream.write(text.getvalue())
