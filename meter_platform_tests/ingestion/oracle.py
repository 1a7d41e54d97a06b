"""What the raw tables must hold after any deliveries and loads, worked out in plain Python.

What belongs here: the documented semantics of deliveries, written a second time and in another way, in memory. What
does not: anything of the package (nothing is imported from it), files, Postgres.

- A version of a file is what a scan of the folder finds at a URL: content that was overwritten before anyone looked
  never existed, and a file that was only written again as it was is no new version.
- Deliveries are in order of (time of delivery, URL, position in the file). A version's time of delivery is the file's
  modification time, or when it was first seen where that is earlier, but later than that of any earlier version of its
  URL.
- Rows of a file that give one half hour of a meter, revised at one time, different values are rejected, all of them.
- Files below `saying/` are of a feed that reads a register, a quality, a serial number and a time of revision from
  columns of their own: a file without these columns is malformed. Whatever other files say of that is not read. A row
  that says nothing is of the import register, of unknown quality and of no meter that anyone named.
- For each half hour of a register of a meterpoint and each meter the value of the highest row counts: one that is no
  estimate before an estimate, then the one revised later, then the newer delivery. A row that says no time was revised
  when it was delivered, and none was revised later. The stored row is the first delivery of that value; each other value
  that was ever delivered is one superseded row, its first delivery; all other rows are re-deliveries. Values that agree
  in nine decimals are the same value, if both are estimates or neither is.
- Rows that name no meter do not count beside rows that do: those of the highest row's kind count, the others are
  superseded.
- A naive time that the clocks repeat means what the other rows of its meter in the file say: of all ways to read
  them in rising or in falling order those with fewest gaps. What these leave open is ambiguous: both of a pair are taken
  in file order, and one that is alone is rejected, unless the file has times before and after the hour.
- Where more than half of the rows of a version, of 20 or more that are of the platform's dates, break one rule that
  speaks about the file, none of its rows counts.
- A date of a version counts once it was loaded. What was overwritten or deleted before that stays pending.
- What is withdrawn was never delivered, until that is undone: a version, or of the versions before the newest that is
  not withdrawn the half hours of a register that it does not name.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise, product
from typing import NamedTuple

EVE, CHANGE, AFTER = date(2021, 10, 30), date(2021, 10, 31), date(2021, 11, 1)
"""The day before, of and after London's autumn clock change."""

DATES = (EVE, CHANGE, AFTER)

SEEN = 1_700_000_000_000_000
"""When the oracle's first scan is, in microseconds: after the modification times of the past, before those ahead."""


def _utc(day: int, hour: int, minute: int) -> datetime:
    return datetime(2021, 10, 1, hour, minute, tzinfo=UTC) + timedelta(days=day - 1)


GOOD_TIMES: Mapping[str, tuple[date, tuple[datetime, ...]]] = {
    '"2021-10-30 12:00:00"': (EVE, (_utc(30, 11, 0),)),
    '"2021-10-30T23:30:00"': (EVE, (_utc(30, 22, 30),)),
    '"2021-10-30 22:30:00Z"': (EVE, (_utc(30, 22, 30),)),
    '"2021-10-31 00:00:00"': (CHANGE, (_utc(30, 23, 0),)),
    '"2021-10-31 00:30:00"': (CHANGE, (_utc(30, 23, 30),)),
    '"2021-10-31 01:00:00"': (CHANGE, (_utc(31, 0, 0), _utc(31, 1, 0))),
    '"2021-10-31 01:30:00"': (CHANGE, (_utc(31, 0, 30), _utc(31, 1, 30))),
    '"2021-10-31 01:00:00+00:00"': (CHANGE, (_utc(31, 1, 0),)),
    '"2021-10-31 02:00:00"': (CHANGE, (_utc(31, 2, 0),)),
    '"2021-11-01 00:00:00"': (AFTER, (_utc(32, 0, 0),)),
}
"""Reference date and half hours that a time may mean, the first occurrence's before the second's."""

AROUND_CHANGE: frozenset[str] = frozenset(
    time
    for time, (_, meanings) in GOOD_TIMES.items()
    if "Z" not in time and "+" not in time and _utc(30, 22, 0) <= meanings[0] < _utc(31, 4, 0)
)
"""Naive times from two hours before to two hours after the hour that is repeated."""

