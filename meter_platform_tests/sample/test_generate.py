"""The generated sample, read back with json, sqlite3 and decimal alone."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from meter_platform.errors import PermanentError
from meter_platform.sample.generate import generate
from meter_platform.sample.plan import FileLayout, SamplePlan, SampleSummary

DAY = timedelta(days=1)
LONDON = ZoneInfo("Europe/London")
SYDNEY = ZoneInfo("Australia/Sydney")
KOLKATA = ZoneInfo("Asia/Kolkata")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")

THREE_DAYS = SamplePlan(first=date(2021, 1, 1), last=date(2021, 1, 3))

Row = tuple[str, Decimal, str]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """A row of the reference database, with the product that it names."""

    agreement_id: int
    since: date
    until: date | None
    product_id: str
    display_name: str
    is_variable: bool
    meterpoint_id: str
    account_id: str

    def active(self, day: date) -> bool:
        """Whether it holds on a day: from its first, until the day before it ends."""
        return self.since <= day and (self.until is None or day < self.until)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample and where it was written."""

    plan: SamplePlan
    folder: Path
    summary: SampleSummary

    @property
    def files(self) -> list[Path]:
        """All that lies in the folder of reading files."""
        return sorted((self.folder / "readings").iterdir())

    def rows(self) -> Iterator[Row]:
        """All readings, file by file, in file order."""
        for path in self.files:
            yield from read(path)

    def query(self, sql: str) -> list[Any]:
        """The rows of a query of the reference database."""
        with closing(sqlite3.connect(self.folder / "reference.db")) as database:
            return database.execute(sql).fetchall()

    def agreements(self) -> list[Agreement]:
        """Every agreement that names a product of the database."""
        rows = self.query(
            "SELECT agreement_id, agreement_valid_from, agreement_valid_to, product_id, display_name, is_variable,"
            " meterpoint_id, account_id FROM agreement JOIN product USING (product_id) ORDER BY agreement_id"
        )
        return [
            Agreement(
                agreement_id=agreement_id,
                since=date.fromisoformat(since),
                until=until and date.fromisoformat(until),
                product_id=product_id,
                display_name=display_name,
                is_variable=bool(is_variable),
                meterpoint_id=meterpoint_id,
                account_id=account_id,
            )
            for agreement_id, since, until, product_id, display_name, is_variable, meterpoint_id, account_id in rows
        ]


def write(plan: SamplePlan, folder: Path) -> Sample:
    return Sample(plan=plan, folder=folder, summary=generate(plan, folder))


def read(path: Path) -> list[Row]:
    document = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    assert list(document) == ["columns", "data"]
    assert document["columns"] == ["interval_start", "consumption_delta", "meterpoint_id"]
    return [(label, kwh, meterpoint_id) for label, kwh, meterpoint_id in document["data"]]


