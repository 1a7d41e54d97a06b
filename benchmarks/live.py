"""Readings as they happen: how long it is from the acknowledgement of a reading until it is in analytics.

The real thing: a receiver, the daemon with its code server and the runs that the sensor asks for, each a process of its own,
while 1,000 readings a second come in by HTTP. The date that is under way has readings of all meterpoints before that.

What belongs here: the processes, the stream, and who looks for what has come. What does not: what is received.

A marker is a reading of a meterpoint of its own, in a delivery among the others. It is there once the tables that say
something of its meterpoint have it, and the total of all half hours, which the app draws, counts every reading up to it.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import psycopg

from benchmarks.command import ROOT, CommandFailedError
from benchmarks.curves import along
from benchmarks.goals import Found, Goal
from benchmarks.job import Outcome
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace, environment
from meter_platform.sample.homes import homes_of
from meter_platform.sample.plan import SamplePlan
from meter_platform.sample.reference_database import write_reference

NAME: Final = "live"
TITLE: Final = "Readings as they happen: from the acknowledgement to analytics, at 1,000 readings a second"
UNIT: Final = "meterpoints"
SHOWN: Final = "a reading shows"

_SECONDS: Final = 60.0
_TOKEN: Final = "a-token-of-the-benchmark"  # noqa: S105 - it lives as long as this case
_DELIVERY_ROWS: Final = 100
_BEFORE: Final = 4
"""Half hours that every meterpoint has sent before."""

_FILE_ROWS: Final = 200_000
_PATIENCE_SECONDS: Final = 900.0
_COLUMNS: Final = ("interval_start", "consumption_delta", "meterpoint_id")

_TOTAL: Final = (
    "SELECT coalesce(sum(meterpoint_count), 0) FROM analytics.half_hourly_consumption WHERE reference_date = %s"
)
_MARKERS: Final = """
SELECT meterpoint_id FROM analytics.meterpoint_completeness
JOIN analytics.unattributed_consumption USING (reference_date, meterpoint_id)
WHERE reference_date = %s AND meterpoint_id = ANY (%s)
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        meterpoints: of the date, one measurement for each.
        markers: how many readings are looked for.
        marker_seconds: between two of them.
        rate: readings a second.
    """

    meterpoints: Sequence[int] = (5_000, 500_000)
    markers: int = 100
    marker_seconds: float = 1.5
    rate: int = 1_000


QUICK: Final = Size(meterpoints=(200,), markers=5, marker_seconds=1.0, rate=100)
"""To see that everything works."""


def goals(found: Found) -> Iterator[Goal]:
    """A minute, whatever the size of the date."""
    for meterpoints in Size().meterpoints:
        case = found.cases.get(NAME)
        spread = case.spread(along(SHOWN, meterpoints, UNIT), lambda outcome: outcome.seconds) if case else None
        for word, value in (("median", spread and spread.median), ("worst of 100", spread and spread.most)):
            yield Goal(
                measure=f"a reading shows in analytics, 1,000 readings/s, {meterpoints:,} meterpoints, {word}",
                wanted="≤ 60 s",
                found=value or None,
                bound=_SECONDS,
                unit="s",
                case=NAME,
            )


def measure(place: Workplace, *, size: Size, log: Log) -> Measured:
    """Measures each number of meterpoints.

    Raises:
        CommandFailedError: with the end of what a process printed, or where a reading does not show at all.
    """
    outcomes: dict[str, list[Outcome]] = {}
    for meterpoints in size.meterpoints:
        place.clear()
        log(f"{TITLE}: {meterpoints:,} meterpoints, {meterpoints * _BEFORE:,} readings before")
        seconds = _measured(place, meterpoints, size, log)
        outcomes[along(SHOWN, meterpoints, UNIT)] = [Outcome(seconds=each) for each in seconds]
        log(f"  median {median(seconds):.1f} s, worst {max(seconds):.1f} s, load average {os.getloadavg()[0]:.1f}")
    place.clear()
    amount = {"readings a second": size.rate, "half hours before": _BEFORE}
    return Measured.now(NAME, title=TITLE, amount=amount, outcomes=outcomes, skipped={}, url=place.url)


def _measured(place: Workplace, meterpoints: int, size: Size, log: Log) -> list[float]:
    folder = place.scratch / NAME
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "readings").mkdir(parents=True)
    zone = _zone_at_noon()
    today = datetime.now(zone).date()
    plan = SamplePlan(meterpoints=meterpoints, first=today, last=today, zone=zone)
    homes = homes_of(plan)
    write_reference(plan, homes, folder / "reference.db")
    keys = _keys(homes.ids, today, zone)
    before = meterpoints * _BEFORE
    _write_files(folder / "readings", itertools.islice(keys, before))
    variables = environment(
        place.home,
        READINGS_URL=str(folder / "readings"),
        REFERENCE_URL=f"sqlite:///{folder / 'reference.db'}",
        TIMEZONE=zone.key,
        FIRST_REFERENCE_DATE=f"{today}",
        RUNNING_DATE="true",
        RECEIVE_TOKENS=f"homes:{_TOKEN}",
        TRANSFORMATIONS="off",
    )
    try:
        with _running(["dagster-daemon", "run", "-m", "meter_platform.definitions"], variables, folder / "daemon.log"):
            watch = _Watch(place.url, today)
            watch.wait_for_total(before)
            log(f"  the {before:,} readings before are there")
            with _running(["meter-platform", "receive", "--port", "0"], variables, folder / "receive.log") as said:
                return _Stream(_address(said), watch, keys, before, size).measure()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Marker:
    name: str
    acknowledged: float
    readings: int


@dataclass
class _Watch:
    """Who looks at the tables.

    Attributes:
        url: of the database.
        today: the date.
        shown: seconds on the clock when each marker was first there.
    """

    url: str
    today: date
    shown: dict[str, float] = field(default_factory=dict)

    def wait_for_total(self, readings: int) -> None:
        """Comes back when all half hours together count so many readings."""
        ends = time.monotonic() + _PATIENCE_SECONDS
        with psycopg.connect(self.url, autocommit=True) as connection:
            while self._total(connection) < readings:
                if time.monotonic() > ends:
                    raise CommandFailedError(f"{readings:,} readings are not there after {_PATIENCE_SECONDS:.0f} s")
                time.sleep(1)

    def look(self, connection: "psycopg.Connection[tuple[Any, ...]]", markers: Sequence[_Marker]) -> None:
        """Notes which of some markers are there now."""
        waiting = [marker for marker in markers if marker.name not in self.shown]
        total = self._total(connection)
        found = {name for (name,) in connection.execute(_MARKERS, [self.today, [each.name for each in waiting]])}
        now = time.monotonic()
        self.shown |= {each.name: now for each in waiting if each.name in found and total >= each.readings}

    def _total(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> int:
        row = connection.execute(_TOTAL, [self.today]).fetchone()
        return int(row[0]) if row else 0


class _Stream:
    """Readings that come in steadily, one delivery after the other, and the markers among them."""

    def __init__(self, address: str, watch: _Watch, keys: Iterator[tuple[str, str]], before: int, size: Size) -> None:
        self._address, self._watch, self._keys, self._size = address, watch, keys, size
        self._readings = before
        self._markers: list[_Marker] = []
        self._failure: Exception | None = None

    def measure(self) -> list[float]:
        """Seconds from its acknowledgement until it showed, of each marker."""
        sending = threading.Thread(target=self._guarded)
        sending.start()
        ends = time.monotonic() + self._size.markers * self._size.marker_seconds + _PATIENCE_SECONDS
        with psycopg.connect(self._watch.url, autocommit=True) as connection:
            while sending.is_alive() or len(self._watch.shown) < len(self._markers):
                self._watch.look(connection, list(self._markers))
                if time.monotonic() > ends:
                    raise CommandFailedError("some readings do not show at all")
                time.sleep(0.25)
        sending.join()
        if self._failure:
            raise self._failure
        return [self._watch.shown[marker.name] - marker.acknowledged for marker in self._markers]

    def _guarded(self) -> None:
        try:
            self._send()
        except httpx.HTTPError as error:
            self._failure = error

    def _send(self) -> None:
        rows = min(_DELIVERY_ROWS, self._size.rate)
        pause = rows / self._size.rate
        each = round(self._size.marker_seconds / pause)
        begun = time.monotonic()
        with httpx.Client(headers={"Authorization": f"Bearer {_TOKEN}"}, timeout=60) as client:
            for number in range(self._size.markers * each):
                time.sleep(max(0.0, begun + number * pause - time.monotonic()))
                found = [_row(*key) for key in itertools.islice(self._keys, rows)]
                name = f"marker-{number:08}" if number % each == 0 else None
                if name and found:
                    found[0] = [found[0][0], "0.125", name]
                answer = client.post(self._address, json={"columns": _COLUMNS, "data": found})
                answer.raise_for_status()
                self._readings += len(found)
                if name:
                    self._markers.append(_Marker(name, time.monotonic(), self._readings))


def _zone_at_noon() -> ZoneInfo:
    """One in which it is noon, so that the date does not end while it is measured."""
    ahead = 12 - datetime.now(UTC).hour
    return ZoneInfo(f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT")


def _keys(ids: Sequence[str], today: date, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """Every half hour of every meterpoint, a half hour after the other."""
    first = datetime.combine(today, datetime.min.time(), zone)
    for number in range(48):
        start = (first + timedelta(minutes=30 * number)).isoformat()
        for meterpoint in ids:
            yield start, meterpoint


def _row(start: str, meterpoint: str) -> list[str | float]:
    return [start, 0.125, meterpoint]


def _write_files(folder: Path, keys: Iterator[tuple[str, str]]) -> None:
    for number in itertools.count():
        rows = [_row(*key) for key in itertools.islice(keys, _FILE_ROWS)]
        if not rows:
            return
        (folder / f"before-{number}.json").write_text(json.dumps({"columns": _COLUMNS, "data": rows}), encoding="utf-8")


@contextmanager
def _running(arguments: Sequence[str], variables: Mapping[str, str], printed: Path) -> Iterator[Path]:
    """A program that goes on until the block ends; what it prints is in a file."""
    program = Path(sys.executable).with_name(arguments[0])
    with printed.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            [program, *arguments[1:]],
            env={**variables, "PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            yield printed
        finally:
            process.terminate()
            process.wait()


def _address(printed: Path) -> str:
    """Where the receiver takes readings."""
    ends = time.monotonic() + 60
    while not (found := re.search(r"http://\S+/readings", printed.read_text(encoding="utf-8"))):
        if time.monotonic() > ends:
            raise CommandFailedError(f"the receiver does not start: {printed.read_text(encoding='utf-8')[-2000:]}")
        time.sleep(0.1)
    return found[0]
