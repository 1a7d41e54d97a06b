"""Checks of what was delivered."""

from datetime import date, timedelta

import dagster as dg
import pytest

from meter_platform.orchestration.checks import raw_data
from meter_platform_tests.market import OLD, Market, day_of, evaluations
from meter_platform_tests.orchestration.checks.conftest import GOOD, ODD, Look, examples, failing, is_green, number

FIRST, SPRING, AUTUMN = GOOD

INSERT_READING = """
INSERT INTO raw_data.raw_meter_readings
SELECT {columns} FROM raw_data.raw_meter_readings WHERE reference_date = '2021-03-27' AND meterpoint_id = 'home-1' LIMIT 1
"""

OVERWRITE = """
INSERT INTO raw_data.source_file_versions
SELECT (jsonb_populate_record(version, jsonb_build_object(
         'source_file_id', source_file_id + 1000, 'delivered_at', delivered_at + interval '1 second',
         'rows_rejected', 0, 'rows_ambiguous', 0))).*
FROM raw_data.source_file_versions AS version
"""
"""A newer version of a file, of which nothing is wrong."""


INSERT_REJECTED = """
INSERT INTO raw_data.rejected_readings
SELECT source_file_id, 99, %s, NULL, 'text', %s, 'detail', now(), %s::numeric FROM raw_data.source_files
WHERE url LIKE '%%/' || %s
"""
"""With reference date, reason, kWh, name of the file; counts in nobody's account."""


INSERT_AGREEMENT = "INSERT INTO raw_data.raw_agreements VALUES (%s, %s, %s, %s, %s, %s, 'account', now())"
"""With agreement, reference date, first day, first day after, product, meterpoint."""


@pytest.mark.parametrize(
    "name",
    [f"{check.table.name}.{check.name}" for check in raw_data.CHECKS if check.name != "data_age"],
)
def test_good_days_are_green(look: Look, name: str) -> None:
    assert is_green(look(name))


@pytest.mark.parametrize("check", raw_data.CHECKS, ids=lambda check: check.name)
def test_only_what_the_platform_itself_did_wrong_is_an_error(check: raw_data.Check) -> None:
    own_faults = {"rows_accounted_for"}

    assert (check.severity is dg.AssetCheckSeverity.ERROR) == (check.name in own_faults)


