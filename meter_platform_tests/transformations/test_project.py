"""Which dbt project there is, what dbt is told of the connection, and the platform's tables as its sources."""

import os
from pathlib import Path

import pytest

from meter_platform.errors import PermanentError, SettingsError
from meter_platform.settings import Settings
from meter_platform.transformations import project
from meter_platform.transformations.connection import libpq_variables
from meter_platform.transformations.sources import FILE, sources
from meter_platform.warehouse import models, tables
from meter_platform_tests.places import ROOT

PASSWORD = "s3cret/of the platform"  # noqa: S105 - of no server


def settings(transformations: str | None) -> Settings:
    return Settings(home=Path("/nonexistent")).replace(transformations=transformations)


class TestFolder:
    def test_unset_means_the_platforms_own_where_dbt_is_installed(self) -> None:
        pytest.importorskip("dagster_dbt", reason="the extra `dbt` is not installed")

        assert project.project_folder(settings(None)) == ROOT / "transformations"

    def test_unset_means_none_where_dbt_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(project, "find_spec", lambda _: None)

        assert project.project_folder(settings(None)) is None

    def test_off_means_none(self) -> None:
        assert project.project_folder(settings("off")) is None

    def test_a_folder_that_is_no_project_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"METER_PLATFORM_TRANSFORMATIONS='.*' is no dbt project"):
            project.project_folder(settings(str(tmp_path)))

    def test_a_project_without_dbt_is_an_error_that_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "dbt_project.yml").touch()
        monkeypatch.setattr(project, "find_spec", lambda _: None)

        with pytest.raises(PermanentError, match=r"pip install 'meter-platform\[dbt\]'"):
            project.project_folder(settings(str(tmp_path)))


class TestConnection:
    def test_a_url_becomes_libpqs_variables(self) -> None:
        found = libpq_variables(
            "postgresql://app:s3cret%2Fof%20the%20platform@db.example:6543/meters"
            "?sslmode=verify-full&sslrootcert=/ca.pem&keepalives_idle=30"
        )

        session = found.pop("PGAPPNAME")
        assert session.startswith(f"meter_platform process {os.getpid()} on ")
        assert found == {
            "PGUSER": "app",
            "PGPASSWORD": PASSWORD,
            "PGHOST": "db.example",
            "PGPORT": "6543",
            "PGDATABASE": "meters",
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": "/ca.pem",
            "PGTZ": "UTC",
        }

    def test_an_embedded_servers_socket_is_its_host(self, home: Path) -> None:
        assert libpq_variables(f"postgresql://me@/meters?host={home}")["PGHOST"] == str(home)

    def test_what_no_variable_can_say_is_refused_without_a_word_of_it(self) -> None:
        with pytest.raises(SettingsError, match="has sslpassword, which dbt cannot be given") as raised:
            libpq_variables(f"postgresql://app@db/meters?sslpassword={PASSWORD.partition('/')[0]}")

        assert "s3cret" not in str(raised.value)


def test_the_sources_are_the_contracts() -> None:
    assert FILE.read_text() == sources(), "write it anew: python -m meter_platform.transformations.sources"


def test_the_profile_names_the_schema_of_models() -> None:
    assert f"schema: {models.SCHEMA}\n" in (ROOT / "transformations" / "profiles.yml").read_text()
    assert models.SCHEMA in tables.SCHEMAS


def test_no_password_is_in_the_profile() -> None:
    lines = (ROOT / "transformations" / "profiles.yml").read_text().splitlines()

    assert [line.strip() for line in lines if "password:" in line or "pass:" in line] == [
        "password: \"{{ env_var('DBT_ENV_SECRET_PASSWORD', '') }}\""
    ]
