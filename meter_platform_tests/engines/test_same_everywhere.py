"""All analytics tables are the same to the digit, whichever engine computed them."""

import pytest

from meter_platform.lake.lake import TABLES
from meter_platform.warehouse import lineage
from meter_platform.warehouse.lineage import READINGS
from meter_platform_tests.everywhere import Loaded


def test_the_input_is_what_it_claims_to_be(loaded: Loaded) -> None:
    assert {name: bool(rows) for name, rows in loaded.expected.items()} == dict.fromkeys(lineage.INPUTS, True)
    if loaded.name == "awkward_days":
        reasons = {row[4] for row in loaded.expected["unattributed_consumption"]}
        assert reasons == {"ended", "overlap", "unknown_product", "not_started", "no_agreement"}
        half_hours = loaded.expected["half_hourly_consumption"]
        assert {column.as_tuple().exponent for row in half_hours for column in row[4:7]} == {-20}
        assert {sum(row[1] == day for row in half_hours) for day in {row[1] for row in half_hours}} == {46, 48, 50}


@pytest.mark.parametrize(
    ("engine", "source"),
    [
        ("duckdb", "postgres"),
        pytest.param("duckdb", "lake", marks=pytest.mark.whole),
        # Sending tables to a server is what other tests of Spark do, too.
        pytest.param("spark", "postgres", marks=pytest.mark.whole),
        pytest.param("spark", "lake", marks=pytest.mark.whole),
    ],
)
def test_an_engine_computes_what_postgres_computes_to_the_digit(
    loaded: Loaded, engine: str, source: str, sail: str
) -> None:
    settings = loaded.settings.replace(engine=engine, spark_url=sail)
    if source == "lake":
        settings = settings.replace(lake_url=loaded.in_lake())

    found = loaded.computed(settings)

    assert found.tables == loaded.expected
    assert {each["engine"] for rows in found.metadata.values() for each in rows} == {engine}
    assert set(found.metadata) == set(lineage.INPUTS)
    shown = [each["read_from"] for rows in found.metadata.values() for each in rows]
    assert {table for each in shown for table, where in each.items() if where == "lake"} == (
        {table.name for table in TABLES} if source == "lake" else set()
    )


@pytest.mark.whole
@pytest.mark.parametrize("engine", ["postgres", "duckdb", "spark"])
def test_of_dates_that_are_put_away_an_engine_computes_what_postgres_did_before(
    loaded: Loaded, engine: str, sail: str
) -> None:
    with loaded.put_away() as settings:
        found = loaded.computed(settings.replace(engine=engine, spark_url=sail))

    assert found.tables == loaded.expected
    assert {each["engine"] for rows in found.metadata.values() for each in rows} == {engine}
    for name in ("half_hourly_consumption", "meterpoint_completeness"):
        origins = {each.get("read_from", {}).get(READINGS) for each in found.metadata[name]}
        assert origins == {None if engine == "postgres" else "lake"}, name
