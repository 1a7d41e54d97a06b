"""A secret is in the files of the services that need it, and nowhere else."""

import json

import pytest

from meter_platform_tests.deployment.stack import SERVICES, Stack

pytestmark = pytest.mark.deployment

EVERYTHING = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'"
"""The environment and the command line of every process of a container."""


@pytest.fixture(scope="module")
def passwords(stack: Stack, loaded: None) -> set[str]:  # noqa: ARG001 - whatever writes logs has done so
    """Every password, and lines of the private key."""
    found = {path.read_text() for path in stack.secrets.iterdir() if path.name.endswith("_password")}
    found -= {""}  # of a mail server that asks for none
    found |= {line for line in stack.secret("database.key").splitlines() if len(line) == 64}
    assert len(found) > 25
    return found


def test_no_secret_is_in_what_the_engine_says(stack: Stack, passwords: set[str]) -> None:
    for said in (json.dumps(stack.containers()), stack.docker("history", "--no-trunc", "meter-platform:0.1.0")):
        assert not [password for password in passwords if password in said]


def test_no_secret_is_logged(stack: Stack, passwords: set[str]) -> None:
    logs = stack.compose("logs", "--no-color")

    assert "new_reading_files" in logs
    assert not [password for password in passwords if password in logs]


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_is_in_an_environment(stack: Stack, passwords: set[str], service: str) -> None:
    said = stack.execute(service, "sh", "-c", EVERYTHING)

    assert "PATH=" in said
    assert not [password for password in passwords if password in said]


@pytest.mark.parametrize(
    ("service", "secrets"),
    [
        ("webserver", {"dagster_url", "database_authority"}),
        ("daemon", {"dagster_url", "database_authority"}),
        ("proxy", {"logins"}),
        ("metrics", {"metrics_platform_url", "metrics_dagster_url", "database_authority"}),
        ("backup", {"backup_url"}),
    ],
)
def test_a_service_is_handed_what_it_needs(stack: Stack, service: str, secrets: set[str]) -> None:
    assert set(stack.execute(service, "ls", "/run/secrets").split()) == secrets