BAD_TIMES: Mapping[str, tuple[str, date | None]] = {
    '"2021-10-30 12:37:27"': ("misaligned_interval", EVE),
    '"2021-03-28 01:30:00"': ("nonexistent_time", date(2021, 3, 28)),
    '"2099-01-01 00:00:00"': ("future", date(2099, 1, 1)),
    '"2020-12-31 23:30:00"': ("before_first_date", date(2020, 12, 31)),
    '"noon"': ("bad_time", None),
    "null": ("bad_time", None),
}
"""Reason and recorded reference date."""

GOOD_VALUES = ("0.1", "0.2", "0.10", '"0.2"', "0", "0.18600000000000000433", "0.20000000000000001110")
BAD_VALUES: Mapping[str, str] = {
    "null": "not_a_number",
    '"Null"': "not_a_number",
    "-0.5": "negative",
    "24.5": "impossible",
    "16777.215": "sentinel",
    "0.111111111111111111111": "too_precise",
}
TELLING = ("bad_meterpoint", "bad_time", "misaligned_interval", "negative", "impossible")
"""Reasons that speak about the file. (All values here that are no numbers are null.)"""

GOOD_METERPOINTS = ('"a"', '"b"')
BAD_METERPOINTS = ('""', "null")

SAYING = "saying/"
"""The folder of files whose feed reads more of a row than its meterpoint, its time and its value."""

REVISIONS: Mapping[str, datetime | None] = {
    "null": None,
    '"2021-10-11 01:00:00"': datetime(2021, 10, 11, tzinfo=UTC),
    '"2021-10-20T00:00:00Z"': datetime(2021, 10, 20, tzinfo=UTC),
    '"2099-01-01 00:00:00"': datetime(2099, 1, 1, tzinfo=UTC),
}
"""Times of revision: before all deliveries, before most, and after all."""

UNKNOWN_WORD = '"guessed"'
"""No quality: whoever says it has said nothing."""


class Particulars(NamedTuple):
    """What a row says besides."""

    register: str = "import"
    quality: str = "unknown"
    serial: str = ""
    revised_at: datetime | None = None


@dataclass(frozen=True)
class Row:
    """A row as the texts of its JSON values: three, and four more in files that have columns for them."""

    meterpoint: str
    time: str
    value: str
    register: str = "null"
    quality: str = "null"
    serial: str = "null"
    revised_at: str = "null"

    def text(self, *, says: bool) -> str:
        """Of the row in a file that has columns for particulars, or has none."""
        said = [self.register, self.quality, self.serial, self.revised_at] if says else []
        return f"[{', '.join([self.meterpoint, self.time, self.value, *said])}]"

    @property
    def particulars(self) -> Particulars:
        """What it says besides, where that is read."""
        said = {"register": self.register, "quality": self.quality, "serial": self.serial}
        words = {name: text.strip('"') for name, text in said.items() if text not in {"null", '""', UNKNOWN_WORD}}
        return Particulars(**words, revised_at=REVISIONS[self.revised_at])


@dataclass(frozen=True)
class FileOnDisk:
    """A file as it is in the folder now.

    Attributes:
        content: its bytes.
        rows: what stands in them; `None` where they are no document.
        malformed: the reason code in that case.
        modified: its modification time in microseconds.
        write: a number that no other write has.
        says: whether it has columns for particulars.
    """

    content: bytes
    rows: tuple[Row, ...] | None
    malformed: str | None
    modified: int
    write: int
    says: bool = False


@dataclass(frozen=True)
class Accepted:
    position: int
    meterpoint: str
    start: datetime
    day: date
    value: Decimal
    particulars: Particulars


@dataclass(frozen=True)
class Rejected:
    position: int
    day: date | None
    meterpoint: str | None
    text: str
    reason: str


