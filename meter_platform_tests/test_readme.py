"""The README is true: its commands run, its settings and reason codes are those of the code.

`make demo`, `make test`, `make check` and `make docs` are run by CI itself.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from meter_platform.cli import main
from meter_platform.embedded_postgres import server
from meter_platform.feeds.configured import read_feeds
from meter_platform.feeds.formats.of_feeds import kinds
from meter_platform.feeds.validation import Reason
from meter_platform.settings import PREFIX, Settings, documented_settings
from meter_platform_tests.places import ROOT

README = (ROOT / "README.md").read_text()


def _commands(block_with: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    block = next(block for block in blocks if block_with in block)
    return [shlex.split(line, comments=True) for line in block.splitlines()]


def test_there_is_a_feed_of_each_format_in_ten_lines(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "feeds.toml").write_text(block)

    named = read_feeds(tmp_path / "feeds.toml", Settings(home=tmp_path)).named or {}

    assert {feed.format for feed in named.values()} == set(kinds())
    assert max(len(feed.splitlines()) for feed in block.split("\n\n")) <= 10


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "feeds").glob("*.md")), ids=lambda page: page.stem)
def test_every_feed_of_a_page_is_one(page: Path, tmp_path: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        (tmp_path / "feeds.toml").write_text(block)
        assert read_feeds(tmp_path / "feeds.toml", Settings(home=tmp_path)).named


@pytest.mark.whole
def test_every_command_succeeds_on_a_fresh_home(tmp_path: Path) -> None:
    commands = [*_commands("meter-platform run"), *_commands("meter-platform backup")]
    assert len(commands) == 14
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment[f"{PREFIX}HOME"] = str(tmp_path)
    try:
        for command in commands:
            program = Path(sys.executable).parent / Path(command[0]).name
            done = subprocess.run(
                [program, *command[1:]],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr[-2000:]}"
            if Path(command[0]).name == "meter-platform" and command[1] == "run":
                # Exact figures of the sample, as the README shows them.
                for line in re.findall(r"^2021-01-01 .*$", README, re.MULTILINE):
                    assert line.split() in [printed.split() for printed in done.stdout.splitlines()]
    finally:
        server.stop(tmp_path)


def test_the_settings_table_names_variables_that_there_are() -> None:
    documented = re.findall(rf"^\| `({PREFIX}\w+)`", README, re.MULTILINE)
    assert len(documented) > 10
    assert set(documented) <= {setting.variable for setting in documented_settings()}


def test_every_reason_code_is_explained() -> None:
    named = set(re.findall(r"`([a-z_]+)`", README))
    assert {reason.value for reason in Reason} <= named


def test_every_command_that_is_named_is_there() -> None:
    named = set(re.findall(r"meter-platform ([a-z]+)", README))
    targets = set(re.findall(r"`make ([a-z-]+)`", README))

    assert named <= set(main.commands)
    assert len(named) >= 8
    makefile = (ROOT / "Makefile").read_text()
    assert targets <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_every_link_to_a_file_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README) if not link.startswith("http")]
    assert len(links) >= 5
    assert [link for link in links if not (ROOT / link).exists()] == []
