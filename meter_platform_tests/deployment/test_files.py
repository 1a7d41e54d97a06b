"""What the files of `deployment/` say, as far as it can be known without an engine. A part of the everyday suite."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from meter_platform.cli import main as cli
from meter_platform.settings import documented_settings
from meter_platform_tests.places import ROOT

DEPLOYMENT = ROOT / "deployment"


def pinned(lock: Path) -> dict[str, set[str]]:
    """What a lock says of each package: name and version, and the hashes that a download may have."""
    parts = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
    return {part.split(" ")[0]: set(re.findall(r"sha256:[0-9a-f]{64}", part)) for part in parts if "==" in part}


@pytest.mark.parametrize("name", ["requirements.lock", "build-requirements.lock"])
def test_the_image_is_made_of_what_the_lock_says(name: str) -> None:
    everything, image = pinned(ROOT / "requirements.lock"), pinned(DEPLOYMENT / name)

    assert len(image) > 5
    assert {package: hashes for package, hashes in image.items() if everything.get(package) != hashes} == {}


def test_the_image_has_every_package_that_the_platform_needs() -> None:
    names = {package.partition("==")[0] for package in pinned(DEPLOYMENT / "requirements.lock")}

    assert {
        "dagster",
        "dagster-webserver",
        "psycopg",
        "streamlit",
        "prometheus-client",
        "grpcio-health-checking",
        "fastapi",
        "paho-mqtt",
    } <= names
    assert names.isdisjoint({"pytest", "mypy", "sphinx", "playwright"})


@pytest.mark.parametrize("path", sorted(DEPLOYMENT.glob("compose*.yaml")), ids=lambda path: path.name)
def test_every_image_is_named_by_its_version_and_no_secret_stands_in_a_file(path: Path) -> None:
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    secret = {setting.variable for setting in documented_settings() if setting.is_secret}

    for name, service in said["services"].items():
        image = service.get("image", "${OF:-the:same}")
        assert re.fullmatch(r"\$\{\w+:(-[\w./-]+:[\w.-]+|\?.+)\}", image), f"{name}: {image}"
        assert ":latest" not in image
        for variable in service.get("environment", {}):
            assert variable not in secret, f"{name}: {variable}"
            assert not variable.endswith(("PASSWORD", "SECRET", "TOKEN")), f"{name}: {variable}"
    assert all(set(secret) == {"file"} for secret in said.get("secrets", {}).values())


@pytest.mark.parametrize("path", sorted(DEPLOYMENT.glob("systemd/*.service")), ids=lambda path: path.stem)
def test_a_unit_runs_a_command_that_there_is_with_settings_that_there_are(path: Path) -> None:
    unit = path.read_text(encoding="utf-8")
    documented = (ROOT / "docs" / "operating" / "systemd.md").read_text(encoding="utf-8")
    variables = {setting.variable for setting in documented_settings()}

    for command in re.findall(r"^Exec\w+=\S*/meter-platform ([\w-]+)", unit, re.MULTILINE):
        assert command in cli.commands
    for variable in re.findall(r"^Environment=(METER_PLATFORM_\w+)=", unit, re.MULTILINE):
        assert variable.removesuffix("_FILE") in variables
    given = re.findall(r"^LoadCredential=(\w+):/etc/meter-platform/secrets/(\w+)$", unit, re.MULTILINE)
    assert sorted(name for name, _ in given) == sorted(re.findall(r"=%d/(\w+)$", unit, re.MULTILINE))
    assert all(name == secret and f"`{secret}`" in documented for name, secret in given)


@pytest.mark.whole
@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl on this machine")
def test_every_secret_is_made_once_for_one_account_to_reach(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "logins").write_text("operator hash")  # its hash is made in a container

    def make() -> dict[str, str]:
        command = [DEPLOYMENT / "make-secrets.sh", "monitoring", "receive"]
        subprocess.run(command, env={**os.environ, "SECRETS": str(folder)}, check=True, capture_output=True)
        return {path.name: path.read_text() for path in folder.iterdir()}

    made = make()

    named = {
        secret["file"].rpartition("/")[2]
        for name in ("compose.yaml", "compose.monitoring.yaml", "compose.receive.yaml")
        for secret in yaml.safe_load((DEPLOYMENT / name).read_text(encoding="utf-8"))["secrets"].values()
    }
    assert made.keys() >= named
    passwords = [text for name, text in made.items() if name.endswith("_password") and text]
    assert re.fullmatch(r"sender:[0-9a-f]{48}", made["receive_tokens"])
    assert len({text for text in passwords if len(text) == 48}) == len(passwords) == 6
    assert make() == made
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}, "services have many accounts"


def test_what_is_kept_in_the_instances_file_is_the_same_in_containers() -> None:
    workspace = yaml.safe_load((DEPLOYMENT / "workspace.yaml").read_text(encoding="utf-8"))
    ours = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))

    (location,) = (each["grpc_server"]["location_name"] for each in workspace["load_from"])
    assert location == ours["load_from"][0]["python_module"]["location_name"], "runs are remembered by it"


def test_nothing_but_what_it_is_built_of_gets_into_the_image() -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert "*" in allowed
    assert {line.removeprefix("!") for line in allowed if line.startswith("!")} == {
        "LICENSE",
        "README.md",
        "dagster.yaml",
        "deployment/build-requirements.lock",
        "deployment/requirements.lock",
        "deployment/workspace.yaml",
        "meter_platform",
        "pyproject.toml",
        "transformations",
        "workspace.yaml",
    }
