"""Every environment variable of the platform, its default and its meaning, in one typed class.

What belongs here: reading and checking the environment, and the defaults that follow from it. What does not: I/O
(nothing is created, opened or connected to; definitions load with an empty environment) and values that no user
should change (they are `Final` constants where they are used).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Literal, cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from meter_platform.errors import SettingsError

PREFIX: Final = "METER_PLATFORM_"
IntervalLabel = Literal["start", "end"]
Executor = Literal["in_process", "multiprocess"]

_PANDERA: Final = {
    "PANDERA_VALIDATION_ENABLED": ("True", "true", "1"),
    "PANDERA_VALIDATION_DEPTH": ("SCHEMA_AND_DATA",),
}
"""Variables by which pandera does less than contracts say, with the only values by which it does not. It takes any other
spelling of yes for a no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run of the platform depends on besides its input.

    Attributes:
        home: state of the embedded default (server, sample input). `METER_PLATFORM_HOME`, default
            `$DAGSTER_HOME/.meter_platform`, else `./.meter_platform`. Always absolute.
        postgres_url: the server to use; `None` means the embedded one. `METER_PLATFORM_POSTGRES_URL`.
        readings_url: folder or fsspec URL of the reading files; `None` means the generated sample.
            `METER_PLATFORM_READINGS_URL`.
        reference_url: SQLAlchemy URL of the reference database; `None` means the generated sample.
            `METER_PLATFORM_REFERENCE_URL`.
        timezone: the market's zone: naive times are local to it, reference dates are its days.
            `METER_PLATFORM_TIMEZONE`.
        first_reference_date: the first daily partition. `METER_PLATFORM_FIRST_REFERENCE_DATE`.
        interval_label: whether a reading's time is the start (Elexon) or the end (DCC, NEM12) of its half hour.
            `METER_PLATFORM_INTERVAL_LABEL`.
        executor: one process for a whole run, or one for each step. `METER_PLATFORM_EXECUTOR`.
        today: the date that data age is measured against; `None` means the clock's. For historic input.
            `METER_PLATFORM_TODAY`.
        minimum_meterpoints: product rows with fewer meterpoints are suppressed where figures are published; 0 shows
            all. `METER_PLATFORM_MINIMUM_METERPOINTS`.
    """

    home: Path
    postgres_url: str | None = field(default=None, repr=False)
    readings_url: str | None = field(default=None, repr=False)
    reference_url: str | None = field(default=None, repr=False)
    timezone: str = "Europe/London"
    first_reference_date: date = date(2021, 1, 1)
    interval_label: IntervalLabel = "start"
    executor: Executor = "in_process"
    today: date | None = None
    minimum_meterpoints: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings of this process.

        Args:
            environ: the environment to read; the process's own unless given.

        Raises:
            SettingsError: naming the variable, its value and what it takes. (URLs are not checked here, nor shown.)
        """
        environ = os.environ if environ is None else environ

        def get(name: str) -> str | None:
            return environ.get(PREFIX + name) or None

        for name, harmless in _PANDERA.items():
            if environ.get(name, harmless[0]) not in harmless:
                raise SettingsError(f"{name}={environ[name]!r} would switch contracts off without a sign: unset it.")
        zone = get("TIMEZONE") or "Europe/London"
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SettingsError(
                f"{PREFIX}TIMEZONE={zone!r} is not a time zone; use a name such as Europe/London."
            ) from error
        dagster_home = environ.get("DAGSTER_HOME")
        default_home = Path(dagster_home or ".") / ".meter_platform"
        return cls(
            home=Path(get("HOME") or default_home).expanduser().absolute(),
            postgres_url=get("POSTGRES_URL"),
            readings_url=get("READINGS_URL"),
            reference_url=get("REFERENCE_URL"),
            timezone=zone,
            first_reference_date=_date("FIRST_REFERENCE_DATE", get("FIRST_REFERENCE_DATE")) or date(2021, 1, 1),
            interval_label=cast(
                "IntervalLabel", _choice("INTERVAL_LABEL", get("INTERVAL_LABEL") or "start", get_args(IntervalLabel))
            ),
            executor=cast("Executor", _choice("EXECUTOR", get("EXECUTOR") or "in_process", get_args(Executor))),
            today=_date("TODAY", get("TODAY")),
            minimum_meterpoints=_count("MINIMUM_METERPOINTS", get("MINIMUM_METERPOINTS") or "0"),
        )

    @property
    def zone(self) -> ZoneInfo:
        """The market's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def sample_home(self) -> Path:
        """Where the generated sample input lives when a source is not given."""
        return self.home / "sample"


def _date(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{name}={text!r} is not a date; write it as 2021-01-31.") from error


def _choice(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise SettingsError(f"{PREFIX}{name}={text!r} is none of: {', '.join(choices)}.")
    return text


def _count(name: str, text: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"{PREFIX}{name}={text!r} is not a whole number of 0 or more.")
    return int(text)
