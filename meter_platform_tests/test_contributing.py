"""CONTRIBUTING is true: each worked example is applied to a copy of the checkout, where its tests fail before and pass after.

What belongs here: carrying out what the page says. What does not: the examples; the page is the only place they are in.
"""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from meter_platform_tests.places import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()

PACKAGES = ("meter_platform", "meter_platform_tests")

STEP = re.compile(r"^(New file|At the end of|In) `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One block of an example.

    Attributes:
        how: "New file", "At the end of" (the block is added) or "In" (the block is an edit).
        path: which file, from the checkout's root.
        block: the text; of an edit, lines that begin with a space, + or -.
    """

    how: str
    path: str
    block: str

    def apply(self, checkout: Path) -> None:
        """Does what the page says."""
        file = checkout / self.path
        if self.how == "New file":
            assert not file.exists(), f"{self.path} is there already"
            file.write_text(self.block)
        elif self.how == "At the end of":
            file.write_text(f"{file.read_text()}\n\n{self.block}")
        else:
            # Parts of an edit are apart by a line of three dots; its last line may be the beginning of one.
            for part in re.split(r"^\.\.\.\n", self.block, flags=re.MULTILINE):
                lines = part.splitlines(keepends=True)
                before = "".join(line[1:] or line for line in lines if not line.startswith("+")).removesuffix("\n")
                after = "".join(line[1:] or line for line in lines if not line.startswith("-")).removesuffix("\n")
                text = file.read_text()
                assert text.count(before) == 1, f"{self.path} has this {text.count(before)} times:\n{before}"
                file.write_text(text.replace(before, after))


def examples() -> dict[str, str]:
    """The text of each example by its heading."""
    (section,) = re.findall(r"^## Three examples\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    return dict(re.findall(r"^### ([^\n]*)\n(.*?)(?=^### |\Z)", section, re.MULTILINE | re.DOTALL))


@pytest.mark.whole
def test_the_examples_are_red_without_their_code_and_green_with_it(tmp_path: Path) -> None:
    """All in one copy, for starting tests takes longer than running them."""
    steps = [Step(*found) for text in examples().values() for found in STEP.findall(text)]
    named = [re.findall(r"^```sh\n\.venv/bin/pytest (.*)\n```$", text, re.MULTILINE) for text in examples().values()]
    files = [file for (command,) in named for file in shlex.split(command)]
    of_tests = [step for step in steps if step.path.startswith("meter_platform_tests/")]
    assert list(examples()) == ["A table", "A format", "A check"]
    assert {step.path for step in of_tests} >= set(files)

    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for step in of_tests:
        step.apply(tmp_path)
    red = run_tests(files, tmp_path)
    assert set(re.findall(r"^(?:ERROR|FAILED) ([\w/.]+)", red, re.MULTILINE)) == set(files), red

    for step in steps:
        if step not in of_tests:
            step.apply(tmp_path)
    green = run_tests(files, tmp_path)
    assert re.search(r"^\d+ passed in ", green, re.MULTILINE), green[-5000:]

    changed = sorted({step.path for step in steps})
    assert run("ruff", "check", "--no-cache", *changed, cwd=tmp_path) == "All checks passed!\n"
    assert "would be reformatted" not in run("ruff", "format", "--check", "--no-cache", *changed, cwd=tmp_path)


def run_tests(files: list[str], checkout: Path) -> str:
    """What pytest prints of all of these files, whichever cannot be imported."""
    return run("pytest", "-q", "--continue-on-collection-errors", "-p", "no:cacheprovider", *files, cwd=checkout)


def run(program: str, *arguments: str, cwd: Path) -> str:
    """What a program of the environment prints."""
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    return done.stdout + done.stderr


ANSWERS = {
    "the limit of an impossible reading": ("contracts/readings.py", "IMPOSSIBLE_KWH"),
    "a column of readings": ("contracts/raw_data.py", "class RawMeterReadings"),
    "whether times name the start or the end": ("feeds/validation.py", "label_at_end"),
    "CSV": ("feeds/formats/__init__.py", "FORMATS"),
    "the words of a rejection": ("feeds/validation.py", "more than a home can use"),
    "the time of the morning's run": ("orchestration/automation/schedules.py", "30 8 * * *"),
    "two runs want one date": ("warehouse/date_locks.py", "pg_advisory_lock"),
    "a page of the app": ("app/views/overview.py", "Overview"),
    "how long typed SQL may take": ("typed_sql/guard.py", "seconds: float"),
    "the programs of the embedded server": ("embedded_postgres/programs.py", "def find_binaries"),
    "the number of meterpoints": ("orchestration/checks/analytics.py", "CHECKS"),
    "consumption per region and day": ("contracts/analytics.py", "class DailyProductConsumption"),
}
"""Questions of a newcomer: the file of the answer, and what is found in it."""


@pytest.mark.parametrize("question", ANSWERS)
def test_a_newcomer_is_led_to_the_answer(question: str) -> None:
    """The page has a line for the question, which names the file, its folder, or an example that names it."""
    (where,) = re.findall(rf"^\| [^|]*{question}[^|]* \| (.+) \|$", PAGE, re.MULTILINE)
    file, found = ANSWERS[question]

    named = re.findall(r"`([\w./]+)`", where)
    for heading in re.findall(r"\]\(#a-(\w+)\)", where):
        named += [path.removeprefix("meter_platform/") for _, path, _ in STEP.findall(examples()[f"A {heading}"])]
    assert any(file == name or (name.endswith("/") and file.startswith(name)) for name in named)
    assert found in (ROOT / "meter_platform" / file).read_text()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_that_is_named_is_there(page: str) -> None:
    prose = re.sub(
        r"^(New file|In|At the end of) `.*?^```$", "", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE
    )
    rooms = sorted(path.name for path in (ROOT / "meter_platform").iterdir() if path.suffix in {"", ".py"})
    named = [name for name in re.findall(r"`([\w./-]+)`", prose) if name.split("/")[0] in rooms]

    assert len(named) > 15
    assert [name for name in named if not (ROOT / "meter_platform" / name).exists()] == []
