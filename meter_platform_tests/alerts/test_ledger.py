"""Which message is due when: one when an incident begins and one when it is over, whatever a channel does."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import hypothesis.strategies as st
import pydantic
from hypothesis import given

from meter_platform.alerts.incident import Incident
from meter_platform.alerts.ledger import MOST_INCIDENTS, MOST_TRIES, SETTLED, Ledger

NOON: Final = datetime(2021, 6, 8, 12, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
MAIL: Final = "e-mail"
HOOK: Final = "webhook"
KEPT: Final = pydantic.TypeAdapter(Ledger)


def incident(key: str = "a", **more: object) -> Incident:
    return Incident(key=key, kind="run", title=f"{key} failed", began=NOON, **more)  # type: ignore[arg-type]


class Town:
    """A ledger, a clock and channels that work or do not."""

    def __init__(self, *channels: str) -> None:
        self.ledger = Ledger()
        self.now = NOON
        self.channels = list(channels or [MAIL])
        self.down: set[str] = set()

    def tick(self, *found: Incident, after: timedelta = MINUTE, unknown: Sequence[str] = ()) -> list[str]:
        """Some time later: what is found, and what is told of it then."""
        self.now += after
        self.ledger.update(found, self.now, channels=self.channels, unknown=unknown)
        told = []
        for channel in self.channels:
            for notice in self.ledger.due(channel, self.now):
                if channel in self.down:
                    self.ledger.failed(channel, notice, self.now)
                    continue
                self.ledger.delivered(channel, notice)
                told.append(f"{channel}: {notice.incident.key}{' over' if notice.over_since else ''}")
        # A restart: what is kept is all that is known.
        self.ledger = KEPT.validate_json(KEPT.dump_json(self.ledger))
        return told


def test_an_incident_is_told_once_and_its_end_once_it_has_been_gone_for_a_while() -> None:
    town = Town(MAIL, HOOK)

    assert town.tick(incident()) == ["e-mail: a", "webhook: a"]
    assert town.tick(incident()) == town.tick(incident()) == []
    assert town.tick() == []
    assert town.tick(after=SETTLED) == ["e-mail: a over", "webhook: a over"]
    assert town.tick(after=SETTLED) == []
    assert town.ledger.entries == {}


def test_what_comes_and_goes_is_one_incident() -> None:
    town = Town()

    told = [line for _ in range(20) for found in ([incident()], []) for line in town.tick(*found)]

    assert told == ["e-mail: a"]
    assert town.tick(after=SETTLED) == ["e-mail: a over"]


def test_what_comes_again_after_it_was_over_is_told_again() -> None:
    town = Town()
    town.tick(incident())
    town.tick()
    town.tick(after=SETTLED)

    assert town.tick(incident()) == ["e-mail: a"]


def test_what_heals_by_itself_soon_is_not_told_and_what_does_not_is() -> None:
    town = Town()
    patient = incident(tell_after=2 * MINUTE)

    assert town.tick(patient) == town.tick(patient) == town.tick() == town.tick(after=SETTLED) == []
    assert [town.tick(patient) for _ in range(3)] == [[], [], ["e-mail: a"]]


def test_what_fails_every_other_time_is_told() -> None:
    town = Town()

    assert [
        line for _ in range(3) for found in ([incident(tell_after=2 * MINUTE)], []) for line in town.tick(*found)
    ] == ["e-mail: a"]


def test_a_channel_that_fails_keeps_its_messages_and_does_not_keep_the_others_waiting() -> None:
    town = Town(MAIL, HOOK)
    town.down = {MAIL}
    assert town.tick(incident()) == ["webhook: a"]
    assert town.ledger.is_behind(MAIL)
    for _ in range(10):
        assert town.tick(incident()) == []
    town.down = set()

    assert town.tick(incident(), after=timedelta(hours=1)) == ["e-mail: a"]
    assert not town.ledger.is_behind(MAIL)


def test_pauses_grow_to_an_hour_and_end_after_some_three_days() -> None:
    town = Town()
    town.down = {MAIL}
    tries = []
    for minute in range(4 * 24 * 60):
        before = town.ledger.entries.get("a")
        tried = before.deliveries[MAIL].tries if before and MAIL in before.deliveries else 0
        town.tick(incident())
        if town.ledger.entries["a"].deliveries[MAIL].tries != tried:
            tries.append(minute)

    assert [later - sooner for sooner, later in pairwise(tries)][:9] == [
        1,
        2,
        4,
        8,
        16,
        32,
        60,
        60,
        60,
    ]
    assert len(tries) == MOST_TRIES
    assert 2.5 * 24 * 60 < tries[-1] < 3.5 * 24 * 60


def test_what_ended_before_it_could_be_told_is_told_in_one_message() -> None:
    town = Town()
    town.down = {MAIL}
    assert town.tick(incident()) == town.tick() == []
    town.down = set()

    assert town.tick(after=SETTLED) == ["e-mail: a over"]
    assert town.ledger.entries == {}


def test_once_a_channel_works_again_all_that_it_owes_is_sent() -> None:
    town = Town()
    town.down = {MAIL}
    found = [incident(key) for key in "abc"]
    for _ in range(9):
        town.tick(*found)
    town.down = set()
    town.tick(*found, incident("d"))

    assert town.tick(*found, incident("d")) == ["e-mail: a", "e-mail: b", "e-mail: c"]


def test_while_nobody_can_tell_an_incident_stays_as_it_is() -> None:
    town = Town()
    town.tick(incident())

    assert town.tick(unknown=["run"], after=timedelta(days=1)) == []
    assert town.tick(after=SETTLED) == []
    assert town.tick(after=SETTLED) == ["e-mail: a over"]


def test_a_channel_does_not_tell_that_it_fails_itself() -> None:
    town = Town(MAIL, HOOK)

    assert town.tick(incident(not_by=MAIL)) == ["webhook: a"]
    town.tick()
    assert town.tick(after=SETTLED) == ["webhook: a over"]


def test_what_a_channel_that_was_taken_away_owed_is_forgotten() -> None:
    town = Town(MAIL, HOOK)
    town.down = {MAIL}
    town.tick(incident())
    town.tick()
    town.channels = [HOOK]

    assert town.tick(after=SETTLED) == ["webhook: a over"]
    assert town.ledger.entries == {}


def test_its_size_is_bounded() -> None:
    town = Town()

    assert len(town.tick(*(incident(str(number)) for number in range(2 * MOST_INCIDENTS)))) == MOST_INCIDENTS


steps = st.lists(
    st.tuples(st.sets(st.sampled_from("ab")), st.sets(st.sampled_from([MAIL, HOOK])), st.sampled_from([1, 3, 10])),
    max_size=40,
)


@given(steps)
def test_whatever_happens_each_channel_tells_beginnings_and_ends_in_turn_and_owes_nothing_in_the_end(
    steps: list[tuple[set[str], set[str], int]],
) -> None:
    town = Town(MAIL, HOOK)
    told = []
    for present, town.down, minutes in steps:
        told += town.tick(*(incident(key) for key in present), after=minutes * MINUTE)
    town.down = set()
    for _ in range(3):
        told += town.tick(after=timedelta(hours=2))

    assert town.ledger.entries == {}
    for channel in town.channels:
        for key in "ab":
            ends = [line.endswith("over") for line in told if line.startswith(f"{channel}: {key}")]
            assert all(sooner or later for sooner, later in pairwise(ends)), "no beginning twice in a row"
            assert ends == [] or ends[-1], "the last word on what is over is that it is over"
