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
                before = "".join(line[1:] for line in lines if not line.startswith("+")).removesuffix("\n")
                after = "".join(line[1:] for line in lines if not line.startswith("-")).removesuffix("\n")
                text = file.read_text()
                assert text.count(before) == 1, f"{self.path} has this {text.count(before)} times:\n{before}"
                file.write_text(text.replace(before, after))


def examples() -> dict[str, str]:
    """The text of each example by its heading."""
    (section,) = re.findall(r"^## Three examples\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    return dict(re.findall(r"^### ([^\n]*)\n(.*?)(?=^### |\Z)", section, re.MULTILINE | re.DOTALL))


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
        [sys.executable, "-m", program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    return done.stdout + done.stderr


def test_every_file_that_is_named_is_there() -> None:
    questions = re.findall(r"^\| ([^|]+) \| (.+) \|$", PAGE, re.MULTILINE)[2:]
    named = [name for _, where in questions for name in re.findall(r"`([\w./]+)`", where)]

    assert len(questions) >= 12
    assert len(named) >= len(questions)
    assert [name for name in named if not (ROOT / "meter_platform" / name).exists()] == []
