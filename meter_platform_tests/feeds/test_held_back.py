"""A file most of whose rows break one rule is held back whole, and every row of it is still accounted for."""

import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from meter_platform.feeds import chunks, held_back
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.formats.format import NumberText
from meter_platform.feeds.reading import ReadBatch, read
from meter_platform.feeds.validation import Reason, readable_kwh
from meter_platform_tests.feeds.reading import FIRST, LAST, LONDON, OLD, assert_same, by_reader, by_rules, write

ROW = '["m{number}","2021-06-{day:02} {hour:02}:00:00",{value}]'


def rows(*values: str) -> list[str]:
    """A row for each value, of different meterpoints and days."""
    return [
        ROW.format(number=number, day=1 + number % 30, hour=number % 24, value=value)
        for number, value in enumerate(values)
    ]


def document(rows: list[str]) -> bytes:
    return f'{{"columns":["meterpoint_id","interval_start","consumption_delta"],"data":[{",".join(rows)}]}}'.encode()


def reasons(folder: Path, rows: list[str]) -> dict[str, int]:
    """How many rows of a file are rejected for what; what is not in it was accepted."""
    write(folder / "a.json", document(rows))
    result = by_reader(folder)["a.json"]
    assert_same(result, by_rules(document(rows)))
    assert len(result.accepted) + len(result.rejected) == len(rows)
    counted: dict[str, int] = {}
    for reason, *_ in result.rejected.values():
        counted[reason] = counted.get(reason, 0) + 1
    return counted


def why(folder: Path) -> str | None:
    account = by_reader(folder)["a.json"].account
    assert account
    return account.held_back


class TestWhichFiles:
    def test_watt_hours_in_the_column_of_kwh(self, tmp_path: Path) -> None:
        # The nights of a home in Wh pass for kWh one by one.
        found = reasons(tmp_path, rows(*["12"] * 8, *["310"] * 16))

        assert found == {"impossible": 16, "file_held_back": 8}
        assert why(tmp_path) == (
            "mostly_rejected: 16 of 24 rows are impossible: Wh instead of kWh, or a register's readings?"
        )

    @pytest.mark.parametrize(
        ("bad", "good", "is_held_back"),
        [(11, 9, True), (10, 10, False), (10, 9, False), (19, 0, False), (20, 0, True), (500, 499, True)],
    )
    def test_more_than_half_of_twenty_rows_or_more(
        self, tmp_path: Path, *, bad: int, good: int, is_held_back: bool
    ) -> None:
        found = reasons(tmp_path, rows(*["-0.5"] * bad, *["0.5"] * good))

        assert found.get("file_held_back", 0) == (good if is_held_back else 0)
        assert (why(tmp_path) is not None) == is_held_back

    def test_several_reasons_of_which_none_has_most_are_no_reason(self, tmp_path: Path) -> None:
        assert "file_held_back" not in reasons(tmp_path, rows(*["-1"] * 10, *["99"] * 10, *["0.5"] * 4))

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            ('["m","2021-06-01 00:10:00",0.1]', "misaligned_interval"),
            ('["m","noon",0.1]', "bad_time"),
            ('["","2021-06-01 00:00:00",0.1]', "bad_meterpoint"),
            ('["m","2021-06-01 00:00:00","0,5"]', "not_a_number"),
            ('["m","2021-06-01 00:00:00",-0.1]', "negative"),
            ('["m","2021-06-01 00:00:00",6424]', "impossible"),
            ("{}", "not_a_row"),
        ],
    )
    def test_reasons_that_speak_about_the_file(self, tmp_path: Path, bad: str, reason: str) -> None:
        assert reasons(tmp_path, [bad] * 30 + rows("0.5", "0.25")) == {reason: 30, "file_held_back": 2}
        assert f"30 of 32 rows are {reason}: " in str(why(tmp_path))

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            # The meter has no value, which says nothing of the others.
            ('["m","2021-06-01 00:00:00",null]', "not_a_number"),
            ('["m","2021-06-01 00:00:00","Null"]', "not_a_number"),
            ('["m","2021-06-01 00:00:00",""]', "not_a_number"),
            ('["m","2021-06-01 00:00:00","NaN"]', "not_a_number"),
            ('["m","2021-06-01 00:00:00",16777.215]', "sentinel"),
            # An archive begins before the first date, and a clock is wrong.
            ('["m","2020-06-01 00:00:00",0.1]', "before_first_date"),
            ('["m","2022-06-01 00:00:00",0.1]', "future"),
            ('["m","2021-03-28 01:00:00",0.1]', "nonexistent_time"),
            ('["m","2021-06-01 00:00:00",0.1234567890123456789012]', "too_precise"),
        ],
    )
    def test_reasons_that_are_those_of_a_row(self, tmp_path: Path, bad: str, reason: str) -> None:
        assert reasons(tmp_path, [bad] * 30 + rows("0.5", "0.25")) == {reason: 30}

    def test_an_archive_is_told_by_the_rows_of_dates_that_are_kept(self, tmp_path: Path) -> None:
        archive = ['["m","2020-06-01 00:00:00",0.1]'] * 500

        assert reasons(tmp_path, archive + rows(*["99"] * 13, *["0.5"] * 8)) == {
            "before_first_date": 500,
            "impossible": 13,
            "file_held_back": 8,
        }
        assert "file_held_back" not in reasons(tmp_path, archive + rows(*["99"] * 10, *["0.5"] * 8))

    def test_the_files_beside_it_are_read(self, tmp_path: Path) -> None:
        write(tmp_path / "bad.json", document(rows(*["310"] * 30, "0.5")))
        write(tmp_path / "good.json", document(rows(*["0.5"] * 30)))

        found = by_reader(tmp_path)

        assert (len(found["bad.json"].accepted), len(found["bad.json"].rejected)) == (0, 31)
        assert (len(found["good.json"].accepted), len(found["good.json"].rejected)) == (30, 0)


