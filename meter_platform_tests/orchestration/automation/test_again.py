"""When a date that is not finished is asked for again."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from meter_platform.orchestration.automation.again import Decision, Tries, decide
from meter_platform.warehouse.finished import OLDER, Failure, Unfinished

DAY = date(2021, 8, 2)
NOON = datetime(2021, 8, 3, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOTHING: Mapping[date, Tries] = MappingProxyType({})

DIED = Unfinished(day=DAY, tables={"half_hourly_consumption": OLDER})
LOCKED = Unfinished(day=DAY, failures={"raw_products": Failure("locked", may_pass=True, failed_at=NOON)})
BROKEN = Unfinished(day=DAY, failures={"raw_products": Failure("no column", may_pass=False, failed_at=NOON)})
BOTH = Unfinished(day=DAY, failures={**BROKEN.failures, "raw_meterpoints": LOCKED.failures["raw_products"]})


def at(
    now: datetime,
    state: Unfinished,
    tries: Mapping[date, Tries] = NOTHING,
    *,
    sources: str = "these",
    under_way: tuple[date, ...] = (),
) -> Decision:
    return decide([DAY], {DAY: state}, tries, under_way, now=now, sources=sources)


def times(state: Unfinished, hours: int) -> list[timedelta]:
    """When a date is asked for within some hours, by a sensor that looks every half minute."""
    tries: Mapping[date, Tries] = NOTHING
    found = []
    for tick in range(hours * 120):
        decision = at(NOON + tick * 30 * SECOND, state, tries)
        tries = decision.tries
        if decision.ask:
            found.append(tick * 30 * SECOND)
    return found


def minutes(*pauses: int) -> list[timedelta]:
    """From the first time to the last, by the pauses between."""
    return [timedelta(minutes=sum(pauses[:count])) for count in range(len(pauses) + 1)]


def test_what_may_pass_is_asked_for_with_pauses_that_grow_to_an_hour_for_as_long_as_it_takes() -> None:
    assert times(LOCKED, 24)[:11] == minutes(1, 2, 4, 8, 16, 32, 60, 60, 60, 60)
    assert len(times(LOCKED, 24)) == 7 + 22


def test_what_was_left_for_no_reason_on_record_is_asked_for_so_too_but_not_for_ever() -> None:
    assert times(DIED, 24) == minutes(1, 2, 4, 8, 16, 32, 60, 60, 60, 60)
    state = {DAY: Tries(10, NOON.isoformat(), "these")}
    assert at(NOON + timedelta(days=1), DIED, state).given_up == [DAY]


def test_what_failed_by_its_input_waits_until_the_input_is_another() -> None:
    assert times(BROKEN, 24) == []
    waiting = at(NOON, BROKEN)
    assert waiting.waiting == [DAY]

    mended = at(NOON + SECOND, BROKEN, waiting.tries, sources="others")

    assert mended.ask == [DAY]
    assert at(NOON + timedelta(days=1), BROKEN, mended.tries, sources="others").waiting == [DAY], "once"


def test_where_one_part_may_pass_the_other_does_not_keep_it_waiting() -> None:
    assert at(NOON, BOTH).ask == [DAY]


def test_other_input_begins_the_count_anew() -> None:
    state = {DAY: Tries(10, NOON.isoformat(), "these")}

    assert at(NOON + SECOND, DIED, state, sources="others").ask == [DAY]


def test_a_date_of_a_run_that_waits_or_goes_on_is_left_to_it() -> None:
    decision = at(NOON, DIED, under_way=(DAY,))

    assert decision.ask == []
    assert decision.under_way == [DAY]
    assert decision.tries == {}
