"""Checks of the shape of a day. One run of a few dates, in which each file holds one meterpoint of one shape."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import dagster as dg
import pytest

from meter_platform.orchestration.checks import shape
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.market import Agreement, Market, Reading, day_of, evaluations
from meter_platform_tests.orchestration.checks.conftest import Look, examples, failing, is_green, number

SPRING, SHAPES, MIDNIGHT_GONE = date(2021, 3, 28), date(2021, 3, 29), date(2021, 3, 30)
ONE_GAP, HALF_A_DAY, ONE_HOME = date(2021, 3, 31), date(2021, 4, 1), date(2021, 4, 2)

RISING, CATCH_UP, WHOLE = "values_only_rise", "catch_up_after_zeros", "whole_numbers"

HOME = ["0.1"] * 12 + ["0.2", "0.5", "0.4", "0.3"] * 6 + ["0.9", "1.2", "0.8", "0.7"] * 2 + ["0.4", "0.3", "0.2", "0.1"]
"""A home: little at night, most in the evening."""


def register(first: str, steps: Sequence[str]) -> list[str]:
    """What a register says after each step."""
    said = [Decimal(first)]
    for step in steps:
        said.append(said[-1] + Decimal(step))
    return [str(value) for value in said]


def caught_up(zeros: int, at: int, value: str) -> list[str]:
    """A home's day with zeros that end with a value at half hour `at`."""
    return [*HOME[: at - zeros], *["0"] * zeros, value, *HOME[at + 1 :]]


SHAPES_OF_DAYS: dict[str, tuple[list[str | None], set[str]]] = {
    "usual": ([*HOME], set()),
    "constant": (["0.5"] * 48, set()),
    "zeros": (["0"] * 48, set()),
    # A register.
    "new-register": ([*register("0.4", HOME[1:])], {RISING}),
    "register-of-the-second-day": ([*register("9.8", ["0.2"] * 47)], {RISING}),
    "register-used-in-the-evening": (["3.5"] * 34 + [*register("3.6", ["0.2"] * 13)], {RISING}),
    "register-that-leaves-what-is-possible": ([*register("15", ["0.3"] * 47)], {RISING}),
    "register-with-gaps": ([None, None, *register("0.4", HOME[1:42]), None, None, "19", "19.5"], {RISING}),
    "register-that-fell-once": ([*register("0.4", HOME[1:47]), "0.3"], set()),
    "sun": (["0"] * 12 + [f"0.{n}" for n in range(1, 10)] + [f"0.{n}" for n in range(9, 0, -1)] + ["0"] * 18, set()),
    "morning-sun": (["0"] * 10 + [f"0.{n:02}" for n in range(10, 26)] + [None] * 22, set()),
    "heated-in-the-evening": (["0"] * 30 + ["0.2"] * 6 + ["2.5"] * 12, set()),
    # Zeros, and then what is missing.
    "caught-up": ([*caught_up(8, 20, "2.7")], {CATCH_UP}),
    "caught-up-on-yesterday": ([*caught_up(10, 10, "9.5")], {CATCH_UP}),
    "caught-up-at-once": ([*caught_up(5, 20, "2.7")], set()),
    "zeros-and-then-a-little": ([*caught_up(8, 20, "0.3")], set()),
    "zeros-and-then-far-too-much": ([*caught_up(8, 20, "20")], set()),
    "large-without-zeros": ([*HOME[:20], "5", *HOME[21:]], set()),
    "export": (
        ["0"] * 16 + ["0.5", "0.8", "1.4", "1.9"] + ["2.2"] * 6 + ["1.5", "0.9", "0.5", "0.1"] + ["0"] * 18,
        set(),
    ),
    # Wh that are small enough to pass for kWh.
    "watt-hours": (["3", "4", "7", "12"] * 12, {WHOLE}),
    "meter-of-whole-kwh": (["0", "1", "0", "0"] * 12, set()),
    "large-site": (["3.5", "4", "7", "12"] * 12, set()),
}
"""What a meterpoint says of each half hour of a day, and what is to be found."""


def half_hours(meterpoint: str, day: date, values: Sequence[str | None]) -> list[Reading]:
    labels = [time for _, time, _ in day_of(meterpoint, day.isoformat(), "0")]
    return [(meterpoint, time, value) for time, value in zip(labels, values, strict=True) if value is not None]


