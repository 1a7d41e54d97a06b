"""The checks of whole dates, on a market that is spoilt for one test.

From end to end: `orchestration/automation/test_unfinished.py`.
"""

from datetime import date

from meter_platform_tests.orchestration.checks.conftest import Look, examples, failing, is_green

FIRST = date(2021, 3, 27)


class TestEveryDateFinished:
    name = "raw_meter_readings.every_date_finished"

    def test_dates_that_were_run_are_green(self, look: Look) -> None:
        assert is_green(look(self.name))

    def test_what_is_older_than_its_readings_is_red_whatever_dates_are_looked_at(self, look: Look) -> None:
        look.change(
            "UPDATE raw_data.partition_versions SET version = version + 1000000 "
            "WHERE reference_date = '2021-03-28' AND table_name = 'raw_meter_readings'"
        )

        result = look(self.name, FIRST)

        assert failing(result) == {"2021-03-28": 1}
        assert examples(result) == [
            "2021-03-28: older than their input: half_hourly_consumption, meterpoint_completeness"
        ]

    def test_what_another_run_is_at_is_green(self, look: Look) -> None:
        look.change("DELETE FROM raw_data.partition_versions WHERE reference_date = '2021-03-28' AND rules <> ''")
        assert not is_green(look(self.name))

        look.under_way = {date(2021, 3, 28)}

        assert is_green(look(self.name))


class TestFilesDeletedUnloaded:
    name = "raw_meter_readings.files_deleted_unloaded"

    def test_files_that_are_there_are_green(self, look: Look) -> None:
        assert is_green(look(self.name))

    def test_a_file_that_is_gone_with_rows_that_were_not_loaded_is_red_whatever_dates_are_looked_at(
        self, look: Look
    ) -> None:
        look.change("UPDATE raw_data.source_file_dates SET loaded_at = NULL WHERE reference_date = '2021-03-27'")
        rows = look.number("SELECT sum(rows_accepted) FROM raw_data.source_file_dates WHERE loaded_at IS NULL")
        assert is_green(look(self.name)), "they wait"
        look.change(
            "INSERT INTO raw_data.deleted_files SELECT reference_date, source_file_id, now() FROM raw_data.source_file_dates "
            "WHERE loaded_at IS NULL"
        )

        assert failing(look(self.name, date(2021, 3, 28))) == {"2021-03-27": rows}
