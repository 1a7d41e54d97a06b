"""Stages that work ahead of one another: nothing is lost between them, and none outlives its consumer."""

import threading
from collections.abc import Iterator

import pytest

from meter_platform.stages import UNBOUNDED, ended_if_unwanted, run_ahead


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "run_ahead"]


def test_all_items_come_in_order_through_any_number_of_stages() -> None:
    assert list(run_ahead(number * 2 for number in run_ahead(iter(range(1000))))) == list(range(0, 2000, 2))
    assert threads() == []


def test_a_stage_works_ahead_of_its_consumer_and_not_far() -> None:
    begun: list[int] = []
    reached = threading.Event()

    def items() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            if number == 3:
                reached.set()
            yield number

    stage = run_ahead(items())
    assert next(stage) == 0
    assert reached.wait(10), "nothing was made before it was asked for"
    assert len(begun) <= 5
    stage.close()


def test_a_stage_that_should_not_wait_runs_to_its_end() -> None:
    ended = threading.Event()

    def items() -> Iterator[int]:
        yield from range(100)
        ended.set()

    stage = run_ahead(items(), waiting=UNBOUNDED)
    assert next(stage) == 0
    assert ended.wait(10), "it waited for its consumer"
    assert list(stage) == list(range(1, 100))


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    stage = run_ahead(run_ahead(items()))
    assert next(stage) == 1
    with pytest.raises(ValueError, match="no more"):
        next(stage)
    assert threads() == []


def test_a_consumer_that_stops_ends_every_stage_and_closes_what_they_hold() -> None:
    closed: list[str] = []

    def items(name: str) -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            closed.append(name)

    stage = run_ahead(number for number in run_ahead(items("inner")))
    assert next(stage) == 0
    stage.close()
    assert closed == ["inner"]
    assert threads() == []


def test_work_that_cannot_ask_is_ended_when_nobody_waits_for_it_and_left_alone_otherwise() -> None:
    ended = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        with ended_if_unwanted(ended.set):
            ended.wait(60)
        yield 2

    stage = run_ahead(items())
    assert next(stage) == 1
    stage.close()
    assert ended.is_set()

    ended.clear()
    with ended_if_unwanted(ended.set):
        pass
    assert list(run_ahead(number for number in range(3))) == [0, 1, 2]
    assert not ended.is_set()
