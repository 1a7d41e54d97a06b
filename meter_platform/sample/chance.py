"""Numbered draws: chance that depends on what is drawn for, not on what was drawn before.

What belongs here: arithmetic on integers. What does not: what is drawn, homes.
"""

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Draws = NDArray[np.uint64]


class Topic(IntEnum):
    """What a draw is for, so that draws for different things are independent of each other."""

    LOAD = 1
    LEVEL = 2
    ORDER = 3
    SIZE = 4
    HISTORY = 5
    PRODUCT_ID = 6
    CLOUD = 7
    METERPOINT_ID = 8
    ACCOUNT_ID = 9


def draw(seed: int, topic: Topic, *keys: Integers) -> Draws:
    """Uniform 64-bit numbers, each a function of the seed, the topic and one element of each key (which broadcast).

    The mixing is SplitMix64's (Steele, Lea and Flood 2014): far cheaper than a generator for each meterpoint and day,
    and in no need of an order in which to draw.
    """
    state = np.array([seed & 0xFFFF_FFFF_FFFF_FFFF], dtype=np.uint64)
    for key in (np.array([int(topic)]), *keys):
        state = (state + np.uint64(0x9E37_79B9_7F4A_7C15)) ^ key.astype(np.uint64)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
        state = state ^ (state >> np.uint64(31))
    return state


def below(draws: Draws, limit: int) -> Integers:
    """Draws as integers from 0 to `limit` - 1."""
    return (draws % np.uint64(limit)).astype(np.int64)


def hex_ids(seed: int, topic: Topic, count: int) -> list[str]:
    """Ids of 10 hexadecimal characters that look random and all differ: each step permutes the 40-bit numbers."""
    mask = np.uint64((1 << 40) - 1)
    numbers = (np.arange(count, dtype=np.uint64) + draw(seed, topic)) & mask
    for factor in (0x9E_3779_B97F, 0xC2_B2AE_3D27):
        numbers = (numbers * np.uint64(factor)) & mask
        numbers ^= numbers >> np.uint64(21)
    return [f"{number:010x}" for number in numbers.tolist()]


def is_taken(index: int, share: float) -> bool:
    """Whether file `index` is among a `share` of all: evenly spread from the second on, the first only if all are."""
    return math.ceil(index * share) > math.ceil((index - 1) * share)
