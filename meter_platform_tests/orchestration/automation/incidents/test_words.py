"""What is told of errors, and of dates."""

from datetime import date

import pytest
from dagster._utils.error import SerializableErrorInfo, serializable_error_info_from_exc_info

from meter_platform.errors import SourceUnavailableError
from meter_platform.orchestration.automation.incidents.words import dates, shown, told


class SensorExecutionError(Exception):
    """As Dagster's wrapper is called."""


def error_of(error: Exception) -> SerializableErrorInfo:
    """An error as Dagster keeps it, raised by a sensor."""
    try:
        try:
            raise error
        except type(error) as cause:
            raise SensorExecutionError("in the sensor") from cause
    except SensorExecutionError as wrapped:
        return serializable_error_info_from_exc_info((SensorExecutionError, wrapped, wrapped.__traceback__))


def test_an_error_of_the_platform_s_own_is_told_and_of_any_other_only_its_kind() -> None:
    assert shown(error_of(SourceUnavailableError("The folder is away."))) == "The folder is away."
    assert shown(error_of(ValueError("meterpoint 1200010001"))) == "ValueError; the page in Dagster says more"
    assert shown(None) == "no reason is on record"


def test_a_text_is_bounded_and_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_PLATFORM_REFERENCE_URL", "postgresql://me:geheim1@db/reference")

    assert told("postgresql://me:geheim1@db/reference is away") == "postgresql://*** is away"
    assert len(told("x" * 10_000)) == 401


def test_dates_are_one_a_range_or_some() -> None:
    def days(*numbers: int) -> list[date]:
        return [date(2021, 1, number) for number in numbers]

    assert dates(days(4)) == "2021-01-04"
    assert dates(days(4, 5, 6)) == "2021-01-04 to 2021-01-06"
    assert dates(days(4, 6)) == "2 dates from 2021-01-04 to 2021-01-06"