class TestRowsAccountedFor:
    name = "raw_meter_readings.rows_accounted_for"

    def test_a_rejected_row_and_a_correction_are_accounted_for(self, look: Look) -> None:
        assert is_green(look(self.name, ODD))

    def test_a_deleted_reading_is_red(self, look: Look) -> None:
        assert look.change(
            "DELETE FROM raw_data.raw_meter_readings WHERE meterpoint_id = 'home-2' AND interval_start = '2021-03-28 12:00Z'"
        )

        result = look(self.name)

        assert failing(result) == {"2021-03-28": 1}
        file = look.number("SELECT source_file_id FROM raw_data.source_files WHERE url LIKE '%/2021-03-28.json'")
        assert examples(result) == [f"source file {file}, 2021-03-28"]
        assert result.description == "1 files whose rows do not add up on 2021-03-28"
        assert is_green(look(self.name, FIRST, AUTUMN))

    def test_a_deleted_rejected_row_is_red(self, look: Look) -> None:
        # The file's one row: it holds no date, so that it counts whichever dates are looked at.
        assert look.change("DELETE FROM raw_data.rejected_readings") == 1

        assert failing(look(self.name, ODD)) == {"none": 1}
        assert failing(look(self.name, FIRST)) == {"none": 1}

    def test_a_deleted_rejected_row_of_a_file_with_good_ones_is_red_on_its_dates(self, look: Look) -> None:
        file = look.number("SELECT source_file_id FROM raw_data.source_files WHERE url LIKE '%/2021-03-28.json'")
        look.change(
            "UPDATE raw_data.source_file_versions SET rows_rejected = 1, rows_in_file = rows_in_file + 1 "
            "WHERE source_file_id = %s",
            file,
        )

        assert failing(look(self.name, SPRING)) == {"2021-03-28": 1}
        assert is_green(look(self.name, FIRST))

    def test_a_deleted_replaced_reading_is_red(self, look: Look) -> None:
        assert look.change("DELETE FROM raw_data.superseded_readings") == 1

        assert failing(look(self.name, ODD)) == {"2021-03-29": 1}

    @pytest.mark.parametrize("column", ["rows_stored", "rows_redelivered", "rows_replaced", "rows_accepted"])
    def test_a_forged_count_is_red(self, look: Look, column: str) -> None:
        forge = f"UPDATE raw_data.source_file_dates SET {column} = {column} + 1"  # noqa: S608 - a column's name
        look.change(f"{forge} WHERE reference_date = '2021-03-27'")

        assert failing(look(self.name, FIRST))["2021-03-27"] == 1

    def test_a_forged_count_of_the_whole_file_is_red(self, look: Look) -> None:
        look.change(
            "UPDATE raw_data.source_file_versions SET rows_in_file = rows_in_file - 1 WHERE url LIKE '%%/2021-03-27.json'"
        )

        assert failing(look(self.name, FIRST)) == {"2021-03-27": 1}

    def test_a_reading_of_a_file_that_nobody_delivered_is_red(self, look: Look) -> None:
        columns = (
            "'home-9', interval_start, reference_date, consumption_delta, 999, 1, loaded_at, register, quality, serial"
        )
        look.change(INSERT_READING.format(columns=columns))

        assert examples(look(self.name, FIRST)) == ["source file 999, 2021-03-27"]

    def test_a_file_that_is_forgotten_while_its_readings_are_kept_is_red(self, look: Look) -> None:
        look.change("DELETE FROM raw_data.source_file_dates WHERE reference_date = '2021-03-27'")

        assert failing(look(self.name, FIRST))["2021-03-27"] == 1

    def test_rows_that_wait_to_be_loaded_are_no_fault(self, look: Look) -> None:
        look.change("DELETE FROM raw_data.raw_meter_readings WHERE reference_date = '2021-03-27'")
        look.change(
            "UPDATE raw_data.source_file_dates SET rows_stored = 0, loaded_at = NULL WHERE reference_date = '2021-03-27'"
        )

        assert is_green(look(self.name, FIRST))


