"""Which engine the settings ask for, and whether it can be had.

What belongs here: the choice. What does not: any one engine; each is imported when it is chosen.
"""

from importlib.util import find_spec
from typing import Final

from meter_platform.engines.protocol import Engine
from meter_platform.errors import SettingsError
from meter_platform.lake.lake import Lake
from meter_platform.settings import Settings, variable
from meter_platform.warehouse.database import Database

_NEEDS: Final = {"duckdb": ("duckdb",), "spark": ("pyspark", "grpc")}
"""The packages of an engine. Each engine has an extra of its name."""


def check_engine(settings: Settings) -> None:
    """Looks whether the engine of the settings can be had, without importing anything.

    Raises:
        SettingsError: what it needs is not installed, or not set.
    """
    missing = [package for package in _NEEDS.get(settings.engine, ()) if not _is_installed(package)]
    if missing:
        raise SettingsError(
            f"{variable('engine')}={settings.engine} needs {missing[0]}, which is not installed: "
            f"pip install 'meter-platform[{settings.engine}]'."
        )
    if settings.engine == "spark" and not settings.spark_url:
        raise SettingsError(
            f"{variable('engine')}=spark needs a Spark Connect server: set {variable('spark_url')} to sc://host:15002."
        )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # it is known not to be there
        return False


def open_engine(settings: Settings, database: Database, lake: Lake | None = None) -> Engine:
    """The engine of the settings.

    Args:
        settings: of the platform.
        database: with the partitions.
        lake: with the same readings and snapshots, for engines that are not Postgres itself.

    Raises:
        SettingsError: see `check_engine`.
    """
    check_engine(settings)
    from meter_platform.engines.lake_files import LakeFiles  # noqa: PLC0415 - as below
    from meter_platform.engines.postgres import PostgresEngine, PostgresPartitions  # noqa: PLC0415 - status does without

    if settings.engine == "postgres":
        return PostgresEngine(database)
    ledger = PostgresPartitions(database)
    files = LakeFiles(lake) if lake else None
    if settings.engine == "duckdb":
        from meter_platform.engines.duckdb import DuckDbEngine  # noqa: PLC0415 - an extra

        return DuckDbEngine(ledger, folder=settings.home / "duckdb", files=files, memory_mb=settings.duckdb_memory_mb)
    from meter_platform.engines.spark import SparkEngine  # noqa: PLC0415 - an extra

    return SparkEngine(ledger, url=settings.spark_url or "", files=files)
