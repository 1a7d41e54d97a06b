"""A number of meterpoints as arithmetic on the figures. What does not belong here: words (`words.py`)."""

from dataclasses import dataclass
from typing import Final

from meter_platform.sizing import figures

READINGS_A_DAY: Final = 48
"""Half hours of a meterpoint's day."""


def files_for(meterpoints: int) -> int:
    """Files a day where nobody says how many: one for each thousand meterpoints."""
    return max(1, -(-meterpoints // 1_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a number of meterpoints takes.

    Attributes:
        meterpoints: how many send readings.
        days: how many reference dates are kept.
        files: that come each day.
    """

    meterpoints: int
    days: int
    files: int

    @property
    def readings_a_day(self) -> int:
        """Of 48 half hours."""
        return self.meterpoints * READINGS_A_DAY

    @property
    def readings(self) -> int:
        """Of all kept dates."""
        return self.readings_a_day * self.days

    @property
    def file_bytes_a_day(self) -> float:
        """Of the reading files."""
        return self.readings_a_day * figures.FILE_BYTES.value

    @property
    def postgres_bytes(self) -> float:
        """Of every table, with readings in Postgres. Publishing a date again takes its readings once more."""
        return self.readings * (figures.POSTGRES_BYTES.value + figures.ANALYTICS_BYTES.value)

    @property
    def analytics_bytes(self) -> float:
        """Of every table but readings: what is left in Postgres where only a lake has these."""
        return self.readings * figures.ANALYTICS_BYTES.value

    @property
    def lake_bytes(self) -> float:
        """Of the readings in the lake, without replaced versions."""
        return self.readings * figures.LAKE_BYTES.value

    @property
    def load_seconds(self) -> float:
        """To load a date and build its tables in Postgres, on two cores."""
        return self.readings_a_day * (1 / figures.LOADED_PER_SECOND.value + 1 / figures.BUILT_PER_SECOND.value)

    def rule_seconds(self, per_second: figures.Figure) -> float:
        """To apply the three rules that go through the readings of a date, in an engine, on two cores."""
        return self.readings_a_day / per_second.value

    def rebuild_seconds(self, per_second: figures.Figure) -> float:
        """To do so for every kept date."""
        return self.readings / per_second.value

    @property
    def requests_a_day(self) -> float:
        """To an object store, for the day's new files."""
        return self.files * (figures.REQUESTS_A_FILE.value + 1 / figures.FILES_A_LIST.value)

    @property
    def dagster_bytes(self) -> float:
        """Of Dagster's database, pruned, without what any installation has."""
        return self.days * figures.DAGSTER_BYTES.value

    @property
    def breaks(self) -> list[str]:
        """What does not fit one server any more, the first first."""
        limits = (
            (self.postgres_bytes / figures.SERVER_BYTES.value, "disk of Postgres: keep readings in a lake"),
            (self.load_seconds / figures.WINDOW_SECONDS.value, "time to load a date: several loaders, a date in parts"),
            (
                self.rebuild_seconds(figures.POSTGRES_RULES_PER_SECOND) / figures.REBUILD_SECONDS.value,
                "building every date again in Postgres: DuckDB on the lake",
            ),
            (
                self.rebuild_seconds(figures.DUCKDB_PER_SECOND) / figures.REBUILD_SECONDS.value,
                "building every date again on two cores: more cores, then Spark",
            ),
        )
        return [f"{share:.1f} x {what}" for share, what in sorted(limits, reverse=True) if share > 1]

    @property
    def kept_in(self) -> str:
        """Where readings are best kept and which engine computes: the least that is enough."""
        if self.postgres_bytes <= figures.SERVER_BYTES.value and self.load_seconds <= figures.WINDOW_SECONDS.value:
            return "Postgres"
        if self.rebuild_seconds(figures.DUCKDB_PER_SECOND) <= figures.REBUILD_SECONDS.value:
            return "lake, DuckDB"
        return "lake, Spark"
