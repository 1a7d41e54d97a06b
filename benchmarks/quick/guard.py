"""The verdict: whether the platform has become slower, from pairs of runs and a baseline.

What belongs here: ratios, and what follows from them; nothing here measures or prints. What does not: processes.

A pair is the platform's run and the script's, one right after the other; its ratio does not depend on how fast the machine
is. What disturbs a pair is another program that wants the same processors, so each run says how much others used meanwhile,
and pairs in which that was more than a little are left out while there are enough calm ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb
from statistics import median
from typing import Final

TOLERANCE: Final = 1.15
"""A slow-down by more than this is one."""

DISTURBED: Final = 0.1
"""The share of the machine that others may use during a pair that counts as calm."""

ENOUGH: Final = 5
"""Calm pairs without which nobody is called slower."""

_CHANCE: Final = 0.05
"""How often a platform that is as quick as before may look slower by luck alone, before the tolerance is asked about."""


@dataclass(frozen=True, slots=True)
class Took:
    """What a run took.

    Attributes:
        seconds: by the clock.
        processor_seconds: of all processors, of the process and of the server.
        others: the share of the machine's processors that others used meanwhile, 0 to 1.
    """

    seconds: float
    processor_seconds: float
    others: float = 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A run of each, one right after the other."""

    platform: Took
    reference: Took

    @property
    def calm(self) -> bool:
        """Whether others left the machine to both."""
        return max(self.platform.others, self.reference.others) <= DISTURBED


def _by_the_clock(pair: Pair) -> float:
    return pair.platform.seconds / pair.reference.seconds


def _by_the_processor(pair: Pair) -> float:
    return pair.platform.processor_seconds / pair.reference.processor_seconds


FIGURES: Final[Mapping[str, Callable[[Pair], float]]] = {"clock": _by_the_clock, "processor": _by_the_processor}
"""The figures of a pair. Processor time shows what costs more; only the clock shows what no longer happens at once."""


class Verdict(StrEnum):
    """What can be said of a figure."""

    AS_QUICK = "as quick"
    QUICKER = "quicker: accept a new baseline"
    SLOWER = "SLOWER"
    UNKNOWN = "cannot tell: the machine is too busy"
    NEW = "no baseline"


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure and what can be said of it.

    Attributes:
        ratio: the platform's in terms of the script's, median over the pairs that count.
        baseline: what it was; `None` where nobody has noted it.
        pairs: how many count.
        calm: whether those are calm ones alone.
        verdict: what can be said.
    """

    ratio: float
    baseline: float | None
    pairs: int
    calm: bool
    verdict: Verdict


def judge(pairs: Sequence[Pair], figure: Callable[[Pair], float], baseline: float | None) -> Judged:
    """Judges a figure of a case.

    Args:
        pairs: one or more.
        figure: one of `FIGURES`.
        baseline: its ratio in earlier days.
    """
    calm = [pair for pair in pairs if pair.calm]
    enough = len(calm) >= ENOUGH
    ratios = [figure(pair) for pair in (calm if enough else pairs)]
    found = median(ratios)
    return Judged(found, baseline, len(ratios), enough, _verdict(ratios, found, baseline, enough=enough))


def _verdict(ratios: Sequence[float], found: float, baseline: float | None, *, enough: bool) -> Verdict:
    if baseline is None:
        return Verdict.NEW
    if found <= baseline * TOLERANCE:
        return Verdict.QUICKER if enough and found < baseline / TOLERANCE else Verdict.AS_QUICK
    # A machine that others use makes many small processes slower than a few large ones.
    below = sum(ratio <= baseline for ratio in ratios)
    return Verdict.SLOWER if enough and _luck(below, len(ratios)) <= _CHANCE else Verdict.UNKNOWN


def _luck(below: int, of: int) -> float:
    """How likely it is that so few ratios, or fewer, are below the baseline although half of them should be (sign test)."""
    return float(sum(comb(of, number) for number in range(below + 1)) / 2**of)
