"""The environment: every variable, its default, and what is said of a value that cannot be used."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from meter_platform.errors import PermanentError, SettingsError
from meter_platform.settings import PREFIX, Settings, documented_settings, origins, secrets_given


@pytest.fixture(autouse=True)
def _an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    # Other tests of this process may have set what Dagster's own programs need.
    for name in [name for name in os.environ if name.startswith(PREFIX) or name == "DAGSTER_HOME"]:
        monkeypatch.delenv(name)


@pytest.fixture
def of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], Settings]:
    """Settings of an environment."""

    def settings(variables: Mapping[str, str]) -> Settings:
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            return Settings.from_environment()

    return settings


Of = Callable[[Mapping[str, str]], Settings]


def test_an_empty_environment_is_the_embedded_default_in_london(of: Of, tmp_path: Path) -> None:
    settings = of({})

    assert settings == Settings(
        home=tmp_path / ".meter_platform",
        postgres_url=None,
        readings_url=None,
        reference_url=None,
        timezone="Europe/London",
        first_reference_date=date(2021, 1, 1),
        interval_label="start",
        executor="in_process",
        today=None,
        minimum_meterpoints=0,
    )
    assert settings.zone == ZoneInfo("Europe/London")
    assert list(tmp_path.iterdir()) == []


def test_every_variable_is_read(of: Of) -> None:
    settings = of(
        {
            "METER_PLATFORM_HOME": "/var/lib/meters",
            "METER_PLATFORM_POSTGRES_URL": "postgresql://me:secret@db/meters",
            "METER_PLATFORM_READINGS_URL": "s3://bucket/readings",
            "METER_PLATFORM_REFERENCE_URL": "postgresql://me:secret@rds/reference",
            "METER_PLATFORM_TIMEZONE": "Australia/Sydney",
            "METER_PLATFORM_FIRST_REFERENCE_DATE": "2019-07-01",
            "METER_PLATFORM_INTERVAL_LABEL": "end",
            "METER_PLATFORM_EXECUTOR": "multiprocess",
            "METER_PLATFORM_TODAY": "2021-01-08",
            "METER_PLATFORM_MINIMUM_METERPOINTS": "10",
            "METER_PLATFORM_PG_BIN": "/usr/lib/postgresql/18/bin",
            "METER_PLATFORM_DAGSTER_URL": "postgresql://it:secret@db/dagster",
        }
    )

    assert settings == Settings(
        home=Path("/var/lib/meters"),
        postgres_url="postgresql://me:secret@db/meters",
        readings_url="s3://bucket/readings",
        reference_url="postgresql://me:secret@rds/reference",
        timezone="Australia/Sydney",
        first_reference_date=date(2019, 7, 1),
        interval_label="end",
        executor="multiprocess",
        today=date(2021, 1, 8),
        minimum_meterpoints=10,
        pg_bin=Path("/usr/lib/postgresql/18/bin"),
        dagster_url="postgresql://it:secret@db/dagster",
    )
    assert "secret" not in repr(settings)


def test_an_empty_variable_is_as_good_as_none(of: Of) -> None:
    assert of(dict.fromkeys(["METER_PLATFORM_POSTGRES_URL", "METER_PLATFORM_TIMEZONE"], "")) == (of({}))


def test_the_home_is_beside_dagsters_and_always_absolute(
    of: Of, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")

    def home(**variables: str) -> Path:
        return of(variables).home

    assert home(DAGSTER_HOME="/opt/dagster") == Path("/opt/dagster/.meter_platform")
    assert home(DAGSTER_HOME="/opt/dagster", METER_PLATFORM_HOME="/data") == Path("/data")
    assert home(METER_PLATFORM_HOME="state") == tmp_path / "state"
    assert home(METER_PLATFORM_HOME="~/state") == Path("/home/somebody/state")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "METER_PLATFORM_TIMEZONE",
            "Europe/Atlantis",
            "METER_PLATFORM_TIMEZONE='Europe/Atlantis' is not a time zone; use a name such as Europe/London.",
        ),
        (
            "METER_PLATFORM_TIMEZONE",
            "../etc/passwd",
            "METER_PLATFORM_TIMEZONE='../etc/passwd' is not a time zone; use a name such as Europe/London.",
        ),
        (
            "METER_PLATFORM_FIRST_REFERENCE_DATE",
            "01/02/2021",
            "METER_PLATFORM_FIRST_REFERENCE_DATE='01/02/2021' is not a date; write it as 2021-01-31.",
        ),
        ("METER_PLATFORM_TODAY", "today", "METER_PLATFORM_TODAY='today' is not a date; write it as 2021-01-31."),
        (
            "METER_PLATFORM_INTERVAL_LABEL",
            "middle",
            "METER_PLATFORM_INTERVAL_LABEL='middle' is none of: start, end.",
        ),
        (
            "METER_PLATFORM_EXECUTOR",
            "celery",
            "METER_PLATFORM_EXECUTOR='celery' is none of: in_process, multiprocess.",
        ),
        (
            "METER_PLATFORM_MINIMUM_METERPOINTS",
            "-1",
            "METER_PLATFORM_MINIMUM_METERPOINTS='-1' is not a whole number of 0 or more.",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_to_write(
    of: Of, variable: str, value: str, message: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        of({variable: value})

    assert str(refusal.value) == message
    assert isinstance(refusal.value, PermanentError)


@pytest.mark.parametrize("value", ["False", "false", "0", "", "no", "yes", "TRUE", " True"])
def test_a_switch_that_would_open_every_gate_is_refused_and_so_is_what_pandera_takes_for_one(
    of: Of, value: str
) -> None:
    with pytest.raises(
        SettingsError, match=r"^PANDERA_VALIDATION_ENABLED=.* would switch contracts off without a sign"
    ):
        of({"PANDERA_VALIDATION_ENABLED": value})


@pytest.mark.parametrize("value", ["SCHEMA_ONLY", "DATA_ONLY", "", "schema_and_data"])
def test_a_switch_that_would_open_half_of_every_gate_is_refused(of: Of, value: str) -> None:
    with pytest.raises(SettingsError, match=r"^PANDERA_VALIDATION_DEPTH=.* would switch contracts off"):
        of({"PANDERA_VALIDATION_DEPTH": value})


@pytest.mark.parametrize("value", ["True", "true", "1"])
def test_a_switch_that_changes_nothing_is_allowed(of: Of, value: str) -> None:
    assert of({"PANDERA_VALIDATION_ENABLED": value, "PANDERA_VALIDATION_DEPTH": "SCHEMA_AND_DATA"})


def test_a_secret_may_come_from_a_file(of: Of, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://me:secret@db/meters\n")

    assert of({"METER_PLATFORM_POSTGRES_URL_FILE": str(tmp_path / "url")}).postgres_url == (
        "postgresql://me:secret@db/meters"
    )


def test_a_secret_in_two_places_or_in_no_file_is_refused(of: Of, tmp_path: Path) -> None:
    variable = "METER_PLATFORM_REFERENCE_URL"

    with pytest.raises(SettingsError, match=f"^{variable} and {variable}_FILE are both set: unset one"):
        of({variable: "sqlite:///a.db", f"{variable}_FILE": str(tmp_path / "url")})
    with pytest.raises(SettingsError, match=f"^{variable}_FILE='.*' cannot be read: No such file"):
        of({f"{variable}_FILE": str(tmp_path / "url")})


def test_a_file_in_the_working_folder_is_read_and_the_environment_wins(of: Of, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "METER_PLATFORM_TIMEZONE=Europe/Paris\nMETER_PLATFORM_EXECUTOR=multiprocess\nOTHER=1\n"
    )

    settings = of({"METER_PLATFORM_TIMEZONE": "Europe/Dublin"})

    assert (settings.timezone, settings.executor) == ("Europe/Dublin", "multiprocess")


def test_each_value_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("METER_PLATFORM_EXECUTOR=multiprocess\n")
    (tmp_path / "url").write_text("postgresql://me:secret@db/meters")
    monkeypatch.setenv("METER_PLATFORM_TIMEZONE", "Europe/Dublin")
    monkeypatch.setenv("METER_PLATFORM_POSTGRES_URL_FILE", str(tmp_path / "url"))

    found = origins()

    assert found["timezone"] == "environment"
    assert found["postgres_url"] == "METER_PLATFORM_POSTGRES_URL_FILE"
    assert found["executor"] == ".env"
    assert found["interval_label"] == "default"
    assert found.keys() == Settings.model_fields.keys()


def test_secrets_are_known_wherever_they_were_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("METER_PLATFORM_READINGS_URL=s3://key:from-dotenv@bucket\n")
    (tmp_path / "url").write_text("postgresql://me:from-file@db/meters")
    monkeypatch.setenv("METER_PLATFORM_POSTGRES_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("METER_PLATFORM_REFERENCE_URL", "postgresql://me:from-variable@db/reference")

    assert set(secrets_given()) == {
        "s3://key:from-dotenv@bucket",
        "postgresql://me:from-file@db/meters",
        "postgresql://me:from-variable@db/reference",
    }

    (tmp_path / "url").unlink()
    assert len(secrets_given()) == 2


def test_today_is_the_one_set_or_else_the_markets(of: Of) -> None:
    settings = of({"METER_PLATFORM_TIMEZONE": "Pacific/Kiritimati"})
    before = datetime.now(UTC)

    assert of({"METER_PLATFORM_TODAY": "2021-01-08"}).local_today() == date(2021, 1, 8)
    assert settings.local_today() in {
        (instant + timedelta(hours=14)).date() for instant in (before, datetime.now(UTC))
    }  # UTC+14 all year
    assert settings.clock_date() == settings.local_today()


def test_a_child_process_makes_the_same_settings_of_what_it_is_handed(of: Of, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, today=date(2021, 1, 8), readings_url="/readings", minimum_meterpoints=3)

    assert of(settings.as_environment()) == settings


def test_a_child_process_is_handed_the_file_of_a_secret_and_not_the_secret(
    of: Of, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://me:hunter2@db/meters\n")
    monkeypatch.setenv("METER_PLATFORM_POSTGRES_URL_FILE", str(secret))
    settings = Settings.from_environment()

    handed = settings.as_environment()

    assert "hunter2" not in str(handed)
    assert of(handed) == settings, "the file's variable is still there"
    other = settings.replace(postgres_url="postgresql://other@db/meters")
    assert of(other.as_environment()) == other, "the file's is another one"


def test_every_setting_says_what_it_means() -> None:
    assert [setting.name for setting in documented_settings() if not setting.meaning] == []
    assert {setting.name for setting in documented_settings() if setting.is_secret} == {
        "dagster_url",
        "postgres_url",
        "readings_url",
        "reference_url",
        "alerts_smtp_url",
        "alerts_webhook_url",
        "alerts_heartbeat_url",
        "lake_url",
        "erasure_key",
        "fetch_keys",
        "receive_tokens",
        "receive_mqtt_url",
        "spark_url",
    }
    assert {setting.name for setting in documented_settings() if setting.is_token} == {
        "alerts_webhook_url",
        "alerts_heartbeat_url",
        "erasure_key",
        "fetch_keys",
        "receive_tokens",
    }