class TestTheRowsOfIt:
    @pytest.mark.parametrize("chunk", [100, 1000, 1 << 19])
    def test_every_row_is_rejected_once_with_its_text_wherever_the_file_is_cut(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
    ) -> None:
        monkeypatch.setattr(chunks, "CHUNK_BYTES", chunk)
        monkeypatch.setattr(chunks, "BATCH_BYTES", 3 * chunk)
        values = ["0.125" if number % 3 == 0 else f"{300 + number}" for number in range(1000)]
        write(tmp_path / "a.json", document(rows(*values)))

        result = by_reader(tmp_path)["a.json"]

        assert not result.accepted
        assert [text for _, (*_, text, _) in sorted(result.rejected.items())] == [
            row.replace(",", ", ") for row in rows(*values)
        ]
        assert {place: reason for place, (reason, *_) in result.rejected.items()} == {
            number + 1: "file_held_back" if number % 3 == 0 else "impossible" for number in range(1000)
        }
        assert result.rejected_kwh == {place: Decimal(value) for place, value in enumerate(values, start=1)}
        meterpoints = {place: (meterpoint, day) for place, (_, day, meterpoint, *_) in result.rejected.items()}
        assert meterpoints[1] == ("m0", date(2021, 6, 1))
        assert len(meterpoints) == 1000
        assert result.account
        assert (result.account.rows_in_file, result.account.rows_rejected) == (1000, 1000)
        assert (result.account.rows_per_date, result.account.first_interval) == ({}, None)

    def test_a_document_of_an_unusual_layout(self, tmp_path: Path) -> None:
        content = document(rows(*["310"] * 30, "0.5")).replace(b"}", b',"more":{"source":"telemetry"}}')
        write(tmp_path / "a.json", content)

        result = by_reader(tmp_path)["a.json"]

        assert_same(result, by_rules(content))
        assert (len(result.accepted), len(result.rejected)) == (0, 31)

    def test_rows_that_wait_for_the_end_of_the_file_are_among_them(self, tmp_path: Path) -> None:
        repeated = ['["m","2021-10-31 01:00:00",0.1]', '["m","2021-10-31 01:30:00",0.2]'] * 2
        write(tmp_path / "a.json", document([*repeated, *rows(*["310"] * 30)]))

        result = by_reader(tmp_path)["a.json"]

        assert not result.accepted
        assert sorted(result.rejected) == list(range(1, 35))
        assert {result.rejected[place][:2] for place in range(1, 5)} == {("file_held_back", date(2021, 10, 31))}
        assert [result.rejected_kwh[place] for place in range(1, 5)] == list(map(Decimal, ["0.1", "0.2", "0.1", "0.2"]))

    def test_a_file_that_is_overwritten_meanwhile_is_left_for_the_next_look(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.json", document(rows(*["310"] * 30, "0.5")))
        (file,) = ReadingFolder(str(tmp_path)).list()

        (*_, last) = _reading(Overwritten(path), [FileToRead(file, 1, LAST)])

        (account,) = last.accounts
        assert account.still_growing

    def test_a_known_version_that_was_stored_is_not_held_back_afterwards(self, tmp_path: Path) -> None:
        write(tmp_path / "a.json", document(rows(*["310"] * 30, "0.5")))
        folder = ReadingFolder(str(tmp_path))
        (file,) = folder.list()
        ((account,),) = [batch.accounts for batch in _reading(folder, [FileToRead(file, 1, LAST)]) if batch.accounts]
        assert account.held_back

        again = [FileToRead(file, 1, LAST, account.fingerprint)]

        ((account,),) = [batch.accounts for batch in _reading(folder, again) if batch.accounts]
        assert (account.held_back, account.rows_rejected) == (None, 30)


class Overwritten(ReadingFolder):
    """A folder of one file, which is overwritten as it is opened for the second time."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path.parent))
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "opened", 0)

    def open(self, file: ListedFile):  # type: ignore[no-untyped-def] # noqa: ANN201 - as the folder's own
        object.__setattr__(self, "opened", self.opened + 1)
        if self.opened > 1:
            self.path.write_bytes(document(rows(*["0.5"] * 31)))
            os.utime(self.path, (OLD + 60, OLD + 60))
        return super().open(file)


def _reading(folder: ReadingFolder, files: list[FileToRead]) -> Iterator[ReadBatch]:
    return read(folder, files, zone=LONDON, first_date=FIRST, last_date=LAST, wait_for_growing=False)


def test_every_reason_that_speaks_about_the_file_asks_a_question() -> None:
    suspicion = held_back.Suspicion()
    for position in range(held_back.FEWEST_ROWS):
        suspicion.note(position, Reason.NEGATIVE, NumberText("-0.5"))

    assert str(suspicion.verdict(held_back.FEWEST_ROWS)).endswith("?")
    assert suspicion.verdict(2 * held_back.FEWEST_ROWS) is None


@pytest.mark.parametrize(
    ("text", "kwh"),
    [
        ("-4.4", "-4.4"),
        ("16777.215", "16777.215"),
        ("1.6777215E4", "16777.215"),
        ("-0.000", "0"),
        ("0e999", "0"),
        ("0.1234567890123456789012", "0.12345678901234567890"),
        ("1e-300", "0"),
        ("999999999999999999.5", "999999999999999999.5"),
        ("999999999999999999.999999999999999999999", None),  # would round up to one digit too many
        ("1e18", None),
        ("9" * 5000, None),
        ("0,5", None),
        ("null", None),
        ("", None),
    ],
)
def test_the_kwh_of_a_rejected_row(text: str, kwh: str | None) -> None:
    assert readable_kwh(NumberText(text)) == (kwh and Decimal(kwh))
    assert readable_kwh(text) == (kwh and Decimal(kwh))
    assert str(readable_kwh(text)) in {"None", "0"} or readable_kwh(text)


@pytest.mark.parametrize("value", [None, True, 5, ["0.5"], {}])
def test_what_is_no_text_has_no_kwh(value: object) -> None:
    assert readable_kwh(value) is None
