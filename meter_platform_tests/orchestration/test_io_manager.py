"""What assets return is stored, handed on and reported, by real runs on a real Dagster instance."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import dagster as dg
import ibis
import pandas as pd
import pyarrow as pa
import pytest
from dagster._core.execution.plan.objects import StepFailureData

from meter_platform.errors import ContractError, SourceError, SourceUnavailableError
from meter_platform.orchestration.io_manager import PostgresIOManager, Summary
from meter_platform.orchestration.partition_store import Chunks
from meter_platform.orchestration.partitions import dates_of
from meter_platform.warehouse import tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.partitions import StoreReport
from meter_platform.warehouse.tables import Table

DAILY = dg.DailyPartitionsDefinition("2021-01-01", timezone="Europe/London")
DAY, NEXT, LATER = date(2021, 1, 1), date(2021, 1, 2), date(2021, 1, 3)
RETRY_ONCE = dg.RetryPolicy(max_retries=1, delay=0)


@dg.logger
def quiet(_: dg.InitLoggerContext) -> logging.Logger:
    """Says nothing: Dagster's event log has it all."""
    logger = logging.getLogger("meter_platform_tests.io_manager")
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False
    return logger


asset = partial(dg.asset, partitions_def=DAILY, retry_policy=RETRY_ONCE)
"""A partitioned asset, stored in the table of its name, that is tried twice."""


def meterpoints(day: date, *ids: str, region: str | None = "London") -> pd.DataFrame:
    """Rows of `raw_meterpoints`, as an asset would return them: plain pandas."""
    return pd.DataFrame({"meterpoint_id": list(ids), "reference_date": [day] * len(ids), "region": [region] * len(ids)})


