"""The sizing model: its arithmetic against values worked out by hand, and the page that quotes it."""

import pytest
from click.testing import CliRunner

from meter_platform.cli import main
from meter_platform.sizing import figures, words
from meter_platform.sizing.size import Size, files_for
from meter_platform_tests.places import ROOT

PAGE = (ROOT / "docs" / "operating" / "scale.md").read_text()

ON_THE_PAGE = (10_000, 100_000, 1_000_000, 5_000_000, 30_000_000)

BRITAIN = Size(meterpoints=30_000_000, days=365, files=30_000)


def test_great_britain_sends_1_44_billion_readings_a_day() -> None:
    assert BRITAIN.readings_a_day == 1_440_000_000


def test_disk_is_bytes_of_a_reading_times_readings() -> None:
    # 1.44 billion x 365 x (134 + 17) bytes, and x 12 bytes.
    assert BRITAIN.postgres_bytes == pytest.approx(79.3656e12)
    assert BRITAIN.lake_bytes == pytest.approx(6.3072e12)


def test_24_million_readings_take_the_time_that_was_measured() -> None:
    measured = Size(meterpoints=500_000, days=1, files=50)

    assert measured.readings_a_day == 24_000_000
    assert measured.load_seconds == pytest.approx(50.0)
    assert measured.rule_seconds(figures.POSTGRES_RULES_PER_SECOND) == pytest.approx(23.1)
    assert measured.rule_seconds(figures.DUCKDB_PER_SECOND) == pytest.approx(2.8)
    assert measured.rebuild_seconds(figures.SPARK_PER_SECOND) == pytest.approx(14.1)


def test_a_file_is_a_head_and_a_get_and_a_thousandth_of_a_list() -> None:
    assert BRITAIN.requests_a_day == pytest.approx(60_030)


@pytest.mark.parametrize(
    ("meterpoints", "days", "kept_in"),
    [
        (1_500_000, 365, "Postgres"),
        (1_520_000, 365, "lake, DuckDB"),  # 4 TB are 1.512 million meterpoints for a year
        (42_000_000, 365, "lake, DuckDB"),
        (43_000_000, 365, "lake, Spark"),  # a day at 8.57 million readings a second is 42.3 million for a year
        (42_000_000, 366 * 2, "lake, Spark"),
        (40_000_000, 1, "lake, DuckDB"),  # the disk holds them; loading a date takes more than the hour
    ],
)
def test_where_to_keep_readings(meterpoints: int, days: int, kept_in: str) -> None:
    assert Size(meterpoints=meterpoints, days=days, files=1).kept_in == kept_in


def test_what_breaks_is_told_the_worst_first() -> None:
    assert Size(meterpoints=1_000, days=365, files=1).breaks == []
    disk, again = BRITAIN.breaks
    assert disk.startswith("19.8 x disk of Postgres")
    assert again.startswith("5.9 x building every date again in Postgres")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.5, "0.5 s"), (100, "100 s"), (120, "2.0 min"), (3_000, "50 min"), (864_000, "10 days")]
)
def test_times_in_words(seconds: float, shown: str) -> None:
    assert words.time_in_words(seconds) == shown


@pytest.mark.parametrize(("count", "shown"), [(12, "12 B"), (6.3072e12, "6.31 TB"), (2e16, "20 PB")])
def test_bytes_in_words(count: float, shown: str) -> None:
    assert words.bytes_in_words(count) == shown


def test_the_command_says_what_the_page_quotes() -> None:
    said = CliRunner().invoke(main, ["size", "--meterpoints", "30000000", "--days", "365"])

    assert said.exit_code == 0
    assert f"```text\n{said.output}```\n" in PAGE


def test_the_pages_tables_are_the_models() -> None:
    assert words.sizes_table(ON_THE_PAGE, 365) in PAGE
    assert words.figures_table() in PAGE


def test_files_a_day_are_one_for_each_thousand_meterpoints_unless_said() -> None:
    assert [files_for(count) for count in (1, 1_000, 1_001)] == [1, 1, 2]
    assert "7 files a day" in CliRunner().invoke(main, ["size", "--meterpoints", "10", "--files", "7"]).output


@pytest.mark.parametrize("figure", figures.FIGURES, ids=lambda figure: figure.what)
def test_every_figure_says_where_it_was_measured(figure: figures.Figure) -> None:
    assert figure.value > 0
    assert len(figure.source) > 5