@dataclass
class Version:
    """One version of a file. `number` counts the versions of its URL from 1."""

    url: str
    number: int
    delivered: int
    file: FileOnDisk
    accepted: list[Accepted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    ambiguous: int = 0
    held_back: bool = False
    loaded: set[date] = field(default_factory=set)
    withdrawn: bool = False
    left_over: set[int] = field(default_factory=set)
    """Positions of rows that were withdrawn because the newest version does not say them."""

    @property
    def is_of_saying_feed(self) -> bool:
        """Whether its feed reads particulars."""
        return f"/{SAYING}" in self.url

    @property
    def malformed(self) -> str | None:
        """The reason code where it is no document of its feed."""
        lacks_columns = self.is_of_saying_feed and not self.file.says
        return self.file.malformed or ("missing_column" if lacks_columns else None)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that can be read."""
        return () if self.malformed else self.file.rows or ()

    @property
    def is_read(self) -> bool:
        """Whether it was neither malformed nor held back: only then are there rows to withdraw."""
        return self.malformed is None and not self.held_back

    def counts(self, row: Accepted) -> bool:
        return row.day in self.loaded and not self.withdrawn and row.position not in self.left_over

    @property
    def name(self) -> tuple[str, int]:
        return self.url, self.number


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a version. They add up."""

    rows: int
    stored: int
    rejected: int
    redelivered: int
    replaced: int
    withdrawn: int
    pending: int


Name = tuple[str, int]
Stored = tuple[str, datetime, date, Decimal, Name, int, Particulars]
"""Meterpoint, start, reference date, value, version, position, particulars."""


@dataclass(frozen=True)
class Tables:
    """What the tables must hold, in no order but that of their keys."""

    stored: set[Stored]
    superseded: set[tuple[Stored, Name]]
    """With the version that has the highest row of what counts instead."""
    redelivered: set[Stored]
    """The highest row of each value, where that is a repeat."""
    rejected: set[tuple[Name, Rejected]]
    counts: dict[Name, Counts]
    malformed: dict[Name, str | None]
    ambiguous: dict[Name, int]


class Oracle:
    """Is told what scans and loads there were, and what the folder held at each."""

    def __init__(self) -> None:
        self._versions: dict[str, list[Version]] = defaultdict(list)
        self._scans = 0

    def scan(self, folder: Mapping[str, FileOnDisk], *, most: int | None = None) -> None:
        """Someone scans the folder, and reads at most so many new files."""
        changed = []
        self._scans += 1
        for url, file in folder.items():
            before = self._newest(url)
            delivered = min(file.modified, SEEN + 1000 * self._scans)
            if before is None:
                changed.append((delivered, url))
            elif before.file.write != file.write:
                changed.append((max(delivered, before.delivered + 1), url))
        for delivered, url in sorted(changed)[:most]:
            file, before = folder[url], self._newest(url)
            if before and before.malformed is None and file.malformed is None and before.file.content == file.content:
                before.file = file
            else:
                self._versions[url].append(_accounted(Version(url, len(self._versions[url]) + 1, delivered, file)))

    def load(self, folder: Mapping[str, FileOnDisk], dates: Iterable[date]) -> None:
        """Someone loads dates."""
        self.scan(folder)
        for url, file in folder.items():
            newest = self._newest(url)
            assert newest is not None
            assert newest.file == file
            if not newest.withdrawn:
                newest.loaded.update(dates)

    def withdraw(self, name: Name) -> None:
        self._named(name).withdrawn = True

    def undo(self, name: Name) -> None:
        self._named(name).withdrawn = False

    def withdraw_left_over(self, url: str) -> None:
        *older, newest = [version for version in self._versions[url] if not version.withdrawn and version.is_read]
        said = {_register_of(row) for row in newest.accepted if newest.counts(row)}
        for version in older:
            for row in version.accepted:
                if version.counts(row) and _register_of(row) not in said:
                    version.left_over.add(row.position)

    def undo_left_over(self, url: str) -> None:
        for version in self._versions[url]:
            version.left_over.clear()

    def versions(self, url: str) -> list[Version]:
        return self._versions[url]

    def tables(self) -> Tables:
        """What must be stored now."""
        versions = [version for known in self._versions.values() for version in known]
        deliveries: dict[tuple[str, datetime, str], list[_Delivery]] = defaultdict(list)
        for version in versions:
            for row in version.accepted:
                if version.counts(row):
                    deliveries[_register_of(row)].append(_Delivery(version, row))
        stored, superseded, redelivered = set(), set(), set()
        fates: Counter[tuple[Name, str]] = Counter()
        for of_register in deliveries.values():
            for (first, *repeats), counts_now, instead in _values(of_register):
                fates[first.version.name, "stored" if counts_now else "replaced"] += 1
                if counts_now:
                    stored.add(first.entry)
                else:
                    superseded.add((first.entry, instead.version.name))
                redelivered |= {max([first, *repeats], key=_Delivery.rank).entry} - {first.entry}
                fates.update((repeat.version.name, "redelivered") for repeat in repeats)
        counts = {}
        for version in versions:
            fate = {name: fates[version.name, name] for name in ("stored", "redelivered", "replaced")}
            waiting = 0 if version.withdrawn else sum(row.day not in version.loaded for row in version.accepted)
            withdrawn = len(version.accepted) - sum(map(version.counts, version.accepted)) - waiting
            rows = len(version.rows)
            counts[version.name] = Counts(
                rows=rows, rejected=len(version.rejected), withdrawn=withdrawn, pending=waiting, **fate
            )
            assert rows == sum(fate.values()) + len(version.rejected) + withdrawn + waiting
        return Tables(
            stored=stored,
            superseded=superseded,
            redelivered=redelivered,
            rejected={(version.name, row) for version in versions for row in version.rejected},
            counts=counts,
            malformed={
                version.name: "mostly_rejected" if version.held_back else version.malformed for version in versions
            },
            ambiguous={version.name: version.ambiguous for version in versions},
        )

    def _named(self, name: Name) -> Version:
        return next(version for version in self._versions[name[0]] if version.name == name)

    def _newest(self, url: str) -> Version | None:
        return self._versions[url][-1] if self._versions[url] else None


@dataclass(frozen=True)
class _Delivery:
    """A row of a version, and where it stands among others."""

    version: Version
    row: Accepted

    def order(self) -> tuple[int, str, int]:
        return self.version.delivered, self.version.url, self.row.position

    def rank(self) -> tuple[bool, int, tuple[int, str, int]]:
        revised, delivered = self.row.particulars.revised_at, self.version.delivered
        at = delivered if revised is None else min(delivered, int(revised.timestamp()) * 1_000_000)
        return self.row.particulars.quality != "estimated", at, self.order()

    @property
    def value(self) -> tuple[Decimal, bool]:
        return _rounded(self.row.value), self.row.particulars.quality == "estimated"

    @property
    def entry(self) -> Stored:
        row = self.row
        return row.meterpoint, row.start, row.day, row.value, self.version.name, row.position, row.particulars


def _values(of_register: list[_Delivery]) -> Iterator[tuple[list[_Delivery], bool, _Delivery]]:
    """Each value of each meter: its rows in order of delivery, whether it counts, and the row that does otherwise."""
    highest = max(of_register, key=_Delivery.rank)
    by_meter: dict[str, list[_Delivery]] = defaultdict(list)
    for delivery in sorted(of_register, key=_Delivery.order):
        by_meter[delivery.row.particulars.serial].append(delivery)
    for serial, of_meter in by_meter.items():
        is_wanted = bool(serial) == bool(highest.row.particulars.serial)
        counting = max(of_meter, key=_Delivery.rank) if is_wanted else highest
        by_value: dict[tuple[Decimal, bool], list[_Delivery]] = defaultdict(list)
        for delivery in of_meter:
            by_value[delivery.value].append(delivery)
        for value, of_value in by_value.items():
            yield of_value, is_wanted and value == counting.value, counting


def _register_of(row: Accepted) -> tuple[str, datetime, str]:
    return row.meterpoint, row.start, row.particulars.register


def _accounted(version: Version) -> Version:
    rows = dict(enumerate(version.rows, start=1))
    texts = {position: row.text(says=version.file.says) for position, row in rows.items()}
    said = {position: row.particulars if version.is_of_saying_feed else Particulars() for position, row in rows.items()}
    places = _around_change(rows, said)
    for position, row in rows.items():
        meterpoint = row.meterpoint.strip('"')
        reason, day, start, is_certain = "", None, None, True
        if row.meterpoint in BAD_METERPOINTS:
            version.rejected.append(Rejected(position, None, None, texts[position], "bad_meterpoint"))
            continue
        if row.time in BAD_TIMES:
            reason, day = BAD_TIMES[row.time]
        else:
            day, (meaning, *_) = GOOD_TIMES[row.time]
            start, is_certain = places.get(position, (meaning, True))
            reason = "" if start else "ambiguous_time"
        if not reason:
            reason = BAD_VALUES.get(row.value, "")
        if reason or start is None or day is None:
            version.rejected.append(Rejected(position, day, meterpoint, texts[position], reason))
        else:
            value = Decimal(row.value.strip('"'))
            version.accepted.append(Accepted(position, meterpoint, start, day, value, said[position]))
            version.ambiguous += not is_certain
    reasons = Counter(row.reason for row in version.rejected)
    validated = len(rows) - reasons["future"] - reasons["before_first_date"]
    if validated >= 20 and any(2 * reasons[reason] > validated for reason in TELLING):
        version.rejected += [
            Rejected(row.position, row.day, row.meterpoint, texts[row.position], "file_held_back")
            for row in version.accepted
        ]
        version.accepted, version.ambiguous, version.held_back = [], 0, True
    _reject_conflicts(version, texts)
    return version


def _around_change(rows: Mapping[int, Row], said: Mapping[int, Particulars]) -> dict[int, tuple[datetime | None, bool]]:
    """What naive times around the clock change mean, by position."""
    around: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for position, row in rows.items():
        if row.meterpoint not in BAD_METERPOINTS and row.time in AROUND_CHANGE:
            around[row.meterpoint, said[position].register, said[position].serial].append(position)
    places: dict[int, tuple[datetime | None, bool]] = {}
    for positions in around.values():
        places.update(zip(positions, _places([GOOD_TIMES[rows[at].time][1] for at in positions]), strict=True))
    return places


def _places(meanings: list[tuple[datetime, ...]]) -> list[tuple[datetime | None, bool]]:
    """What each of one meter's rows means, and whether that is certain; `None` where it is rejected.

    Of at most seven rows: they are too few for an order that starts afresh. Those that neither rise nor fall, whatever they
    mean, may still fall by their names.
    """
    assert len(meanings) < 8
    half_hour = timedelta(minutes=30)

    def best(rows: list[tuple[datetime, ...]], sign: int) -> list[tuple[datetime, ...]]:
        """The readings of fewest gaps of those without a step against the direction."""
        steps = {reading: [(b - a) * sign for a, b in pairwise(reading)] for reading in product(*rows)}
        ordered = {
            reading: of.count(half_hour) for reading, of in steps.items() if min(of, default=half_hour) > timedelta()
        }
        most = max(ordered.values(), default=0)
        return [reading for reading, count in ordered.items() if count == most]

    rising, falling = best(meanings, 1), best(meanings, -1)
    names = [meaning[0] for meaning in meanings]
    falls_by_name = names[-1] < names[0] and all(b <= a for a, b in pairwise(names))
    falls = not rising and (bool(falling) or falls_by_name)
    repeats = Counter(meaning for meaning in meanings if len(meaning) > 1)
    if rising or falling:
        options = [set(of_row) for of_row in zip(*rising, *falling, strict=True)]
    elif max(repeats.values(), default=0) <= 1:
        times = sorted(set(meanings))
        by_time = dict(zip(times, map(set, zip(*best(times, 1), strict=True)), strict=True))
        options = [by_time[meaning] for meaning in meanings]
    else:
        options = [set(meaning) for meaning in meanings]
    seen: Counter[tuple[datetime, ...]] = Counter()
    known = [meaning[0] for meaning in meanings if len(meaning) == 1]
    places: list[tuple[datetime | None, bool]] = []
    for meaning, option in zip(meanings, options, strict=True):
        seen[meaning] += 1
        if len(option) == 1:
            places.append((*option, True))
        elif repeats[meaning] > 1:
            in_order = sorted(meaning, reverse=falls)
            places.append((in_order[seen[meaning] - 1] if seen[meaning] <= 2 else None, False))
        else:
            whole = any(time < meaning[0] for time in known) and any(time > meaning[1] for time in known)
            places.append((meaning[0] if whole else None, False))
    return places


def _reject_conflicts(version: Version, texts: Mapping[int, str]) -> None:
    values: dict[tuple[object, ...], set[Decimal]] = defaultdict(set)
    agreed = []
    for row in version.accepted:
        values[_said_once(row)].add(_rounded(row.value))
    for row in version.accepted:
        if len(values[_said_once(row)]) == 1:
            agreed.append(row)
            continue
        version.rejected.append(
            Rejected(row.position, row.day, row.meterpoint, texts[row.position], "conflict_in_file")
        )
    version.accepted = agreed


def _said_once(row: Accepted) -> tuple[object, ...]:
    """Of what a file gives one value."""
    return *_register_of(row), row.particulars.serial, row.particulars.revised_at


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("1e-9"), ROUND_HALF_UP)
