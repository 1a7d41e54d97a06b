"""Every setting of the platform (`METER_PLATFORM_…`), its default and its meaning, in one typed class.

What belongs here: reading and checking the environment, and the defaults that follow from it. What never does: I/O beyond
a `.env` file and files that hold a secret (nothing is created or connected to; definitions load with an empty
environment), and values that no user should change (they are `Final` constants where they are used).
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from meter_platform.errors import SettingsError

PREFIX: Final = "METER_PLATFORM_"
IntervalLabel = Literal["start", "end"]
Executor = Literal["in_process", "multiprocess"]
BackupKind = Literal["dump", "base"]
EngineName = Literal["postgres", "duckdb", "spark"]
Storage = Literal["postgres", "lake", "both"]

_PANDERA: Final = {
    "PANDERA_VALIDATION_ENABLED": ("True", "true", "1"),
    "PANDERA_VALIDATION_DEPTH": ("SCHEMA_AND_DATA",),
}
"""Variables of pandera's that switch validation off, and the values that leave it on. Pandera takes every other spelling
of yes for a no, so that any other value is refused."""

_SECRET: Final = {"secret": True}
"""Marks a setting that may hold a password: it is never shown, and `<its variable>_FILE` may name a file with it."""

_TOKEN: Final = {"secret": True, "token": True}
"""Marks a URL that is a secret as a whole, such as a webhook's: whoever knows its path may use it."""

_FILE: Final = "_FILE"
"""What a variable's name ends with that names a file with the value, as Docker and Kubernetes mount secrets."""

_DOTENV: Final = ".env"


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("not a time zone; use a name such as Europe/London") from None
    return name


def _default_home() -> Path:
    return (Path(os.environ.get("DAGSTER_HOME") or ".") / ".meter_platform").absolute()


