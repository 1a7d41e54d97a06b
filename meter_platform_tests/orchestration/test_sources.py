"""Which sources are read: those that are set; the sample where none is, and never into a server that is given."""

from pathlib import Path

import pytest

from meter_platform.errors import SettingsError
from meter_platform.orchestration.sources import reading_folder, reference_database
from meter_platform.settings import Settings

GIVEN = "postgresql://me@db/meters"


def test_sources_that_are_set_are_read_and_no_sample_is_made(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, postgres_url=GIVEN, readings_url="/readings", reference_url="sqlite:////ref.db")

    assert reading_folder(settings).url == "/readings"
    assert reference_database(settings).url == "sqlite:////ref.db"
    assert list(tmp_path.iterdir()) == []


def test_the_sample_is_never_loaded_into_a_given_server(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, postgres_url=GIVEN)

    with pytest.raises(SettingsError, match=r"^METER_PLATFORM_READINGS_URL is not set, and the sample is never loaded"):
        reading_folder(settings)
    with pytest.raises(
        SettingsError, match=r"^METER_PLATFORM_REFERENCE_URL is not set, and the sample is never loaded"
    ):
        reference_database(settings)
    assert list(tmp_path.iterdir()) == []
