"""Whatever is delivered in whatever order: the lake has the rows that the ledger has, and these are what the oracle says."""

import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from meter_platform.feeds.configured import feeds_of
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.ingestion.publish import InPlace
from meter_platform.lake.lake import Lake
from meter_platform.lake.stores import LakeStore
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import RAW_METER_READINGS
from meter_platform_tests.ingestion.delivered import DeliveryFolder
from meter_platform_tests.ingestion.test_deliveries_property import ALWAYS, Steps, World, assert_tables_follow, steps
from meter_platform_tests.lake.test_lake import in_lake, in_ledger


class WithLake(World):
    """The same, with a lake that nothing was ever in."""

    def __init__(self, database: Database, settings: Settings, folder: DeliveryFolder) -> None:
        super().__init__(database, settings, folder)
        self._lake = Lake(LakeStore(tempfile.mkdtemp(dir=folder.path.parent)))

    def load(self, dates: list[date], *, in_place: InPlace = ALWAYS) -> None:
        source = ReadingFolder(str(self.folder.path), feeds_of(self.settings))
        ReadingsLoad(self.settings, source, log=lambda _: None, in_place=in_place, lake=self._lake).store(
            self.database, dates
        )
        self.oracle.load(self.folder.files, dates)
        self.check()
        assert in_lake(self._lake, RAW_METER_READINGS, dates) == in_ledger(self.database, RAW_METER_READINGS, dates)


@pytest.fixture
def folder(tmp_path: Path) -> DeliveryFolder:
    (tmp_path / "in").mkdir()
    return DeliveryFolder(tmp_path / "in")


@pytest.mark.parametrize("examples", [3, pytest.param(30, marks=pytest.mark.whole)])
def test_the_lake_follows_whatever_is_delivered(
    database: Database, settings: Settings, folder: DeliveryFolder, examples: int
) -> None:
    @hypothesis_settings(max_examples=examples, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps=steps)
    def follow(steps: Steps) -> None:
        assert_tables_follow(database, settings, folder, steps, WithLake)

    follow()
