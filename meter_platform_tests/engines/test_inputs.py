"""What an expression reads of stored tables."""

from datetime import date

from meter_platform.engines.inputs import inputs_of
from meter_platform.engines.protocol import lazy
from meter_platform.rules.agreements import active_agreements
from meter_platform.rules.completeness import meterpoint_completeness
from meter_platform.rules.days import day_values
from meter_platform.settings import Settings
from meter_platform.settlement import day_table
from meter_platform.warehouse import tables

READINGS = lazy(tables.RAW_METER_READINGS)
EVERY = set(tables.RAW_METER_READINGS.arrow_schema.names)


def read(expression: object) -> dict[str, set[str]]:
    return {f"{each.schema}.{each.name}": {*each.columns.names} for each in inputs_of(expression)}


def test_a_rule_reads_the_columns_that_it_names_and_the_date() -> None:
    days = day_values(day_table(date(2021, 1, 1), date(2021, 1, 1), Settings().zone))
    of_day = READINGS.filter(READINGS.reference_date == date(2021, 1, 1))
    rule = meterpoint_completeness(of_day, lazy(tables.REJECTED_READINGS), lazy(tables.RAW_METERPOINTS), days)
    assert read(rule) == {
        "raw_data.raw_meter_readings": EVERY - {"source_file_id", "source_position", "loaded_at", "revised_at"},
        "raw_data.rejected_readings": {"reference_date", "meterpoint_id"},
        "raw_data.raw_meterpoints": {"reference_date", "meterpoint_id"},
    }


def test_nobody_asks_for_accounts() -> None:
    rule = active_agreements(lazy(tables.RAW_AGREEMENTS), lazy(tables.RAW_PRODUCTS))
    assert "account_id" not in read(rule)["raw_data.raw_agreements"]


def test_what_is_handed_on_whole_is_read_whole() -> None:
    name = "raw_data.raw_meter_readings"
    assert read(READINGS)[name] == EVERY
    assert read(READINGS.filter(READINGS.source_position > 1).limit(3))[name] == EVERY
    each = READINGS.distinct()
    assert read(each.agg(n=each.count()))[name] == EVERY
    assert read(READINGS.agg(n=READINGS.count()))[name] == {"reference_date"}


def test_types_are_the_contracts() -> None:
    (found,) = inputs_of(READINGS)
    assert found.columns.types == tables.RAW_METER_READINGS.arrow_schema.types