@pytest.fixture(scope="module")
def market(market_settings: Settings, instance: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Homes of every shape, loaded for all dates."""
    empty(open_database(market_settings))
    market = Market(market_settings, tmp_path_factory.mktemp("shapes"), instance)
    market.refresh([Agreement(1, "home-1"), Agreement(2, "home-2")])
    for name, (values, _) in SHAPES_OF_DAYS.items():
        market.deliver(f"{name}.json", half_hours(f"home-{name}", SHAPES, values))
    market.deliver("spring.json", half_hours("home-1", SPRING, register("0.4", ["0.1"] * 45)))
    for day, values in {
        MIDNIGHT_GONE: [None, *HOME[1:]],
        HALF_A_DAY: [*HOME[:24], *[None] * 24],
        ONE_HOME: [None, *HOME[1:]],
    }.items():
        for home in ("home-1", "home-2")[: 1 if day == ONE_HOME else 2]:
            market.deliver(f"{day}-{home}.json", half_hours(home, day, values))
    for home_number in range(30):
        # More than one in twenty has the half hour.
        market.deliver(
            f"gap-{home_number}.json",
            half_hours(f"gap-{home_number}", ONE_GAP, HOME if home_number < 2 else [*HOME[:-1], None]),
        )
    return market


@pytest.fixture(scope="module")
def found(market: Market) -> dict[str, dg.AssetCheckEvaluation]:
    """What the checks of a run of all dates found."""
    return evaluations(market.run("2021-03-28", "2021-04-02"))


@pytest.fixture
def shapes(look: Look, found: dict[str, dg.AssetCheckEvaluation]) -> Look:  # noqa: ARG001 - looks at what was loaded
    return look


@pytest.mark.parametrize("check", shape.CHECKS, ids=lambda check: check.name)
def test_a_shape_is_the_suppliers_fault(check: shape.Check) -> None:
    assert check.severity is dg.AssetCheckSeverity.WARN


@pytest.mark.parametrize("check", [RISING, CATCH_UP, WHOLE])
def test_exactly_the_odd_days_are_found(shapes: Look, check: str) -> None:
    expected = {name for name, (_, odd) in SHAPES_OF_DAYS.items() if check in odd}

    result = shapes(f"meterpoint_completeness.{check}", SHAPES)

    assert failing(result) == {"2021-03-29": len(expected)}
    assert {name for name in SHAPES_OF_DAYS if any(_names(shapes, name, line) for line in examples(result))} == expected
    assert len(examples(result)) == len(expected)


@pytest.mark.parametrize(
    ("check", "name", "said"),
    [
        (RISING, "register-of-the-second-day", "696 kWh stored; if they are a register's, 9.4 kWh were used"),
        (CATCH_UP, "caught-up", "8 zeros and then 2.7 kWh in one half hour"),
        (WHOLE, "watt-hours", "312 kWh stored; if they are Wh, 0.312 kWh were used"),
    ],
)
def test_a_finding_says_how_much_energy_it_is_about(shapes: Look, check: str, name: str, said: str) -> None:
    result = shapes(f"meterpoint_completeness.{check}", SHAPES)

    (line,) = [line for line in examples(result) if _names(shapes, name, line)]
    assert ": 1 x " in line
    assert said in line


def test_the_checks_are_those_of_a_run(found: dict[str, dg.AssetCheckEvaluation]) -> None:
    for check in shape.CHECKS:
        assert not found[f"meterpoint_completeness.{check.name}"].passed
        assert "home-" not in repr(found[f"meterpoint_completeness.{check.name}"]), "metadata names no meterpoint"


class TestSameHalfHourMissing:
    name = "meterpoint_completeness.same_half_hour_missing"

    def test_what_nobody_has_is_red_with_its_time(self, shapes: Look) -> None:
        result = shapes(self.name, MIDNIGHT_GONE)

        assert failing(result) == {"2021-03-30": 2}
        (line,) = examples(result)
        assert line.startswith("00:00 is missing for nearly all meterpoints on 2021-03-30: look at the query")

    @pytest.mark.parametrize("day", [SHAPES, ONE_GAP, HALF_A_DAY, ONE_HOME])
    def test_what_is_a_meters_fault_or_still_to_come_is_green(self, shapes: Look, day: date) -> None:
        assert is_green(shapes(self.name, day))

    def test_what_one_in_twenty_has_is_missing_for_nearly_all(self, shapes: Look) -> None:
        assert shapes.change(
            "UPDATE analytics.half_hourly_consumption SET meterpoint_count = 1 WHERE datetime = '2021-03-31 22:30Z'"
        )

        result = shapes(self.name, MIDNIGHT_GONE, ONE_GAP)

        assert failing(result) == {"2021-03-30": 2, "2021-03-31": 29}
        assert [line[:5] for line in examples(result)] == ["00:00", "23:30"]


def test_dates_are_told_apart(shapes: Look) -> None:
    result = shapes(f"meterpoint_completeness.{RISING}", SPRING, SHAPES)

    rising = sum(RISING in odd for _, odd in SHAPES_OF_DAYS.values())
    assert failing(result) == {"2021-03-28": 1, "2021-03-29": rising}, "a day of 46 half hours is one, too"
    assert number(result, "rising_kwh") > 0
    assert is_green(shapes(f"meterpoint_completeness.{RISING}", MIDNIGHT_GONE))


def _names(look: Look, name: str, line: str) -> bool:
    """Whether an example is about the file of a shape."""
    file = look.number(f"SELECT source_file_id FROM raw_data.source_files WHERE url LIKE '%/{name}.json'")  # noqa: S608
    return f"source file {file}:" in line