class Settings(BaseSettings):
    """What a run of the platform depends on besides its input. Arguments win over the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=_DOTENV, env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Annotated[
        Path,
        Field(
            description="State of the embedded default: its server and the sample input. Unset: `./.meter_platform`, or "
            "that folder below `$DAGSTER_HOME` where that is set.",
        ),
    ] = Field(default_factory=_default_home)
    postgres_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_SECRET,
            description="The Postgres to use: `postgresql://user:password@host/database?sslmode=require`. "
            "Unset: the embedded one.",
        ),
    ] = None
    readings_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_SECRET,
            description="Folder of the reading files, `s3://bucket/prefix`, or another fsspec URL. Unset: a generated sample.",
        ),
    ] = None
    reference_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_SECRET,
            description="SQLAlchemy URL of the database with `agreement`, `product`, `meterpoint`. "
            "Unset: the generated sample.",
        ),
    ] = None
    timezone: Annotated[
        str,
        AfterValidator(_is_zone),
        Field(description="The market's zone: naive times are local to it, reference dates are its days."),
    ] = "Europe/London"
    first_reference_date: Annotated[
        date, Field(description="The first daily partition; earlier rows are rejected.")
    ] = date(2021, 1, 1)
    interval_label: Annotated[
        IntervalLabel,
        Field(description="Whether times name the `start` (Elexon) or the `end` (DCC, NEM12) of their half hour."),
    ] = "start"
    executor: Annotated[
        Executor, Field(description="One process for a whole run; `multiprocess` runs each step in one of its own.")
    ] = "in_process"
    today: Annotated[
        date | None,
        Field(description="The day that data age is measured against; unset: the clock's. For historic input."),
    ] = None
    minimum_meterpoints: Annotated[
        int,
        Field(
            ge=0, description="Product figures of fewer meterpoints are suppressed where they are shown; 0 shows all."
        ),
    ] = 0
    pg_bin: Annotated[
        Path | None,
        Field(description="Folder of the Postgres programs that the embedded server runs. Unset: the wheel's."),
    ] = None
    backup_folder: Annotated[
        Path | None, Field(description="Where backups are kept. Unset: `backups` in the home.")
    ] = None
    backup_keep: Annotated[
        int, Field(ge=1, description="How many backups of a kind are kept; older ones are removed.")
    ] = 7
    backup_kind: Annotated[
        BackupKind | None,
        Field(
            description="`dump` writes each database out; `base` copies the files of the whole server, from which its "
            "archive of changes leads to any moment. Unset: `dump` of the embedded server, `base` of a given one."
        ),
    ] = None
    backup_wal: Annotated[
        Path | None,
        Field(
            description="The folder that the server's `archive_command` copies its changes (WAL) to, as it is seen from here. "
            "Changes that no `base` backup needs any more are removed from it."
        ),
    ] = None
    keep_runs_days: Annotated[
        int,
        Field(
            ge=1,
            description="Days after its end that all is kept that Dagster noted of a run; then only what the state of "
            "tables and checks is made of (`meter-platform prune`, every night).",
        ),
    ] = 30
    keep_readings_days: Annotated[
        int | None,
        Field(
            ge=1,
            description="Reference dates that are older than so many days are deleted from every table, with all that is "
            "known of them (`meter-platform prune`, every night). Unset: none is.",
        ),
    ] = None
    dagster_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_SECRET,
            description="The Postgres database of Dagster's runs and events. Unset: `dagster`, on the platform's server. "
            "A process that has this and no `METER_PLATFORM_POSTGRES_URL`, such as the web server, cannot see the data.",
        ),
    ] = None
    erasure_key: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_TOKEN,
            description="The key by which meterpoints that were erased are recognised: 64 hexadecimal digits, the same for "
            "every process. Unset: the file `erasure.key` in the home, made by the first `meter-platform erase`.",
        ),
    ] = None

    dagster_ui_url: Annotated[
        str | None,
        Field(
            description="Where people reach the Dagster UI, such as `https://meters.example.org`: for links in alerts."
        ),
    ] = None
    alerts_smtp_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_SECRET,
            description="The mail server for alerts: `smtp://user:password@host:587` (STARTTLS), `smtps://…` (TLS from "
            "the start), `smtp://host:25?tls=no` (neither TLS nor login). Unset: no e-mail.",
        ),
    ] = None
    alerts_email_to: Annotated[
        str | None, Field(description="Who gets alerts by e-mail: addresses, with commas between them.")
    ] = None
    alerts_email_from: Annotated[
        str | None, Field(description="The address that alerts come from. Unset: the first that they go to.")
    ] = None
    alerts_webhook_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_TOKEN,
            description="A webhook for alerts, of Slack or of whatever takes the same. Unset: none.",
        ),
    ] = None
    alerts_heartbeat_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_TOKEN,
            description="A URL that is asked for twice a minute as long as alerts work: a service elsewhere tells when that "
            "ends. Unset: none.",
        ),
    ] = None
    alerts_data_due_hours: Annotated[
        int,
        Field(
            ge=0,
            description="Hours after the end of a reference date after which its readings are late, where alerts are "
            "set; 0: never.",
        ),
    ] = 9
    scan_seconds: Annotated[
        int | None,
        Field(
            ge=5,
            le=300,
            description="Between two looks of the sensor for new reading files. Unset: 30, or 15 where today is a partition.",
        ),
    ] = None
    full_scan_hour: Annotated[
        int,
        Field(
            ge=0,
            le=23,
            description="Once a day, from this local hour on, a scan looks into every folder of reading files, also into "
            "those in which nothing has happened for long.",
        ),
    ] = 2
    receive_tokens: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_TOKEN,
            description="Who may push readings by HTTP (`meter-platform receive`): `name:token`, with blanks between them. "
            "Unset: nobody.",
        ),
    ] = None
    receive_mqtt_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_SECRET,
            description="The MQTT broker whose messages are readings (`meter-platform receive`): "
            "`mqtts://user:password@host:8883`. Unset: none.",
        ),
    ] = None
    receive_mqtt_topics: Annotated[
        str | None,
        Field(
            description="Which messages, and whose they are: `name=topic`, with blanks between them, such as "
            "`homes=meters/+/readings`."
        ),
    ] = None
    feeds: Annotated[
        Path | None,
        Field(
            description="A TOML file that says which files below `METER_PLATFORM_READINGS_URL` are in which form: "
            "format, unit, label, zone. Unset: `*.json` alone, as the other settings have it."
        ),
    ] = None
    running_date: Annotated[
        bool,
        Field(
            description="Whether the day that has not ended has a partition too: its tables follow readings as they come, "
            "and are built once more when it has ended."
        ),
    ] = False
    engine: Annotated[
        EngineName,
        Field(
            description="Where rules are computed: `postgres`, `duckdb` (in the run's process; extra `[duckdb]`) or `spark` "
            "(extra `[spark]`, and `METER_PLATFORM_SPARK_URL`). Results are stored in Postgres whichever it is."
        ),
    ] = "postgres"
    spark_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_SECRET,
            description="The Spark Connect server of the engine `spark`: `sc://host:15002`, or "
            "`sc://host:443/;use_ssl=true;token=…`.",
        ),
    ] = None
    duckdb_memory_mb: Annotated[
        int | None,
        Field(
            ge=256,
            description="Memory that the engine `duckdb` may use in each run, in MB; what does not fit goes to a folder in the "
            "home. Unset: a quarter of the machine's.",
        ),
    ] = None
    lake_url: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_SECRET,
            description="Where the lake is, a folder or `s3://bucket/prefix`: readings and snapshots once more, as Delta "
            "tables. Unset: there is none.",
        ),
    ] = None
    storage: Annotated[
        Storage | None,
        Field(
            description="Where readings and snapshots are kept: `postgres`; `both` there and in the lake; or `lake`: the "
            "readings of finished dates in the lake alone, all else in both. Unset: `both` where a lake is given."
        ),
    ] = None
    lake_keep_days: Annotated[
        int,
        Field(
            ge=0,
            description="Days that files of the lake stay after they were replaced (`meter-platform lake tidy`): as long as "
            "anybody may read an older version.",
        ),
    ] = 7
    transformations: Annotated[
        str | None,
        Field(
            description="The folder of a dbt project whose models are built with the tables; `off`: none are. Unset: the "
            "platform's own project, where the extra `dbt` is installed."
        ),
    ] = None
    fetch_keys: Annotated[
        str | None,
        Field(
            repr=False,
            json_schema_extra=_TOKEN,
            description="The keys of the APIs that feeds are fetched from (`meter-platform fetch`): `feed:key`, with blanks "
            "between them.",
        ),
    ] = None

    @field_validator("home", "pg_bin", "backup_folder", "backup_wal", "feeds", mode="after")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @field_validator("first_reference_date", "today", mode="before")
    @classmethod
    def _written_as_a_date(cls, given: object) -> object:
        # pydantic would take a number for seconds since 1970.
        return date.fromisoformat(given) if isinstance(given, str) else given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from; the first that has one wins."""
        return (init_settings, env_settings, _SecretFiles(settings_cls), dotenv_settings)

    @classmethod
    def from_environment(cls) -> Self:
        """The settings of this process: its environment, then files with secrets, then `.env`, then defaults.

        Raises:
            SettingsError: naming the variable, its value and what it takes. (URLs are not checked here, nor shown.)
        """
        for name, harmless in _PANDERA.items():
            if (value := os.environ.get(name, harmless[0])) not in harmless:
                raise SettingsError(f"{name}={value!r} would switch contracts off without a sign: unset it.")
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError(_explained(error)) from None

    @property
    def zone(self) -> ZoneInfo:
        """The market's time zone."""
        return ZoneInfo(self.timezone)

    def local_today(self) -> date:
        """The day that ages are measured against, in the market's zone: `today` where it is set, else the clock's."""
        return self.today or self.clock_date()

    def clock_date(self) -> date:
        """The day that it is now in the market's zone, whatever `today` says."""
        return datetime.now(self.zone).date()

    def newest_reference_date(self) -> date:
        """The newest date that has a partition, by the clock: today where `running_date` says so, else yesterday."""
        return self.clock_date() - timedelta(days=0 if self.running_date else 1)

    @property
    def sample_home(self) -> Path:
        """Where the generated sample input lives when a source is not given."""
        return self.home / "sample"

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - the values of any settings
        """These settings with some others."""
        return self.model_copy(update=changes)

    def as_environment(self) -> dict[str, str]:
        """The variables of which a child process makes the same settings, whatever it inherits besides.

        A secret that a file gives stays in the file: the environment of a process can be read by others of its account.
        """
        files = _SecretFiles(type(self))()
        from_files = {name for name, value in files.items() if value == getattr(self, name)}
        given = {variable(name): "" if value is None else str(value) for name, value in self if name not in from_files}
        unnamed = {
            variable(setting.name) + _FILE: ""
            for setting in documented_settings()
            if setting.is_secret and setting.name not in from_files
        }
        return given | unnamed


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, as documentation and `meter-platform config` show it.

    Attributes:
        name: of the attribute of `Settings`.
        variable: of the environment.
        default: in words, where there is no value of its own.
        meaning: one or two sentences, in Markdown.
        is_secret: the value may hold a password and is never shown as it is.
        is_token: all of it is secret, and none of it is shown.
    """

    name: str
    variable: str
    default: str
    meaning: str
    is_secret: bool
    is_token: bool


def documented_settings() -> list[Setting]:
    """Every setting, in the order of the class."""
    return [
        Setting(
            name=name,
            variable=variable(name),
            default="" if name == "home" or field.get_default() is None else f"`{field.get_default()}`",
            meaning=field.description or "",
            is_secret=_is(field, "secret"),
            is_token=_is(field, "token"),
        )
        for name, field in Settings.model_fields.items()
    ]


def origins() -> dict[str, str]:
    """Where each setting's value comes from: a variable, the file that a variable names, `.env`, or the default."""
    sources = {
        "environment": EnvSettingsSource(Settings),
        "file": _SecretFiles(Settings),
        _DOTENV: DotEnvSettingsSource(Settings),
    }
    found: dict[str, str] = {}
    for origin, source in sources.items():
        for name in source():
            found.setdefault(name, f"{variable(name)}{_FILE}" if origin == "file" else origin)
    return {setting.name: found.get(setting.name, "default") for setting in documented_settings()}