def by_label(rows: Iterable[Row]) -> dict[tuple[str, str], list[Decimal]]:
    """The values of each meterpoint and label, in file order: two where the clocks repeat the label."""
    values: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for label, kwh, meterpoint_id in rows:
        values[meterpoint_id, label].append(kwh)
    return dict(values)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def expected_labels(first: date, last: date, zone: ZoneInfo) -> list[str]:
    """The labels of the local days given, in chronological order, found by walking over UTC."""
    instant = datetime.combine(first, datetime.min.time(), tzinfo=UTC) - 15 * timedelta(hours=1)
    labels = []
    while (local := instant.astimezone(zone)).date() <= last:
        if local.date() >= first:
            labels.append(local.strftime("%Y-%m-%d %H:%M:%S"))
        instant += timedelta(minutes=30)
    return labels


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The sample that people see first."""
    return write(THREE_DAYS, tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """More readings in one file than are made at a time, shuffled, printed over many lines."""
    plan = SamplePlan(
        meterpoints=6000, first=date(2021, 6, 30), last=date(2021, 6, 30), files="per_day", pretty=1, shuffled=1
    )
    return write(plan, tmp_path_factory.mktemp("large"))


# --- Reading files ----------------------------------------------------------------------------------------------------


def test_every_reading_is_of_the_expected_form(sample: Sample) -> None:
    known = {meterpoint_id for (meterpoint_id,) in sample.query("SELECT meterpoint_id FROM meterpoint")}
    for label, kwh, meterpoint_id in sample.rows():
        assert re.fullmatch(r"2021-01-0[123] ([01]\d|2[0-3]):[03]0:00", label)
        assert isinstance(kwh, Decimal)
        assert 0 <= kwh <= Decimal("11.5")
        assert kwh == round(kwh, 3)
        assert meterpoint_id in known


def test_the_summary_is_what_the_files_hold(sample: Sample) -> None:
    rows = list(sample.rows())
    assert sample.summary == SampleSummary(
        files=len(sample.files),
        readings=len(rows),
        meterpoints=len({meterpoint_id for _, _, meterpoint_id in rows}),
        agreements=len(sample.agreements()),
        kwh=sum((kwh for _, kwh, _ in rows), Decimal(0)),
    )
    assert (sample.summary.files, sample.summary.readings) == (60, 60 * 3 * 48)
    assert str(sample.summary.kwh) == f"{sample.summary.kwh:.3f}"


@dataclass(frozen=True, kw_only=True)
class Change:
    """Local days around a clock change, and how many half hours they have together."""

    zone: ZoneInfo
    first: date
    last: date
    half_hours: int


changes = pytest.mark.parametrize(
    "change",
    [
        Change(zone=LONDON, first=date(2021, 3, 27), last=date(2021, 3, 29), half_hours=48 + 46 + 48),
        Change(zone=LONDON, first=date(2021, 10, 31), last=date(2021, 10, 31), half_hours=50),
        Change(zone=SYDNEY, first=date(2021, 4, 4), last=date(2021, 4, 5), half_hours=50 + 48),
        Change(zone=SYDNEY, first=date(2021, 10, 2), last=date(2021, 10, 3), half_hours=48 + 46),
        Change(zone=KOLKATA, first=date(2021, 3, 28), last=date(2021, 3, 29), half_hours=48 + 48),
        Change(zone=LORD_HOWE, first=date(2021, 4, 4), last=date(2021, 4, 4), half_hours=49),
        Change(zone=LORD_HOWE, first=date(2021, 10, 3), last=date(2021, 10, 3), half_hours=47),
    ],
    ids=lambda change: f"{change.zone} {change.first}",
)


@changes
@pytest.mark.parametrize("files", ["per_meterpoint", "per_day", 2])
def test_every_meterpoint_has_every_half_hour_of_the_local_days(
    change: Change, files: FileLayout, tmp_path: Path
) -> None:
    plan = SamplePlan(meterpoints=8, first=change.first, last=change.last, zone=change.zone, files=files)
    labels = expected_labels(change.first, change.last, change.zone)
    assert len(labels) == change.half_hours

    ordered = write(replace(plan, shuffled=0), tmp_path / "ordered")
    seen: dict[str, list[str]] = defaultdict(list)
    for label, _, meterpoint_id in ordered.rows():
        seen[meterpoint_id].append(label)
    assert list(seen.values()) == [labels] * 8

    # Where a label comes twice, only the order in the file says which is which: shuffling must not change it.
    shuffled = write(replace(plan, shuffled=1), tmp_path / "shuffled")
    assert by_label(shuffled.rows()) == by_label(ordered.rows())
    assert list(shuffled.rows()) != list(ordered.rows())


def test_the_two_readings_of_a_repeated_label_differ_and_their_order_was_at_stake(tmp_path: Path) -> None:
    plan = SamplePlan(meterpoints=30, first=date(2021, 10, 31), last=date(2021, 10, 31), shuffled=1)
    repeated = [values for values in by_label(write(plan, tmp_path).rows()).values() if len(values) == 2]
    assert len(repeated) == 30 * 2
    assert sum(earlier != later for earlier, later in repeated) > 40


def test_a_reading_does_not_depend_on_the_files_or_the_days_around_it(sample: Sample, tmp_path: Path) -> None:
    readings = by_label(sample.rows())
    for files in ("per_day", 1, 7, 60):
        other = write(replace(THREE_DAYS, files=files), tmp_path / str(files))
        assert by_label(other.rows()) == readings
        assert other.summary == replace(sample.summary, files=len(other.files))
    second_day = write(replace(THREE_DAYS, first=date(2021, 1, 2), last=date(2021, 1, 2)), tmp_path / "second")
    assert by_label(second_day.rows()) == {
        (meterpoint_id, label): kwh
        for (meterpoint_id, label), kwh in readings.items()
        if label.startswith("2021-01-02")
    }


def test_files_are_named_for_what_they_hold(sample: Sample, tmp_path: Path) -> None:
    for path in sample.files:
        assert {meterpoint_id for _, _, meterpoint_id in read(path)} == {path.stem}

    by_day = write(replace(THREE_DAYS, files="per_day"), tmp_path / "by_day")
    assert [path.name for path in by_day.files] == ["2021-01-01.json", "2021-01-02.json", "2021-01-03.json"]
    for path in by_day.files:
        assert {label[:10] for label, _, _ in read(path)} == {path.stem}

    four = write(replace(THREE_DAYS, files=4), tmp_path / "four")
    assert [len({meterpoint_id for _, _, meterpoint_id in read(path)}) for path in four.files] == [15] * 4


def test_some_files_are_printed_over_many_lines_and_some_are_in_no_order(sample: Sample) -> None:
    pretty = shuffled = 0
    for path in sample.files:
        text = path.read_text("utf-8")
        document = json.loads(text)
        many_lines = json.dumps(document, indent=2)
        assert text in (many_lines, json.dumps(document, separators=(",", ":")))
        pretty += text == many_lines
        labels = [label for label, _, _ in document["data"]]
        shuffled += labels != sorted(labels)
    assert 1 <= pretty <= 3
    assert 15 <= shuffled <= 20


@pytest.mark.parametrize(("pretty", "shuffled"), [(0.0, 0.0), (1.0, 1.0)])
def test_a_plan_says_how_many_files_are_printed_and_ordered_so(pretty: float, shuffled: float, tmp_path: Path) -> None:
    plan = SamplePlan(meterpoints=3, first=date(2021, 1, 1), last=date(2021, 1, 1), pretty=pretty, shuffled=shuffled)
    for path in write(plan, tmp_path).files:
        labels = [label for label, _, _ in read(path)]
        assert (labels != sorted(labels)) == bool(shuffled)
        assert ("\n" in path.read_text("utf-8")) == bool(pretty)


@pytest.mark.whole
def test_a_file_of_many_blocks_is_whole(large_file: Sample) -> None:
    (path,) = large_file.files
    rows = read(path)
    assert len(rows) == large_file.summary.readings == 6000 * 48
    assert set(Counter((label, meterpoint_id) for label, _, meterpoint_id in rows).values()) == {1}
    assert sum((kwh for _, kwh, _ in rows), Decimal(0)) == large_file.summary.kwh
    text = path.read_text("utf-8")
    assert text == json.dumps(json.loads(text), indent=2)


# --- The same again ---------------------------------------------------------------------------------------------------


def test_the_same_plan_gives_the_same_bytes_in_any_process(sample: Sample, tmp_path: Path) -> None:
    script = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from meter_platform.sample.generate import generate\n"
        "from meter_platform.sample.plan import SamplePlan\n"
        "plan = SamplePlan(first=date(2021, 1, 1), last=date(2021, 1, 3))\n"
        "generate(plan, Path(sys.argv[1]), lambda done, total: None)\n"
        "assert not any(name.split('.')[0] == 'dagster' for name in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Pacific/Auckland"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, env=environment)
    assert contents(tmp_path) == contents(sample.folder)


def test_generating_again_into_the_same_folder_changes_nothing(tmp_path: Path) -> None:
    plan = replace(THREE_DAYS, meterpoints=5)
    generate(plan, tmp_path)
    before = contents(tmp_path)
    generate(plan, tmp_path)
    assert contents(tmp_path) == before


def test_another_seed_gives_other_meterpoints_and_other_readings(sample: Sample, tmp_path: Path) -> None:
    other = write(replace(THREE_DAYS, seed=-1), tmp_path)
    assert not {path.name for path in other.files} & {path.name for path in sample.files}
    assert other.summary.kwh != sample.summary.kwh
    assert not set(other.query("SELECT product_id FROM product")) & set(sample.query("SELECT product_id FROM product"))


def test_later_days_are_delivered_beside_earlier_ones(tmp_path: Path) -> None:
    plan = SamplePlan(meterpoints=5, first=date(2021, 1, 1), last=date(2021, 1, 1), files="per_day")
    generate(plan, tmp_path)
    first_day = (tmp_path / "readings" / "2021-01-01.json").read_bytes()
    generate(replace(plan, first=date(2021, 1, 2), last=date(2021, 1, 2)), tmp_path)
    assert sorted(path.name for path in (tmp_path / "readings").iterdir()) == ["2021-01-01.json", "2021-01-02.json"]
    assert (tmp_path / "readings" / "2021-01-01.json").read_bytes() == first_day


# --- Writing ----------------------------------------------------------------------------------------------------------


def test_progress_is_told_of_every_file_once_it_is_there(tmp_path: Path) -> None:
    told = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        names = [path.name for path in (tmp_path / "readings").iterdir()]
        assert len(names) == done
        assert all(name.endswith(".json") for name in names)

    generate(replace(THREE_DAYS, meterpoints=4), tmp_path, progress)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take_place = Path.replace
    unfinished = []

    def spy(path: Path, target: Path) -> Path:
        assert not target.exists()
        unfinished.append(path.name)
        return take_place(path, target)

    monkeypatch.setattr(Path, "replace", spy)
    generate(replace(THREE_DAYS, meterpoints=2), tmp_path)
    assert len(unfinished) == 3
    assert not [name for name in unfinished if name.endswith((".json", ".db"))]


def test_a_file_that_cannot_take_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    plan = SamplePlan(meterpoints=3, first=date(2021, 1, 1), last=date(2021, 1, 2), files="per_day")
    (tmp_path / "readings" / "2021-01-02.json").mkdir(parents=True)
    with pytest.raises(OSError, match=r"2021-01-02\.json"):
        generate(plan, tmp_path)
    assert sorted(path.name for path in (tmp_path / "readings").iterdir()) == ["2021-01-01.json", "2021-01-02.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["readings", "reference.db"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"meterpoints": 0}, "at least one meterpoint"),
        ({"last": date(2020, 12, 31)}, "2020-12-31, is before its first, 2021-01-01"),
        ({"files": 0}, "60 meterpoints can be spread over 1 to 60 files, not 0"),
        ({"files": 61}, "60 meterpoints can be spread over 1 to 60 files, not 61"),
    ],
)
def test_a_plan_that_would_give_nothing_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        replace(THREE_DAYS, **change)


# --- Loads ------------------------------------------------------------------------------------------------------------


def hourly_means(sample: Sample) -> dict[str, dict[int, float]]:
    """The mean kWh of a half hour, by meterpoint and local hour."""
    values: dict[tuple[str, int], list[float]] = defaultdict(list)
    for label, kwh, meterpoint_id in sample.rows():
        values[meterpoint_id, int(label[11:13])].append(float(kwh))
    means: dict[str, dict[int, float]] = defaultdict(dict)
    for (meterpoint_id, hour), kwh_values in values.items():
        means[meterpoint_id][hour] = fmean(kwh_values)
    return means


def holders(sample: Sample, name: str) -> set[str]:
    """The meterpoints that ever had a product so named."""
    return {agreement.meterpoint_id for agreement in sample.agreements() if name in agreement.display_name}


def test_homes_use_most_in_the_evening_some_in_the_morning_and_least_at_night(sample: Sample) -> None:
    means = hourly_means(sample)
    ordinary = means.keys() - holders(sample, "Outgoing") - holders(sample, "Night") - holders(sample, "Drive")
    typical = {hour: median(means[meterpoint_id][hour] for meterpoint_id in ordinary) for hour in range(24)}
    assert typical[18] > 1.5 * typical[8] > 1.5 * typical[3] > 0
    assert typical[8] > typical[11]


def test_an_export_meter_sends_a_bell_around_noon_and_nothing_in_the_dark(sample: Sample) -> None:
    exporters = holders(sample, "Outgoing")
    assert len(exporters) == 2  # of 60
    names = {agreement.display_name for agreement in sample.agreements() if agreement.meterpoint_id in exporters}
    assert all(name.startswith("Outgoing") for name in names)
    for meterpoint_id in exporters:
        means = hourly_means(sample)[meterpoint_id]
        assert means[12] > means[10] > means[8] >= means[6] == means[0] == means[20] == 0


def test_storage_heaters_and_cars_are_charged_at_night(sample: Sample) -> None:
    means = hourly_means(sample)
    for name in ("Night", "Drive"):
        typical = {
            hour: fmean(means[meterpoint_id][hour] for meterpoint_id in holders(sample, name)) for hour in range(24)
        }
        assert typical[2] > 1.5 * typical[18] > 1.5 * typical[12]


def test_winter_costs_more_than_summer_and_the_sun_does_the_opposite(tmp_path: Path) -> None:
    used = {}
    exported = {}
    for month in (1, 7):
        plan = SamplePlan(meterpoints=50, first=date(2021, month, 4), last=date(2021, month, 10), files=1)
        season = write(plan, tmp_path / str(month))
        outgoing = holders(season, "Outgoing")
        exported[month] = sum(kwh for _, kwh, meterpoint_id in season.rows() if meterpoint_id in outgoing)
        used[month] = season.summary.kwh - exported[month]
    assert used[1] > Decimal("1.3") * used[7]
    assert exported[7] > 2 * exported[1] > 0


def test_people_are_at_home_at_noon_on_weekends(tmp_path: Path) -> None:
    plan = SamplePlan(meterpoints=50, first=date(2021, 1, 4), last=date(2021, 1, 10), files="per_day")
    week = write(plan, tmp_path)
    outgoing = holders(week, "Outgoing")
    noon = [
        sum(kwh for label, kwh, meterpoint_id in read(path) if label[11:13] == "12" and meterpoint_id not in outgoing)
        for path in week.files
    ]
    assert min(noon[5:]) > Decimal("1.2") * max(noon[:5])


# --- The reference database -------------------------------------------------------------------------------------------


def test_the_reference_database_has_the_columns_and_types_of_a_suppliers(sample: Sample) -> None:
    declared = {
        table: [(name, kind) for _, name, kind, *_ in sample.query(f"PRAGMA table_info({table})")]
        for (table,) in sample.query("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    assert declared == {
        "agreement": [
            ("agreement_id", "INTEGER"),
            ("agreement_valid_from", "DATE"),
            ("agreement_valid_to", "DATE"),
            ("product_id", "TEXT"),
            ("meterpoint_id", "TEXT"),
            ("account_id", "TEXT"),
        ],
        "product": [("display_name", "TEXT"), ("is_variable", "INTEGER"), ("id", "INTEGER"), ("product_id", "TEXT")],
        "meterpoint": [("region", "TEXT"), ("meterpoint_id", "TEXT")],
    }
    for table, columns in declared.items():
        for column, kind in columns:
            stored = {name for (name,) in sample.query(f"SELECT DISTINCT typeof({column}) FROM {table}")}  # noqa: S608
            expected = {"integer"} if kind == "INTEGER" else {"text"}
            assert stored == expected | ({"null"} if column == "agreement_valid_to" else set())


def test_ids_are_ten_hexadecimal_characters_and_unique(large_file: Sample) -> None:
    for table, column in (("meterpoint", "meterpoint_id"), ("product", "product_id")):
        ids = [name for (name,) in large_file.query(f"SELECT {column} FROM {table}")]  # noqa: S608
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[0-9a-f]{10}", name) for name in ids)
    # Some look like numbers, as real ones do: to a reader that guesses types they are a trap.
    assert large_file.query("SELECT count(*) > 0 FROM meterpoint WHERE meterpoint_id NOT GLOB '*[a-f]*'") == [(1,)]
    agreement_ids = [agreement.agreement_id for agreement in large_file.agreements()]
    assert agreement_ids == list(range(1, large_file.summary.agreements + 1))


def test_every_agreement_names_a_product_and_a_meterpoint(large_file: Sample) -> None:
    assert len(large_file.agreements()) == large_file.summary.agreements
    known = {meterpoint_id for (meterpoint_id,) in large_file.query("SELECT meterpoint_id FROM meterpoint")}
    assert len(known) == large_file.summary.meterpoints == 6000
    assert {agreement.meterpoint_id for agreement in large_file.agreements()} < known


def test_several_product_ids_share_a_display_name_which_is_variable_or_not(sample: Sample) -> None:
    products = sample.query("SELECT display_name, is_variable FROM product")
    names = Counter(name for name, _ in products)
    assert len(names) == 8
    assert min(names.values()) >= 2
    assert len(set(products)) == len(names)
    assert {is_variable for _, is_variable in products} == {0, 1}
    used = {(agreement.display_name, agreement.product_id) for agreement in sample.agreements()}
    assert max(Counter(name for name, _ in used).values()) >= 3


def test_meterpoints_are_spread_over_the_regions(sample: Sample) -> None:
    regions = Counter(region for (region,) in sample.query("SELECT region FROM meterpoint"))
    assert len(regions) == 14
    assert min(regions.values()) >= 4


def test_agreements_of_a_year_end_a_year_later_and_variable_ones_never_unless_left(large_file: Sample) -> None:
    leap_days = 0
    for agreement in large_file.agreements():
        if agreement.is_variable:
            continue
        assert agreement.until is not None
        leap_day = (agreement.since.month, agreement.since.day) == (2, 29)
        anniversary = (
            date(agreement.since.year + 1, 3, 1) if leap_day else agreement.since.replace(year=agreement.since.year + 1)
        )
        left_early = agreement.until in (agreement.since, large_file.plan.first)
        assert agreement.until == anniversary or left_early
        leap_days += leap_day and not left_early
    assert leap_days > 0


plans = pytest.mark.parametrize(
    "plan",
    [
        pytest.param(THREE_DAYS, id="three days"),
        pytest.param(replace(THREE_DAYS, meterpoints=5), id="five meterpoints"),
        pytest.param(replace(THREE_DAYS, last=THREE_DAYS.first), id="one day"),
        pytest.param(replace(THREE_DAYS, first=date(2024, 2, 28), last=date(2025, 3, 31), files=1), id="a year"),
    ],
)


@plans
def test_a_home_has_one_agreement_at_a_time(plan: SamplePlan, tmp_path: Path) -> None:
    histories: dict[str, list[Agreement]] = defaultdict(list)
    for agreement in write(plan, tmp_path).agreements():
        if agreement.since != agreement.until:
            histories[agreement.meterpoint_id].append(agreement)
    for history in histories.values():
        history.sort(key=lambda agreement: agreement.since)
        for earlier, later in pairwise(history):
            assert earlier.until is not None
            assert earlier.since < earlier.until <= later.since


@plans
def test_every_special_case_of_an_agreement_is_there(plan: SamplePlan, tmp_path: Path) -> None:
    sample = write(plan, tmp_path)
    agreements = sample.agreements()
    range_of_days = [plan.first + k * DAY for k in range((plan.last - plan.first).days + 1)]
    of: dict[str, list[Agreement]] = {
        meterpoint_id: [] for (meterpoint_id,) in sample.query("SELECT meterpoint_id FROM meterpoint")
    }
    for agreement in agreements:
        of[agreement.meterpoint_id].append(agreement)

    def starts_within(agreement: Agreement) -> bool:
        return agreement.since in range_of_days

    assert any(
        one.until == other.since
        and one.product_id != other.product_id
        and one.since < one.until < (other.until or date.max)
        for held in of.values()
        for other in filter(starts_within, held)
        for one in held
    ), "a meterpoint that changes product within the range, on a day on which one ends and the other begins"
    assert any(
        agreement.until == agreement.since
        and any(other.active(agreement.since) for other in of[agreement.meterpoint_id])
        for agreement in filter(starts_within, agreements)
    ), "an agreement cancelled on the day it was made, within the range, beside one that goes on"
    assert any(
        not any(agreement.active(day) for agreement in held)
        and any(agreement.until == day for agreement in held)
        and any(agreement.since == day + DAY for agreement in held)
        for held in of.values()
        for day in range_of_days
    ), "a day within the range between two agreements"
    assert any(agreement.until is None and agreement.active(plan.last) for agreement in agreements), "an open end"
    assert any(not held for held in of.values()), "a meterpoint without any agreement"
    (export, *_) = [agreement for agreement in agreements if agreement.display_name.startswith("Outgoing")]
    importing = {agreement.meterpoint_id for agreement in agreements if agreement.account_id == export.account_id} - {
        export.meterpoint_id
    }
    assert len(importing) == 1, "an account that both imports and exports"


def test_most_meterpoints_have_an_agreement_on_every_day(sample: Sample) -> None:
    for day in (date(2021, 1, 1), date(2021, 1, 2), date(2021, 1, 3)):
        active = [agreement.meterpoint_id for agreement in sample.agreements() if agreement.active(day)]
        assert len(active) == len(set(active))
        assert 54 <= len(active) <= 58
