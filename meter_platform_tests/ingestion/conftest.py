"""What the tests of ingestion share: a folder that is delivered into."""

from pathlib import Path

import pytest

from meter_platform_tests.ingestion.delivered import DeliveryFolder


@pytest.fixture
def folder(tmp_path: Path) -> DeliveryFolder:
    """An empty folder of reading files."""
    path = tmp_path / "readings"
    path.mkdir()
    return DeliveryFolder(path)
