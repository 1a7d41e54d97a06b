"""Fetching from an API: what lands as files, what is fetched once only, and what goes wrong on the way."""

import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from meter_platform.cli import main
from meter_platform.errors import SettingsError, SourceUnavailableError
from meter_platform.fetch.api import PATIENCE, OctopusApi
from meter_platform.fetch.errors import ApiAwayError, KeyRefusedError
from meter_platform.fetch.fetching import Fetched, fetch
from meter_platform.settings import Settings
from meter_platform_tests.feeds.configured import SETTINGS, feeds
from meter_platform_tests.feeds.reading import by_reader
from meter_platform_tests.fetch.octopus import KEY, Fault, Octopus, serving

METER = ("1200010000017", "19L7654321")
OTHER = ("1200010000026", "19L7654322")
FIRST = datetime(2021, 10, 20, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def served() -> Iterator[Octopus]:
    with serving() as api:
        yield api


@pytest.fixture
def api(served: Octopus, monkeypatch: pytest.MonkeyPatch) -> Octopus:
    """The API with one meter and no fault; who asks it waits for no longer than a test can."""
    patient(monkeypatch, 0)
    served.readings, served.faults, served.page_rows, served.next_at = {METER: half_hours(48)}, [], 25_000, None
    served.asked.clear()
    return served


def patient(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Lets who asks wait for no longer than a test can: so many seconds where the API says how long, else none."""
    patience = PATIENCE.new(backoff_factor=0.001, backoff_jitter=0, retry_after_max=seconds)
    monkeypatch.setattr(OctopusApi.__init__, "__kwdefaults__", {"patience": patience})


@pytest.fixture
def settings(tmp_path: Path, api: Octopus) -> Settings:
    (tmp_path / "meters.csv").write_text("meterpoint,serial\n" + ",".join(METER) + "\n")
    (tmp_path / "feeds.toml").write_text(toml(api.url))
    return SETTINGS.replace(
        readings_url=str(tmp_path / "readings"),
        feeds=tmp_path / "feeds.toml",
        fetch_keys=f"octopus:{KEY}",
        first_reference_date=date(2021, 10, 1),
    )


def toml(url: str, paths: str = "octopus/{meterpoint}/{serial}/*.json", more: str = "") -> str:
    return f"""
[feeds.octopus]
format = "octopus"
paths = "{paths}"
[feeds.octopus.fetch]
meters = "meters.csv"
url = "{url}"
{more}
"""


def half_hours(count: int, first: datetime = FIRST, value: str = "0.10") -> dict[str, str]:
    """Consumption by start, as the API writes them."""
    return {(first + timedelta(minutes=30 * number)).isoformat(): value for number in range(count)}


def files(settings: Settings) -> list[Path]:
    return sorted(Path(settings.readings_url or "").rglob("*"), key=lambda path: path.name)


def landed(settings: Settings) -> list[tuple[str, str, str]]:
    """Meterpoint, start and value of each result in every file, in order of their fetching."""
    paths = [path for path in files(settings) if path.is_file()]
    assert not [path for path in paths if path.name.startswith(".")]
    return [
        (path.parent.parent.name, row["interval_start"][:16], row["consumption"])
        for path in sorted(paths, key=lambda path: path.name.split("_")[2])
        for row in json.loads(path.read_text(), parse_float=str)["results"]
    ]


def done(settings: Settings, **options: date) -> tuple[int, int]:
    """Files and readings of one more fetching."""
    (found,) = fetch(settings, **options)
    assert isinstance(found, Fetched)
    assert not found.failed
    return found.files, found.readings


def test_what_is_fetched_is_a_file_of_its_feed(settings: Settings, api: Octopus, tmp_path: Path) -> None:
    api.page_rows = 20

    assert done(settings) == (1, 48)
    assert len(api.asked) == 3
    assert "period_from=2021-09-30T23%3A00%3A00Z" in api.asked[0]
    readings = tmp_path / "readings"
    (read,) = by_reader(readings, feeds=feeds(readings, toml(api.url))).values()
    assert read.account is not None
    assert (read.account.rows_in_file, read.account.rows_rejected) == (48, 0)
    assert {meterpoint for meterpoint, *_ in read.accepted.values()} == {METER[0]}
    assert {start for _, start, *_ in read.accepted.values()} == set(map(datetime.fromisoformat, api.readings[METER]))
    assert sum(kwh for *_, kwh in read.accepted.values()) == Decimal("4.8")


def test_what_was_fetched_is_not_fetched_again(settings: Settings, api: Octopus) -> None:
    assert done(settings) == (1, 48)
    assert done(settings) == (0, 0)

    api.readings[METER] |= half_hours(2, FIRST + timedelta(days=1), "0.7")
    assert done(settings) == (1, 2)
    assert landed(settings)[48:] == [
        (METER[0], "2021-10-21T23:00", "0.7"),
        (METER[0], "2021-10-21T23:30", "0.7"),
    ]


def test_only_the_time_that_is_looked_back_is_asked_for_again(settings: Settings, api: Octopus) -> None:
    api.readings[METER] = half_hours(48 * 12)
    assert done(settings) == (1, 48 * 12)

    inside, before = (FIRST + timedelta(days=days) for days in (11, 1))
    api.readings[METER] |= half_hours(1, inside, "2.5") | half_hours(1, before, "3.5")
    assert done(settings) == (1, 1)
    assert landed(settings)[-1] == (METER[0], f"{inside:%Y-%m-%dT%H:%M}", "2.5")
    assert done(settings) == (0, 0)
    # Corrected back: the newest file says what is known.
    api.readings[METER] |= half_hours(1, inside)
    assert done(settings) == (1, 1)
    # A person may ask for more.
    assert done(settings, since=date(2021, 10, 1)) == (1, 1)
    assert landed(settings)[-1] == (METER[0], f"{before:%Y-%m-%dT%H:%M}", "3.5")


@pytest.mark.parametrize(
    "faults", [[429, (429, "1")], [500, 502, 503, 504], ["cut", "cut"], ["closed", "closed"], [(503, "0"), "cut", 429]]
)
def test_what_passes_is_waited_for(settings: Settings, api: Octopus, faults: list[Fault]) -> None:
    api.page_rows, api.faults = 20, list(faults)

    assert done(settings) == (1, 48)
    assert len(api.asked) == 3 + len(faults)


def test_an_api_that_asks_for_patience_gets_it(
    settings: Settings, api: Octopus, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch, 1)
    api.faults = [(429, "1")]
    begun = time.monotonic()

    assert done(settings) == (1, 48)
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize("fault", [500, (429, "3600"), "cut", "closed"])
def test_what_does_not_pass_ends_the_fetching_and_leaves_nothing_half(
    settings: Settings, api: Octopus, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    api.page_rows = 20
    # The second page never comes.
    api.faults = [None, *[fault] * 9]

    with caplog.at_level(logging.DEBUG), pytest.raises(ApiAwayError) as refusal:
        done(settings)
    assert len(api.asked) == 2 + PATIENCE.total
    assert not [path for path in files(settings) if path.is_file()]
    assert not_named(f"{refusal.value} {caplog.text}")
    api.faults = []
    assert done(settings) == (1, 48)


def not_named(said: str) -> bool:
    """Whether neither a meter nor the key is in what was said."""
    return not any(secret in said for secret in (*METER, *OTHER, KEY))


def test_a_key_that_is_refused_is_told_and_not_shown(settings: Settings, api: Octopus) -> None:
    with pytest.raises(KeyRefusedError, match=r"401.*METER_PLATFORM_FETCH_KEYS") as refusal:
        fetch(settings.replace(fetch_keys="octopus:wrong-key-of-mine"))
    assert "wrong-key" not in str(refusal.value)
    assert len(api.asked) == 1
    with pytest.raises(SettingsError, match=r"no key for the feed 'octopus'"):
        fetch(settings.replace(fetch_keys="another:key"))


def test_a_meter_that_the_api_does_not_know_keeps_no_other_from_being_fetched(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meters.csv").write_text("serial,meterpoint\n" + f"{OTHER[1]},{OTHER[0]}\n{METER[1]},{METER[0]}\n")
    for name in ("readings_url", "feeds", "fetch_keys", "first_reference_date"):
        monkeypatch.setenv(f"METER_PLATFORM_{name.upper()}", str(getattr(settings, name)))

    said = CliRunner().invoke(main, ["fetch"])

    assert said.exit_code == 1
    assert "line 2 of" in said.stderr
    assert "HTTP 404" in said.stderr
    assert "1 meters were not fetched" in said.stderr
    assert "octopus: 48 new readings of 2 meters in 1 files" in said.stdout
    assert not_named(said.output)
    assert {meterpoint for meterpoint, *_ in landed(settings)} == {METER[0]}


@pytest.mark.parametrize("elsewhere", ["http://127.0.0.1:9", "https://example.org"])
def test_no_key_goes_to_another_address(settings: Settings, api: Octopus, elsewhere: str) -> None:
    api.page_rows, api.next_at = 20, elsewhere

    (found,) = fetch(settings)
    assert found.failed == {2: "its next page is said to be at another address, which gets no key"}
    assert landed(settings) == []


def test_a_redirection_is_not_followed(settings: Settings, api: Octopus) -> None:
    api.faults = [302]

    (found,) = fetch(settings)
    assert found.failed == {2: "HTTP 302"}


def test_a_reading_without_a_plain_start_lands_once_for_the_platform_to_reject(
    settings: Settings, api: Octopus
) -> None:
    api.readings[METER] = {**half_hours(1), (FIRST + timedelta(hours=1)).isoformat(): "null"}

    assert done(settings) == (1, 2)
    assert done(settings) == (0, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"paths": "octopus/{meterpoint}/*.json"}, r"feed 'octopus', key 'paths': .*does not say the serial"),
        ({"paths": "octopus/{meterpoint}/{serial}/a.json"}, r"feed 'octopus', key 'paths': .*needs a place"),
        ({"more": "look_back_days = 0"}, r"feed 'octopus', key 'fetch.look_back_days'"),
        ({"more": "meter = 1"}, r"feed 'octopus', key 'fetch.meter': there is no such key"),
        ({"url": "http://example.org"}, r"feed 'octopus', key 'fetch.url': it is the address of an API"),
        ({"url": "https://me:pw@example.org"}, r"feed 'octopus', key 'fetch.url': it is the address of an API"),
    ],
)
def test_a_wrong_configuration_is_named(settings: Settings, tmp_path: Path, change: dict[str, str], said: str) -> None:
    (tmp_path / "feeds.toml").write_text(toml(**{"url": "https://example.org", **change}))
    with pytest.raises(SettingsError, match=said):
        fetch(settings)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("mpan,serial\n", "its first line has the columns meterpoint and serial"),
        ("meterpoint,serial\n1200010000017,\n", "line 2: the serial is not of letters"),
        ("meterpoint,serial\n../../etc,1\n", "line 2: the meterpoint is not of letters"),
        ("meterpoint,serial\n1,2\n3,4\n1,2\n", "line 4: it is the meter of line 2 once more"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_wrong_list_of_meters_is_named_by_its_line(
    settings: Settings, tmp_path: Path, content: str | None, said: str
) -> None:
    (tmp_path / "meters.csv").unlink()
    if content is not None:
        (tmp_path / "meters.csv").write_text(content)
    with pytest.raises(SettingsError, match=said):
        fetch(settings)


def test_another_feed_does_not_take_what_is_fetched(settings: Settings, api: Octopus, tmp_path: Path) -> None:
    (tmp_path / "feeds.toml").write_text('[feeds.all]\nformat = "json"\npaths = "*.json"\n' + toml(api.url))
    with pytest.raises(SettingsError, match=r"feed 'octopus', key 'paths': another feed before it"):
        fetch(settings)


def test_a_folder_that_takes_no_file_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "readings").mkdir()
    (tmp_path / "readings" / "octopus").write_text("a file")
    with pytest.raises(SourceUnavailableError):
        fetch(settings)


def test_fetching_does_not_change_how_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "readings"
    fetched = feeds(folder, toml("https://example.org")).named
    not_fetched = feeds(folder, toml("x").partition("[feeds.octopus.fetch]")[0]).named
    assert fetched is not None
    assert not_fetched is not None
    assert fetched["octopus"].digest == not_fetched["octopus"].digest


def test_pauses_are_bounded() -> None:
    assert PATIENCE.parse_retry_after("86400") == 300
    assert PATIENCE.backoff_max * PATIENCE.total <= 300
