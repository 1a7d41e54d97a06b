"""The sources that the settings name, and the generated sample where they name none.

What belongs here: choosing. What does not: reading, and the sample's content (`meter_platform/sample/`).
"""

from datetime import timedelta
from pathlib import Path
from typing import Final

from filelock import FileLock

from meter_platform.errors import SettingsError
from meter_platform.feeds.configured import feeds_of
from meter_platform.feeds.files import ReadingFolder
from meter_platform.reference.database import ReferenceDatabase
from meter_platform.sample.generate import generate
from meter_platform.sample.plan import SamplePlan
from meter_platform.settings import Settings, variable

SAMPLE_DAYS: Final = 7
"""A week: a weekend to see, and every kind of agreement change."""

SAMPLE_METERPOINTS: Final = 60


def reading_folder(settings: Settings) -> ReadingFolder:
    """Where reading files are, and which feeds they are of.

    Raises:
        SettingsError: the feeds are configured wrongly, or the folder has to be given.
    """
    url = settings.readings_url or str(_sample(settings, instead_of="readings_url") / "readings")
    return ReadingFolder(url, feeds_of(settings))


def reference_database(settings: Settings) -> ReferenceDatabase:
    """Where agreements, products and meterpoints are."""
    return ReferenceDatabase(
        settings.reference_url or f"sqlite:///{_sample(settings, instead_of='reference_url') / 'reference.db'}"
    )


def sample_plan(settings: Settings) -> SamplePlan:
    """The sample that stands in for sources that are not given."""
    first = settings.first_reference_date
    return SamplePlan(
        meterpoints=SAMPLE_METERPOINTS, first=first, last=first + timedelta(days=SAMPLE_DAYS - 1), zone=settings.zone
    )


def _sample(settings: Settings, *, instead_of: str) -> Path:
    """The sample's folder, generated when it is first needed; processes that need it at once wait for one another.

    Args:
        settings: of the platform.
        instead_of: the setting of the source that the sample stands in for.

    Raises:
        SettingsError: the Postgres is a given one. Invented readings have no place beside real ones.
    """
    if settings.postgres_url:
        raise SettingsError(
            f"{variable(instead_of)} is not set, and the sample is never loaded into the server that "
            f"{variable('postgres_url')} names: set {variable(instead_of)}; for the sample itself, "
            "`meter-platform sample` writes one to any folder."
        )
    folder = settings.sample_home
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        complete = folder / ".complete"
        if not complete.exists():
            generate(sample_plan(settings), folder)
            complete.touch()
    return folder