class Platform:
    """Runs assets for dates, and looks at what became of them."""

    def __init__(self, database: Database, instance: dg.DagsterInstance) -> None:
        self.database = database
        self.instance = instance

    def run(
        self,
        *assets: dg.AssetsDefinition,
        first: date = DAY,
        last: date | None = None,
        selection: Sequence[str] | None = None,
        summaries: Mapping[Table, Summary] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """One run for a date, or for a range."""
        manager = PostgresIOManager(lambda: self.database, tables.TABLES, summaries=summaries)
        defs = dg.Definitions(
            assets=assets,
            resources={"io_manager": manager},
            executor=dg.in_process_executor,
            loggers={"console": quiet},
        )
        tags = (
            {"dagster/partition": str(first)}
            if last is None
            else {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
        )
        return defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            tags=tags,
            asset_selection=[dg.AssetKey(name) for name in selection] if selection else None,
            run_config={"loggers": {"console": {}}},
            raise_on_error=False,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def platform(database: Database, instance: dg.DagsterInstance) -> Platform:
    """The session's database, empty, and Dagster beside it."""
    return Platform(database, instance)


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[date, dict[str, Any]]:
    """What each materialisation of an asset says, by date."""
    return {
        date.fromisoformat(event.partition or ""): {
            key: value.value for key, value in event.step_materialization_data.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(name)
    }


def failure(result: dg.ExecuteInProcessResult) -> StepFailureData:
    """Why the one failed step failed."""
    (event,) = result.filter_events(lambda event: event.is_step_failure)
    return event.step_failure_data


def retries(result: dg.ExecuteInProcessResult) -> int:
    return len(result.filter_events(lambda event: event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY))


@asset()
def raw_meterpoints(context: dg.AssetExecutionContext) -> pd.DataFrame:
    """As many meterpoints as the day's number."""
    return pd.concat(
        [meterpoints(day, *(f"m{number}" for number in range(day.day))) for day in dates_of(context.partition_keys)]
    )


# What is handed over, and as what


def test_a_frame_is_stored_and_loaded_by_annotation_as_an_exact_frame_of_the_partition_alone(
    platform: Platform,
) -> None:
    given: dict[str, Any] = {}

    @asset()
    def half_hourly_consumption() -> pd.DataFrame:
        return pd.DataFrame(
            {
                "datetime": [datetime(2021, 1, 2, 0, 30, tzinfo=UTC), datetime(2021, 1, 2, tzinfo=UTC)],
                "reference_date": [NEXT, NEXT],
                "settlement_period": [2, 1],
                "meterpoint_count": [1, 3],
                "total_consumption_kwh": [Decimal("0.1"), Decimal("32.28900000000000000001")],
                "import_consumption_kwh": [Decimal("0.1"), Decimal("32.28900000000000000001")],
                "export_consumption_kwh": [Decimal(0), Decimal(0)],
                "reading_count": [1, 3],
                "actual_consumption_kwh": [Decimal("0.1"), Decimal("32.28900000000000000001")],
                "estimated_consumption_kwh": [Decimal(0), Decimal(0)],
            }
        )

    @asset()
    def raw_meterpoints(half_hourly_consumption: pd.DataFrame) -> pd.DataFrame:
        given["frame"] = half_hourly_consumption
        return meterpoints(NEXT, "m")

    # A neighbour that must not be handed over.
    platform.rows(
        "INSERT INTO analytics.half_hourly_consumption VALUES ('2021-01-01Z', '2021-01-01', 1, 1, 1, 1, 0, now(), 1, 1, 0) "
        "RETURNING 1"
    )
    assert platform.run(half_hourly_consumption, raw_meterpoints, first=NEXT).success

    frame = given["frame"]
    assert list(frame.columns) == [column.name for column in tables.HALF_HOURLY_CONSUMPTION.columns]
    assert {name: str(dtype.pyarrow_dtype) for name, dtype in frame.dtypes.items()} == {
        "datetime": "timestamp[us, tz=UTC]",
        "reference_date": "date32[day]",
        "settlement_period": "int64",
        "meterpoint_count": "int64",
        "total_consumption_kwh": "decimal128(38, 20)",
        "import_consumption_kwh": "decimal128(38, 20)",
        "export_consumption_kwh": "decimal128(38, 3)",
        "loaded_at": "timestamp[us, tz=UTC]",
        "reading_count": "int64",
        "actual_consumption_kwh": "decimal128(38, 20)",
        "estimated_consumption_kwh": "decimal128(38, 3)",
    }
    assert frame.drop(columns="loaded_at").to_dict("records") == [  # in the order of the key
        {
            "datetime": pd.Timestamp("2021-01-02 00:00Z"),
            "reference_date": NEXT,
            "settlement_period": 1,
            "meterpoint_count": 3,
            "total_consumption_kwh": Decimal("32.28900000000000000001"),
            "import_consumption_kwh": Decimal("32.28900000000000000001"),
            "export_consumption_kwh": Decimal(0),
            "reading_count": 3,
            "actual_consumption_kwh": Decimal("32.28900000000000000001"),
            "estimated_consumption_kwh": Decimal(0),
        },
        {
            "datetime": pd.Timestamp("2021-01-02 00:30Z"),
            "reference_date": NEXT,
            "settlement_period": 2,
            "meterpoint_count": 1,
            "total_consumption_kwh": Decimal("0.1"),
            "import_consumption_kwh": Decimal("0.1"),
            "export_consumption_kwh": Decimal(0),
            "reading_count": 1,
            "actual_consumption_kwh": Decimal("0.1"),
            "estimated_consumption_kwh": Decimal(0),
        },
    ]


def test_an_empty_partition_is_a_frame_with_all_columns_and_types(platform: Platform) -> None:
    given: dict[str, Any] = {}

    @asset()
    def raw_products() -> pd.DataFrame:
        return pd.DataFrame(columns=["product_id", "reference_date", "id", "display_name", "is_variable"])

    @asset()
    def raw_meterpoints(raw_products: pd.DataFrame) -> pd.DataFrame:
        given["frame"] = raw_products
        return meterpoints(DAY, "m")

    result = platform.run(raw_products, raw_meterpoints)

    assert result.success
    assert metadata(result, "raw_products")[DAY]["dagster/partition_row_count"] == 0
    assert given["frame"].empty
    assert given["frame"].dtypes["is_variable"] == pd.ArrowDtype(pa.int64())


def test_a_lazy_table_is_handed_over_lazily_and_computed_in_postgres(platform: Platform) -> None:
    given: dict[str, Any] = {}

    @asset()
    def meterpoint_completeness(raw_meterpoints: ibis.Table) -> ibis.Table:
        given["input"] = raw_meterpoints
        return raw_meterpoints.select(
            "meterpoint_id",
            "reference_date",
            expected_readings=ibis.literal(48, "int64"),
            received_readings=ibis.literal(0, "int64"),
            rejected_readings=ibis.literal(0, "int64"),
            zero_readings=ibis.literal(0, "int64"),
            is_constant=ibis.literal(False),  # noqa: FBT003 - Ibis's form
            total_consumption_kwh=ibis.literal(0, "decimal(38, 3)"),
            largest_reading_kwh=ibis.null("decimal(38, 3)"),
            stored_readings=ibis.literal(0, "int64"),
            **{
                f"{part}_consumption_kwh": ibis.literal(0, "decimal(38, 3)")
                for part in ("export", "actual", "estimated")
            },
        )

    assert platform.run(raw_meterpoints, meterpoint_completeness, first=LATER).success

    assert isinstance(given["input"], ibis.Table)
    assert platform.rows(
        "SELECT meterpoint_id, reference_date, expected_readings, is_constant FROM analytics.meterpoint_completeness"
    ) == [("m0", LATER, 48, False), ("m1", LATER, 48, False), ("m2", LATER, 48, False)]
    ((loaded_at,),) = platform.rows("SELECT DISTINCT loaded_at FROM analytics.meterpoint_completeness")
    assert timedelta(0) < datetime.now(UTC) - loaded_at < timedelta(minutes=1)


def test_a_lazy_table_has_just_the_partitions_of_the_run_whether_they_are_one_or_several(platform: Platform) -> None:
    given: list[Any] = []

    @asset()
    def raw_products(raw_meterpoints) -> pd.DataFrame:  # type: ignore[no-untyped-def] # noqa: ANN001 - what is not annotated is lazy
        given.append(raw_meterpoints.reference_date.max() - raw_meterpoints.reference_date.min())
        given[-1] = platform.rows(
            f"SELECT min(reference_date), max(reference_date), count(*) FROM ({ibis.to_sql(raw_meterpoints, 'postgres')})"  # noqa: S608 - an expression of ours
        )[0]
        return pd.DataFrame(columns=["product_id", "reference_date", "id", "display_name", "is_variable"])

    assert platform.run(raw_meterpoints, first=DAY, last=date(2021, 1, 5)).success
    for first, last in ((NEXT, None), (NEXT, LATER), (LATER, LATER)):
        assert platform.run(raw_meterpoints, raw_products, first=first, last=last, selection=["raw_products"]).success

    assert given == [(NEXT, NEXT, 2), (NEXT, LATER, 5), (LATER, LATER, 3)]


def test_chunks_are_stored_while_those_after_them_are_made(platform: Platform) -> None:
    stored_before: list[int] = []

    @asset()
    def raw_meterpoints() -> Chunks:
        def chunks() -> Iterator[pd.DataFrame]:
            for number in range(30):
                with platform.database.connect() as connection:
                    # What has been handed over so far is in Postgres already, if not yet visible: the file grows.
                    (size,) = connection.execute("SELECT pg_relation_size('raw_data.raw_meterpoints')").fetchone() or ()
                stored_before.append(size)
                yield meterpoints(DAY, *(f"m{number}-{row}" for row in range(2_000)))

        return Chunks(chunks())

    result = platform.run(raw_meterpoints)

    assert result.success
    assert metadata(result, "raw_meterpoints")[DAY]["dagster/row_count"] == 60_000
    assert stored_before[0] == 0
    assert 0 < stored_before[15] < stored_before[29], (
        "chunks are made a few ahead of what is stored, and not all at once"
    )


def test_a_load_stores_itself_and_is_told_the_dates(platform: Platform) -> None:
    class Load:
        def store(self, database: Database, dates: Sequence[date]) -> StoreReport:
            assert database == platform.database
            return StoreReport(
                rows_per_date={day: day.day for day in dates}, facts={"files_read": 3}, unchanged=frozenset({NEXT})
            )

    @asset()
    def raw_meterpoints() -> Load:
        return Load()

    found = metadata(platform.run(raw_meterpoints, first=DAY, last=NEXT), "raw_meterpoints")

    assert [found[day]["dagster/partition_row_count"] for day in (DAY, NEXT)] == [1, 2]
    assert [found[day]["files_read"] for day in (DAY, NEXT)] == [3, 3]
    assert "unchanged" not in found[DAY]
    assert found[NEXT]["unchanged"] == "nothing new has come for this date, so that it was left as it was"


# What is replaced


def test_a_run_replaces_its_own_dates_and_no_others(platform: Platform) -> None:
    assert platform.run(raw_meterpoints, first=DAY, last=LATER).success

    @asset(name="raw_meterpoints")
    def with_other_rows() -> pd.DataFrame:
        return meterpoints(NEXT, "new")

    assert platform.run(with_other_rows, first=NEXT).success

    assert platform.rows(
        "SELECT reference_date, string_agg(meterpoint_id, ' ' ORDER BY 1) FROM raw_data.raw_meterpoints GROUP BY 1 ORDER BY 1"
    ) == [(DAY, "m0"), (NEXT, "new"), (LATER, "m0 m1 m2")]


# What is reported


def test_each_date_of_a_range_reports_its_own_rows_and_the_run_reports_all(platform: Platform) -> None:
    result = platform.run(raw_meterpoints, first=DAY, last=LATER)

    found = metadata(result, "raw_meterpoints")
    assert [found[day]["dagster/partition_row_count"] for day in (DAY, NEXT, LATER)] == [1, 2, 3]
    assert [found[day]["dagster/row_count"] for day in (DAY, NEXT, LATER)] == [6, 6, 6]
    assert {found[day]["dagster/table_name"] for day in found} == {"raw_data.raw_meterpoints"}
    assert all(0 <= found[day]["seconds"] < 60 for day in found)


def test_the_columns_are_reported_with_type_meaning_and_rules(platform: Platform) -> None:
    schema = metadata(platform.run(raw_meterpoints), "raw_meterpoints")[DAY]["dagster/column_schema"]

    assert [(column.name, column.type, column.constraints.nullable) for column in schema.columns] == [
        ("meterpoint_id", "text", False),
        ("reference_date", "date", False),
        ("region", "text", True),
        ("loaded_at", "timestamptz", False),
    ]
    assert schema.columns[2].description == "Region of the grid."
    assert schema.constraints.other == ["unique: reference_date, meterpoint_id"]


def test_a_summary_is_given_the_rows_just_stored_and_is_shown_with_the_newest_date(platform: Platform) -> None:
    def summary(frame: pd.DataFrame) -> dict[str, Any]:
        return {"meterpoints": len(frame), "first": str(frame["reference_date"].min())}

    result = platform.run(raw_meterpoints, first=NEXT, last=LATER, summaries={tables.RAW_METERPOINTS: summary})

    found = metadata(result, "raw_meterpoints")
    assert (found[LATER]["meterpoints"], found[LATER]["first"]) == (5, "2021-01-02")
    assert "dagster/column_schema" in found[LATER]
    assert not {"meterpoints", "dagster/column_schema"} & set(found[NEXT]), "a year would note them 365 times"


# What fails


def test_a_broken_contract_is_a_failure_with_its_cases_that_is_not_retried_and_stores_nothing(
    platform: Platform,
) -> None:
    attempts = []
    assert platform.run(raw_meterpoints).success

    @asset(name="raw_meterpoints")
    def broken() -> pd.DataFrame:
        attempts.append(1)
        return meterpoints(DAY, "a", "b", "b").assign(colour="red")

    result = platform.run(broken)

    assert not result.success
    assert (len(attempts), retries(result)) == (1, 0)
    found = failure(result).user_failure_data
    assert found.description == (
        "raw_data.raw_meterpoints was left as it was, for the new data breaks its contract: "
        "column colour: the contract has no such column (3 rows)."
    )
    assert [record.data for record in found.metadata["failure_cases"].records] == [
        {"column": "colour", "rule": "the contract has no such column", "count": 3, "examples": ""}
    ]
    assert platform.rows("SELECT meterpoint_id FROM raw_data.raw_meterpoints") == [("m0",)]


@pytest.mark.parametrize(
    ("error", "tries"),
    [(SourceError("a column is gone"), 1), (ContractError("no"), 1), (SourceUnavailableError("locked"), 2)],
    ids=["permanent", "contract", "transient"],
)
def test_errors_of_a_stream_are_retried_only_where_that_may_help(
    platform: Platform, error: Exception, tries: int
) -> None:
    attempts = []

    @asset()
    def raw_meterpoints() -> Chunks:
        def chunks() -> Iterator[pd.DataFrame]:
            attempts.append(1)
            yield meterpoints(DAY, "m")
            if len(attempts) == 1:
                raise error

        return Chunks(chunks())

    result = platform.run(raw_meterpoints)

    assert len(attempts) == tries
    assert result.success is (tries == 2)
    assert platform.rows("SELECT count(*) FROM raw_data.raw_meterpoints") == [(tries - 1,)]


def test_a_connection_that_is_lost_in_the_middle_is_made_again_by_the_retry(platform: Platform) -> None:
    attempts = []

    @asset()
    def raw_meterpoints() -> Chunks:
        def chunks() -> Iterator[pd.DataFrame]:
            attempts.append(1)
            yield meterpoints(DAY, "m")
            if len(attempts) == 1:
                platform.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            yield meterpoints(DAY, "n")

        return Chunks(chunks())

    @asset()
    def raw_products(raw_meterpoints: ibis.Table) -> ibis.Table:
        return raw_meterpoints.select(
            "reference_date",
            product_id="meterpoint_id",
            id=ibis.literal(1, "int64"),
            display_name="region",
            is_variable=ibis.literal(0, "int64"),
        )

    result = platform.run(raw_meterpoints, raw_products)

    assert result.success
    assert len(attempts) == 2
    assert platform.rows("SELECT product_id FROM raw_data.raw_products ORDER BY 1") == [("m",), ("n",)]


def test_definitions_with_an_io_manager_open_no_database_before_they_need_it() -> None:
    def never() -> Database:
        raise AssertionError("opened")

    PostgresIOManager(never, tables.TABLES)