def secrets_given() -> list[str]:
    """Values that may hold a password, wherever they were given: whoever prints a foreign text hides them in it.

    Sources that cannot be read are left out, for it may be their error that is about to be printed.
    """
    found: list[str] = []
    for source in (EnvSettingsSource(Settings), _SecretFiles(Settings), DotEnvSettingsSource(Settings)):
        with suppress(SettingsError, OSError, UnicodeDecodeError):
            values = source()
            found += [
                str(values[setting.name])
                for setting in documented_settings()
                if setting.is_secret and values.get(setting.name)
            ]
    return found


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _is(field: FieldInfo, mark: str) -> bool:
    marks = field.json_schema_extra
    return isinstance(marks, dict) and bool(marks.get(mark))


class _SecretFiles(PydanticBaseSettingsSource):
    """Values of `<variable>_FILE`: the content of the file that it names, without the line's end."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(variable(field_name) + _FILE)
        if not _is(field, "secret") or not path:
            return None, field_name, False
        if os.environ.get(variable(field_name)):
            raise SettingsError(f"{variable(field_name)} and {variable(field_name)}{_FILE} are both set: unset one.")
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n") or None, field_name, False
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise SettingsError(f"{variable(field_name)}{_FILE}={path!r} cannot be read: {why}.") from None

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def _explained(error: ValidationError) -> str:
    """The first fault, with the variable, its value and what it takes."""
    fault = error.errors()[0]
    name, kind = str(fault["loc"][0]), fault["type"]
    if kind == "literal_error":
        takes = f"is none of: {fault['ctx']['expected'].replace(' or ', ', ')}.".replace("'", "")
    elif name in {"first_reference_date", "today"}:
        takes = "is not a date; write it as 2021-01-31."
    elif kind in {"int_parsing", "int_from_float", "greater_than_equal", "less_than_equal"}:
        takes = f"is not a whole number{_bounds(Settings.model_fields[name])}."
    else:
        takes = f"is {fault['msg'].removeprefix('Value error, ')}."
    return f"{variable(name)}={fault['input']!r} {takes}"


def _bounds(field: FieldInfo) -> str:
    """Of a number, in words."""
    found = {bound: getattr(each, bound) for each in field.metadata for bound in ("ge", "le") if hasattr(each, bound)}
    if "ge" not in found:
        return ""
    return f" of {found['ge']} to {found['le']}" if "le" in found else f" of {found['ge']} or more"
