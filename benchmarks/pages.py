"""The pages of the app on a year of 10,000 meterpoints: the first look, and the same look again.

`year.sql` fills the tables as the rules would have left them. Each page is looked at in a process of its own, as Streamlit's
own tester does it; what a process imports and opens once is not counted. What does not belong here: what a page shows, and
how much it may read (`meter_platform_tests/app/test_speed.py`).
"""

import json
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Final

from benchmarks.command import ROOT, CommandFailedError
from benchmarks.job import Outcome
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace, environment
from meter_platform.app import launch
from meter_platform.warehouse.database import Database

NAME: Final = "pages"
TITLE: Final = "Pages of the app on a year"
METERPOINTS: Final = 10_000
FEW_METERPOINTS: Final = 280

FIRST: Final = date(2025, 1, 1)
LAST: Final = date(2025, 12, 31)

_YEAR: Final = Path(__file__).with_name("year.sql")
_MAIN: Final = Path(launch.__file__).with_name("main.py")
_SECONDS: Final = 600
"""What a look may take before it is given up."""


def fill(database: Database, *, meterpoints: int) -> None:
    """Fills the empty tables with a year, as the rules would have left them.

    Args:
        database: with the platform's tables.
        meterpoints: how many; a multiple of 28.
    """
    text = _YEAR.read_text(encoding="utf-8")
    for name, value in (("first", FIRST), ("last", LAST), ("meterpoints", meterpoints)):
        text = text.replace("{" + name + "}", str(value))
    with database.connect() as connection:
        connection.execute(text.encode())
    with database.connect(autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def meterpoints(*, quick: bool) -> int:
    """How many there are, in the small form or not."""
    return FEW_METERPOINTS if quick else METERPOINTS


def measure(place: Workplace, *, repeats: int, log: Log, meterpoints: int = METERPOINTS) -> Measured:
    """Measures each page.

    Raises:
        CommandFailedError: a page shows an error.
    """
    log(f"{TITLE}: filling the tables for {meterpoints:,} meterpoints")
    place.clear()
    fill(Database(place.url), meterpoints=meterpoints)
    pages = sorted(path.stem for path in (_MAIN.parent / "views").glob("[a-z]*.py"))
    outcomes: dict[str, list[Outcome]] = {f"{page}, {look}": [] for page in pages for look in ("first look", "again")}
    for number in range(repeats):
        for page in pages:
            for look, seconds in _in_a_process(page, place).items():
                outcomes[f"{page}, {look}"].append(Outcome(seconds=seconds))
                log(f"  {number + 1} of {repeats}: {page}, {look} {seconds:.2f} s")
    place.clear()
    amount = {"meterpoints": meterpoints, "dates": (LAST - FIRST).days + 1}
    return Measured.now(NAME, title=TITLE, amount=amount, outcomes=outcomes, skipped={}, url=place.url)


def _in_a_process(page: str, place: Workplace) -> dict[str, float]:
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.pages", page],
        env=environment(place.home),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if ended.returncode:
        raise CommandFailedError(f"page {page} failed:\n{ended.stderr[-3000:]}")
    seconds: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return seconds


def _look(page: str) -> dict[str, float]:
    """Seconds of each look at a page, in this process."""
    from streamlit.testing.v1 import AppTest  # noqa: PLC0415 - of this process alone

    app = AppTest.from_file(_MAIN, default_timeout=_SECONDS)
    app.query_params.update({"from": "2025-06-01", "to": "2025-06-01"})
    app.run()
    app.switch_page(f"views/{page}.py").run()
    app.date_input[0].set_value((FIRST, LAST))
    found = {}
    for look in ("first look", "again"):
        began = time.perf_counter()
        app.run()
        found[look] = time.perf_counter() - began
        if app.exception:
            sys.exit(app.exception[0].message)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_look(sys.argv[1])) + "\n")