class TestRowsRejected:
    name = "rejected_readings.rows_rejected"

    def test_a_rejected_row_is_red_on_its_date_with_its_reason(self, look: Look) -> None:
        result = look(self.name, FIRST, ODD)

        assert failing(result) == {"2021-03-29": 1}
        file = look.number("SELECT source_file_id FROM raw_data.source_files WHERE url LIKE '%/rejected.json'")
        (example,) = examples(result)
        assert example.startswith(f"1 x negative with -1 kWh: such as source file {file}, row 1 (")
        assert number(result, "rejected_negative") == 1

    def test_a_row_that_names_no_date_is_red_whichever_dates_are_looked_at(self, look: Look) -> None:
        look.change("UPDATE raw_data.rejected_readings SET reference_date = NULL")

        assert failing(look(self.name)) == {"none": 1}

    def test_each_reason_has_the_kwh_that_can_be_read(self, look: Look) -> None:
        for kwh, reason, file in (
            ("-1.4", "negative", "2021-03-27.json"),
            ("6424", "impossible", "2021-03-28.json"),
            (None, "not_a_number", "corrected.json"),
        ):
            look.change(INSERT_REJECTED, ODD, reason, kwh, file)

        result = look(self.name, ODD)

        assert failing(result) == {"2021-03-29": 4}
        assert number(result, "rejected_negative_kwh") == -2.4
        assert number(result, "rejected_impossible_kwh") == 6424
        assert "rejected_not_a_number_kwh" not in result.metadata
        said = [line.partition(":")[0] for line in examples(result)]
        assert sorted(said) == ["1 x impossible with 6,424 kWh", "1 x not_a_number", "2 x negative with -2.4 kWh"]

    def test_likely_error_codes_are_told_apart_from_other_impossible_values(self, look: Look) -> None:
        for position, detail in ((1, "more than a home can use"), (2, "an error code"), (3, "an error code")):
            look.change(
                "INSERT INTO raw_data.rejected_readings "
                "SELECT source_file_id, %s, '2021-03-27', NULL, '', 'impossible', %s, now(), 16777 "
                "FROM raw_data.source_files WHERE url LIKE '%%/2021-03-27.json'",
                position,
                detail,
            )

        first, second = examples(look(self.name, FIRST))
        assert first.startswith("2 x impossible with 33,554 kWh")
        assert first.endswith("row 2 (an error code)")
        assert second.startswith("1 x impossible with 16,777 kWh")

    @pytest.mark.parametrize("day", [None, date(2020, 12, 31), date(2030, 1, 1), date(2021, 6, 1)])
    def test_a_row_of_a_date_that_its_file_has_nothing_of_is_red_on_the_files_dates(
        self, look: Look, day: date | None
    ) -> None:
        look.change(INSERT_REJECTED, day, "before_first_date", "0.5", "2021-03-27.json")

        result = look(self.name, FIRST, SPRING)

        assert failing(result) == {"2021-03-27": 1}
        assert examples(result)[0].startswith("1 x before_first_date with 0.5 kWh: such as source file ")
        assert is_green(look(self.name, SPRING, AUTUMN)), "another run's file"
        look.change(OVERWRITE + "WHERE url LIKE '%%/2021-03-27.json'")
        assert is_green(look(self.name, FIRST))

    def test_a_row_counts_once_where_its_date_and_its_files_are_looked_at(self, look: Look) -> None:
        look.change(INSERT_REJECTED, SPRING, "negative", "0.5", "2021-03-27.json")

        assert failing(look(self.name, FIRST)) == {"2021-03-27": 1}
        assert failing(look(self.name, SPRING)) == {"2021-03-28": 1}
        assert failing(look(self.name, FIRST, SPRING)) == {"2021-03-28": 1}

    @pytest.mark.parametrize("day", [date(2020, 12, 31), date(2030, 1, 1)])
    def test_a_row_that_no_date_can_tell_is_red_whichever_dates_are_looked_at(self, look: Look, day: date) -> None:
        # The file has nothing of any date.
        look.change("UPDATE raw_data.rejected_readings SET reference_date = %s", day)

        assert failing(look(self.name, FIRST)) == {"none": 1}

    def test_rows_of_a_file_that_was_overwritten_since_are_green(self, look: Look) -> None:
        look.change(OVERWRITE + "WHERE url LIKE '%%/rejected.json'")

        assert is_green(look(self.name, FIRST, ODD))


class TestAmbiguousTimes:
    name = "raw_meter_readings.ambiguous_times"

    def test_a_file_that_was_overwritten_since_is_green(self, look: Look) -> None:
        look.change("UPDATE raw_data.source_file_versions SET rows_ambiguous = 3 WHERE url LIKE '%%/2021-10-31.json'")
        look.change(OVERWRITE + "WHERE url LIKE '%%/2021-10-31.json'")

        assert is_green(look(self.name, AUTUMN))

    def test_a_repeated_half_hour_that_came_once_is_red(self, look: Look) -> None:
        look.change("UPDATE raw_data.source_file_versions SET rows_ambiguous = 3 WHERE url LIKE '%%/2021-10-31.json'")

        assert failing(look(self.name, AUTUMN)) == {"none": 3}
        assert failing(look(self.name, FIRST, SPRING)) == {"none": 3}, "a look at other dates does not turn it green"


