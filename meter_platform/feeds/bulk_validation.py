"""Validation in bulk: of very many rows at once, the plainly good ones are accepted.

What belongs here: what makes a row plainly good. What does not: the rules that decide about every other row
(`validation.py`), the form that rows have in a file (`formats/`), reading files and keeping accounts of them
(`reading.py`).

A row is plainly good if its id is one, its time names one half hour whatever row it is in, and its number is energy. What is
not seen at once is asked of the rules, once for each different value; a row that is not plainly good is left to them as a
whole. A test holds the two to each other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform import settlement
from meter_platform.contracts.readings import IMPOSSIBLE_KWH, MOST_DECIMALS
from meter_platform.contracts.types import fewest_decimals
from meter_platform.feeds.cells import may_have_any
from meter_platform.feeds.columns import ENERGY, VALIDATED_SCHEMA
from meter_platform.feeds.formats.format import NumberText, UnvalidatedRows, Values
from meter_platform.feeds.meterpoint_ids import FORMULA_SIGNS, LONGEST_METERPOINT_ID, NO_VALUES, why_no_id
from meter_platform.feeds.particulars import columns
from meter_platform.feeds.validation import Accepted, FileValidation, RowRules, Waiting, acceptable_kwh

_REMEMBERED: Final = 1 << 17
"""Times of which the half hour is remembered: seven years of labels. A day's files have 48."""

_LONGEST_TIME: Final = 40
"""Characters of a text that may be a time. Of longer ones, which are none, nothing is remembered."""

_APOSTROPHE: Final = "'"
_NUMBER_ID: Final = rf"^(?:0|[1-9][0-9]{{0,{LONGEST_METERPOINT_ID - 1}}})$"
_TEXT_ID: Final = rf"^[ -~]{{1,{LONGEST_METERPOINT_ID}}}$"
"""Of printable ASCII."""
_NO_ID: Final = "(?i)^(?:{})$".format(
    "|".join(
        [
            rf"[{re.escape(FORMULA_SIGNS)}{_APOSTROPHE} ].*",
            ".* ",
            "[0-9.,]+e[-+][0-9]+",
            "[0-9]+[.,][0-9]*e[0-9]+",
            *NO_VALUES,
        ]
    )
)
"""Texts that may be no ids."""
_FIRST_OF_NO_ID: Final = np.frombuffer((FORMULA_SIGNS + _APOSTROPHE).encode(), np.uint8)
_PARTS_OF_NO_ID: Final = (b" ", b"e+", b"e-", b".", *(word.encode() for word in NO_VALUES))
"""If no id of many begins with one of the former or has one of the latter in it, none matches `_NO_ID`. To ask for that
takes as long as all else about ids."""

_CONSUMPTION: Final = rf"^(?:0|[1-9][0-9]?)(?:\.[0-9]{{1,{MOST_DECIMALS}}})?$"

_OTHER_NUMBER: Final = r"^(?:\-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)$"
"""A number as JSON has them, and most other formats, too."""

_MOST_KWH: Final = pa.scalar(Decimal(IMPOSSIBLE_KWH), ENERGY)

_Time = tuple[int | None, date | None, tuple[int, int] | None]
"""A half hour's start in microseconds since 1970, and its reference date; `None` where the time names none, or two.

And the first and the second instant that the time may mean, where it is naive and in or beside a repeated hour.
"""
_ODD_TIME: Final[_Time] = (None, None, None)
_NO_INSTANTS: Final = pa.schema({"first": pa.int64(), "second": pa.int64()}).empty_table()

PLAIN_SCHEMA: Final = pa.schema([("chunk", pa.int32()), ("ordinal", pa.int32()), *VALIDATED_SCHEMA])
"""Rows by the index of their chunk, and their place in it, counted from 1."""


@dataclass(slots=True)
class ValidatedChunks:
    """What validation in bulk makes of the rows of chunks. Indexes are those of the chunks that were given.

    Attributes:
        row_counts: how many rows each chunk has; 0 for one that has none, or has others than regular ones.
        plain: the plainly good rows, each table of PLAIN_SCHEMA but with decimals of its own, and perhaps without
            PARTICULARS; `ordinal` counts the rows of a chunk from 1.
        around: rows with naive times in or beside an hour that the clocks repeat, of AROUND_SCHEMA but by their
            chunks. Those beside are plainly good ones; those in it would be but for their time, and wait for the end of
            their file.
        odd: the ordinals of all other rows of each chunk that has any. Without any, a chunk that has rows is as its
            format wants it.
    """

    row_counts: list[int]
    plain: list[pa.Table] = field(default_factory=list)
    around: list[pa.Table] = field(default_factory=list)
    odd: dict[int, list[int]] = field(default_factory=dict)


class BulkValidation:
    """Validates rows in bulk. It remembers what times mean, so that one object is used for many files.

    Args:
        rules: what times mean. The newest date that a row may have is given with each chunk.
    """

    def __init__(self, rules: RowRules) -> None:
        self._half_hour = lru_cache(_REMEMBERED)(lambda text: _half_hour(rules, text))
        self._zone, _ = rules.clocks

    def validate(self, rows: UnvalidatedRows, last_dates: Sequence[date], validated: ValidatedChunks) -> None:
        """Validates the rows of some chunks.

        Args:
            rows: the rows, by their chunks' indexes.
            last_dates: for each of these chunks the newest reference date that is plainly good there.
            validated: gets what comes of it.
        """
        meterpoints, times, consumptions = (
            rows.columns[name].tokens for name in ("meterpoint_id", "interval_start", "consumption_delta")
        )
        ids, is_id = _ids(rows.columns["meterpoint_id"])
        starts, dates, instants = self._half_hours(rows.columns["interval_start"])
        energies, is_energy = _energies(rows.columns["consumption_delta"])
        is_good = _of_rows(meterpoints, is_id) & _of_rows(consumptions, is_energy)
        if rows.are_sound is not None:
            is_good &= rows.are_sound
        particulars, are_good = columns(rows.extras, self._zone)
        for name, good in are_good.items():
            is_good &= _of_rows(rows.extras[name], good)
        is_plain = is_good & _of_rows(times, dates.is_valid())
        if (pc.max(dates).as_py() or date.min) > min(last_dates):
            days = dates.cast(pa.int32()).fill_null(0).to_numpy()[times.indices.to_numpy()]
            latest = np.array([day.toordinal() for day in last_dates]) - settlement.EPOCH.toordinal()
            is_plain &= days <= np.repeat(latest, rows.counts)

        chunks, ordinals = np.repeat(np.array(rows.chunks, np.int32), rows.counts), _ordinals(rows.counts)
        for index, count in zip(rows.chunks, rows.counts, strict=True):
            validated.row_counts[index] = count
        table = pa.table(
            {
                "chunk": chunks,
                "ordinal": ordinals,
                "meterpoint_id": ids.take(meterpoints.indices),
                "interval_start": starts.take(times.indices),
                "reference_date": dates.take(times.indices),
                "consumption_delta": energies.take(consumptions.indices),
                **particulars,
            }
        )
        is_odd = ~is_plain
        if instants.num_rows:
            is_beside = pc.equal(instants["first"], instants["second"])
            waits = is_good & _of_rows(times, pc.invert(is_beside).fill_null(fill_value=False))
            beside = is_plain & _of_rows(times, is_beside.fill_null(fill_value=False))
            is_odd &= ~waits
            for those, has_text in ((beside, False), (waits, True)):
                if those.any():
                    found = np.flatnonzero(those)
                    texts = rows.texts(pa.array(found)) if has_text else None
                    validated.around.append(_around(table, instants, times, found, texts))
        if is_odd.any():
            for index, ordinal in zip(chunks[is_odd].tolist(), ordinals[is_odd].tolist(), strict=True):
                validated.odd.setdefault(index, []).append(ordinal)
        validated.plain.append(table if np.all(is_plain) else table.filter(pa.array(is_plain)))

    def _half_hours(self, times: Values) -> tuple[pa.Array, pa.Array, pa.Table]:
        """What the rules make of times: starts and reference dates, null where a row is to be validated singly, or waits.

        And, if any is in or beside a repeated hour, the first and the second instant that each may mean, null elsewhere.
        """
        texts = times.tokens.dictionary.to_pylist()
        if times.are_texts is not None:
            texts = [text if is_text else "" for text, is_text in zip(texts, times.are_texts.to_pylist(), strict=True)]
        found = [self._half_hour(text) if len(text) <= _LONGEST_TIME else _ODD_TIME for text in texts]
        starts, dates, instants = zip(*found, strict=True)
        table = _NO_INSTANTS
        if any(instants):
            firsts, seconds = zip(*(both or (None, None) for both in instants), strict=True)
            table = pa.table([pa.array(firsts, pa.int64()), pa.array(seconds, pa.int64())], table.schema)
        return pa.array(starts, pa.int64()).cast(settlement.INSTANT), pa.array(dates, pa.date32()), table