class TestImprobableValues:
    name = "raw_meter_readings.improbable_values"

    @pytest.mark.parametrize(("kwh", "count"), [("11.5", 0), ("11.500000000", 0), ("11.500001", 1), ("24", 1)])
    def test_more_than_a_fuse_passes_is_red(self, look: Look, kwh: str, count: int) -> None:
        assert look.change(
            "UPDATE raw_data.raw_meter_readings SET consumption_delta = %s::numeric "
            "WHERE meterpoint_id = 'home-1' AND interval_start = '2021-03-27 12:00Z'",
            kwh,
        )

        result = look(self.name)

        assert number(result, "failing_count") == count
        if count:
            assert failing(result) == {"2021-03-27": 1}
            assert examples(result) == [f"2021-03-27: the largest is {kwh} kWh"]
        assert is_green(look(self.name, SPRING, AUTUMN))


class TestDataAge:
    name = "raw_meter_readings.data_age"

    @pytest.mark.parametrize(
        ("today", "missing"),
        [
            (AUTUMN, 0),
            (AUTUMN + timedelta(days=1), 0),
            (AUTUMN + timedelta(days=2), 1),
            (AUTUMN + timedelta(days=30), 29),
        ],
    )
    def test_the_newest_date_has_to_be_yesterday(self, look: Look, today: date, missing: int) -> None:
        # A run of an old date looks at the newest all the same.
        result = look(self.name, FIRST, today=today)

        assert number(result, "failing_count") == missing
        assert is_green(result) == (missing == 0)
        assert number(result, "age_days") == (today - AUTUMN).days
        assert result.metadata["newest_reference_date"].value == "2021-10-31"

    def test_no_reading_at_all_is_red(self, look: Look) -> None:
        look.change("DELETE FROM raw_data.source_file_dates")

        assert failing(look(self.name)) == {"none": 1}


class TestAgreementsOverlap:
    name = "raw_agreements.agreements_overlap"

    def test_two_agreements_in_force_are_red_and_named_by_their_ids(self, look: Look) -> None:
        look.change(INSERT_AGREEMENT, 77, FIRST, "2021-03-01", None, "P-FIX", "home-1")
        look.change(INSERT_AGREEMENT, 78, FIRST, "2021-03-27", "2021-03-28", "P-FLEX", "home-1")

        result = look(self.name)

        assert failing(result) == {"2021-03-27": 1}
        assert examples(result) == ["2021-03-27: agreements 1, 77, 78"]

    @pytest.mark.parametrize(
        ("since", "until"),
        [
            ("2021-01-01", "2021-03-27"),  # ends as the day begins
            ("2021-03-28", None),  # begins the day after
            ("2021-03-27", "2021-03-27"),  # cancelled on the day
            ("2021-04-01", "2021-01-01"),  # inverted
        ],
    )
    def test_agreements_that_are_not_in_force_on_the_day_do_not_overlap(
        self, look: Look, since: str, until: str | None
    ) -> None:
        look.change(INSERT_AGREEMENT, 77, FIRST, since, until, "P-FIX", "home-1")

        assert is_green(look(self.name))


class TestAgreementsInverted:
    name = "raw_agreements.agreements_inverted"

    def test_an_agreement_that_ends_before_it_begins_is_red(self, look: Look) -> None:
        look.change(INSERT_AGREEMENT, 77, SPRING, "2021-02-02", "2021-02-01", "P-FIX", "home-1")

        result = look(self.name)

        assert failing(result) == {"2021-03-28": 1}
        assert examples(result) == ["2021-03-28: agreement 77"]

    def test_an_agreement_that_ends_as_it_begins_is_green(self, look: Look) -> None:
        look.change(INSERT_AGREEMENT, 77, SPRING, "2021-02-02", "2021-02-02", "P-FIX", "home-1")

        assert is_green(look(self.name))


class TestAgreementOrphans:
    name = "raw_agreements.agreement_orphans"

    def test_agreements_for_what_nobody_knows_are_red(self, look: Look) -> None:
        look.change(INSERT_AGREEMENT, 77, FIRST, "2021-02-02", None, "P-GONE", "home-1")
        look.change(INSERT_AGREEMENT, 78, FIRST, "2021-02-02", None, "P-FIX", "unknown-5")
        # A product that is known on another date only is unknown on this one.
        look.change("DELETE FROM raw_data.raw_products WHERE product_id = 'P-OUT' AND reference_date = '2021-10-31'")

        result = look(self.name)

        assert failing(result) == {"2021-03-27": 2, "2021-10-31": 1}
        assert examples(result) == [
            "2021-03-27: agreement 77 names an unknown product",
            "2021-03-27: agreement 78 names an unknown meterpoint",
            "2021-10-31: agreement 3 names an unknown product",
        ]