def _around(
    table: pa.Table, instants: pa.Table, times: pa.DictionaryArray, rows: npt.NDArray[np.int64], texts: pa.Array | None
) -> pa.Table:
    """Some rows of a table that stand around repeated hours, of AROUND_SCHEMA but by their chunks.

    Args:
        table: all rows of some chunks.
        instants: what their different times may mean.
        times: of all rows.
        rows: the indexes of those around repeated hours.
        texts: what these say in their files, if they wait.
    """
    those = pa.array(rows)
    taken = table.drop_columns(["interval_start", "reference_date"]).take(those)
    meant = instants.take(times.indices.take(those))
    if texts is None:
        energies, texts = pa.nulls(len(rows), ENERGY), pa.nulls(len(rows), pa.string())
    else:
        energies = taken["consumption_delta"].cast(ENERGY)
    taken = taken.set_column(taken.column_names.index("consumption_delta"), "consumption_delta", energies)
    for name, column in (("first", meant["first"]), ("second", meant["second"]), ("raw_text", texts)):
        taken = taken.append_column(name, column)
    return taken


def _ids(meterpoints: Values) -> tuple[pa.Array, pa.Array]:
    """Meterpoint ids, and which are plainly good."""
    ids = meterpoints.tokens.dictionary
    is_id = pc.match_substring_regex(ids, _TEXT_ID)
    if _begins_with_any(ids, _FIRST_OF_NO_ID) or may_have_any(pc.ascii_lower(ids), _PARTS_OF_NO_ID):
        is_id = pc.and_not(is_id, pc.match_substring_regex(ids, _NO_ID))
    if not pc.all(is_id).as_py():
        left = pc.invert(is_id)
        asked = [why_no_id(text, is_number=False) is None for text in ids.filter(left).to_pylist()]
        is_id = pc.replace_with_mask(is_id, left, pa.array(asked, pa.bool_()))
    if meterpoints.are_texts is not None:
        is_id = pc.if_else(meterpoints.are_texts, is_id, pc.match_substring_regex(ids, _NUMBER_ID))
    return ids, is_id


def _begins_with_any(texts: pa.StringArray, characters: npt.NDArray[np.uint8]) -> bool:
    """Whether any text begins with one of some characters, each of one byte."""
    _, offsets, content = texts.buffers()
    begins = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    starts = begins[:-1][begins[1:] > begins[:-1]]
    return bool(len(starts)) and bool(np.isin(np.frombuffer(content, np.uint8)[starts], characters).any())


def _energies(consumptions: Values) -> tuple[pa.Array, pa.Array]:
    """Consumptions in kWh at the fewest decimals, and which are plainly good."""
    texts = consumptions.tokens.dictionary
    is_number = pc.match_substring_regex(texts, _CONSUMPTION)
    if pc.all(is_number).as_py():
        energies = texts.cast(ENERGY)
    else:
        left = pc.invert(is_number)
        if consumptions.are_texts is not None:
            left = pc.and_(left, pc.or_(consumptions.are_texts, pc.match_substring_regex(texts, _OTHER_NUMBER)))
        asked = pa.array(map(acceptable_kwh, texts.filter(left).to_pylist()), ENERGY)
        energies = pc.replace_with_mask(pc.if_else(is_number, texts, None).cast(ENERGY), left, asked)
    return fewest_decimals(energies), pc.less_equal(energies, _MOST_KWH).fill_null(fill_value=False)


def _of_rows(column: pa.DictionaryArray, verdicts: pa.Array) -> npt.NDArray[np.bool_]:
    """The verdicts on a column's different values as verdicts on its rows."""
    if pc.all(verdicts).as_py():
        return np.ones(len(column), np.bool_)
    found: npt.NDArray[np.bool_] = verdicts.to_numpy(zero_copy_only=False)[column.indices.to_numpy()]
    return found


def _half_hour(rules: RowRules, text: str) -> _Time:
    """What a time names by the rules, whatever row it is in."""
    validation = FileValidation(rules)
    verdict = validation.validate("any", text, NumberText("0"))
    instants = next(((around.first, around.second) for around in validation.around), None)
    if isinstance(verdict, Accepted):
        micros = (verdict.interval_start - settlement.EPOCH) // timedelta(microseconds=1)
        return micros, verdict.reference_date, instants
    return (None, None, instants) if isinstance(verdict, Waiting) else _ODD_TIME


def _ordinals(counts: Sequence[int]) -> npt.NDArray[np.int32]:
    """1, 2, 3 … up to each count."""
    ends = np.cumsum(counts, dtype=np.int32)
    ordinals: npt.NDArray[np.int32] = np.arange(1, ends[-1] + 1, dtype=np.int32) - np.repeat(ends - counts, counts)
    return ordinals