@pytest.fixture
def red_before(own_market: Market) -> Market:
    """The market whose own rejected row has made its check red: its date is looked at until it passes."""
    check = dg.AssetCheckKey(dg.AssetKey("rejected_readings"), "rows_rejected")
    (found,) = own_market.run_checks(dg.AssetSelection.checks(check)).values()
    assert not found.passed
    return own_market


class TestFilesSetAside:
    """Made with files, for what counts is the newest version of each."""

    name = "raw_meter_readings.files_quarantined"

    def test_a_truncated_file_is_red_until_it_is_corrected(self, own_market: Market) -> None:
        check = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("raw_meter_readings"), "files_quarantined"))
        own_market.deliver_text(
            "home-1.json", '{"columns":["meterpoint_id","interval_start","consumption_delta"],"data":[["home'
        )
        own_market.run("2021-03-27", assets=["raw_meter_readings"])

        red = own_market.run_checks(check)[self.name]

        assert not red.passed
        assert red.description == "1 quarantined files"
        assert "truncated" in str(red.metadata["examples"].value)
        assert "home-1" not in repr(red), "a file may be named after its meterpoint"

        own_market.deliver("home-1.json", [("home-1", "2021-03-27 12:00:00", "0.5")])
        own_market.run("2021-03-27", assets=["raw_meter_readings"])

        assert own_market.run_checks(check)[self.name].passed

    def test_a_file_of_watt_hours_is_red_with_its_kwh_until_it_is_corrected(self, red_before: Market) -> None:
        market = red_before
        market.deliver("telemetry.json", day_of("home-1", "2021-03-27", "310"))

        red = evaluations(market.run("2021-03-27", assets=["raw_meter_readings", "rejected_readings"]))

        assert red[self.name].description == "1 quarantined files"
        told = str(red[self.name].metadata["examples"].value)
        assert "mostly_rejected: 48 of 48 rows are impossible: Wh instead of kWh" in told
        assert "(48 rows with 14,880 kWh are kept out)" in told
        assert red["rejected_readings.rows_rejected"].metadata["rejected_impossible"].value == 48
        market.deliver("telemetry.json", day_of("home-1", "2021-03-27", "0.31"), written=OLD + timedelta(days=2))
        green = evaluations(market.run("2021-03-27", assets=["raw_meter_readings", "rejected_readings"]))
        assert green[self.name].passed
        # What is left is the market's own rejected row.
        assert green["rejected_readings.rows_rejected"].description == "1 rejected rows on 2021-03-29"


def test_a_run_tells_of_the_rows_of_its_files_that_no_date_can_have(red_before: Market) -> None:
    """Made with files: rows before the first date and of the future, beside a day that is loaded."""
    market = red_before
    market.deliver(
        "archive.json",
        [*day_of("home-1", "2021-04-01", "0.1"), ("home-1", "2020-12-31 12:00:00", "0.2")]
        + [("home-1", "2030-01-01 12:00:00", "0.3")] * 2,
    )

    found = evaluations(market.run("2021-04-01", assets=["raw_meter_readings", "rejected_readings"]))

    rejected = found["rejected_readings.rows_rejected"]
    assert rejected.description == "4 rejected rows on 2021-03-29, 2021-04-01"
    assert {name: value.value for name, value in rejected.metadata.items() if name.startswith("rejected_")} == {
        "rejected_before_first_date": 1,
        "rejected_before_first_date_kwh": 0.2,
        "rejected_future": 2,
        "rejected_future_kwh": 0.6,
        "rejected_negative": 1,
        "rejected_negative_kwh": -1.0,
    }
