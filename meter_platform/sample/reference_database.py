"""The reference database of a sample: products, meterpoints, and who agreed to what since when."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, NamedTuple

from meter_platform.sample.chance import Topic, draw, hex_ids
from meter_platform.sample.homes import ELECTRIC_CAR, STORAGE_HEATED, Case, Homes, case_of, kind_of
from meter_platform.sample.plan import SamplePlan
from meter_platform.sample.whole_files import replacing

_DAY: Final = timedelta(days=1)

_REGIONS: Final = (
    "Eastern",
    "East Midlands",
    "London",
    "Merseyside and North Wales",
    "Midlands",
    "Northern",
    "North Western",
    "North Scotland",
    "South Scotland",
    "South Eastern",
    "Southern",
    "South Wales",
    "South Western",
    "Yorkshire",
)
"""The GSP groups of Great Britain (Elexon)."""


class _Product(NamedTuple):
    """A product as customers know it.

    Attributes:
        display_name: its name, which all its versions share.
        is_variable: whether its price may change during an agreement. Those agreements end when the customer leaves.
        versions: how many product ids it has had.
    """

    display_name: str
    is_variable: bool
    versions: int


_FLEXIBLE: Final = _Product("Flexible Lantern", is_variable=True, versions=6)
_TRACKER: Final = _Product("Lantern Tracker", is_variable=True, versions=3)
_FIXED: Final = _Product("Lantern 12M Fixed", is_variable=False, versions=8)
_GREEN: Final = _Product("Greener Lantern 12M Fixed", is_variable=False, versions=3)
_LOYAL: Final = _Product("Loyal Lantern 12M Fixed", is_variable=False, versions=2)
_NIGHT: Final = _Product("Lantern Night Saver", is_variable=True, versions=2)
_DRIVE: Final = _Product("Lantern Drive", is_variable=True, versions=2)
_OUTGOING: Final = _Product("Outgoing Lantern 12M Fixed", is_variable=False, versions=2)

_PRODUCTS: Final = (_FLEXIBLE, _TRACKER, _FIXED, _GREEN, _LOYAL, _NIGHT, _DRIVE, _OUTGOING)
_FIRST_VERSION: Final = dict(
    zip(_PRODUCTS, accumulate((product.versions for product in _PRODUCTS), initial=0), strict=False)
)
"""The place of a product's first version among the versions of all."""

_SCHEMA: Final = """
CREATE TABLE agreement (
    agreement_id INTEGER,
    agreement_valid_from DATE,
    agreement_valid_to DATE,
    product_id TEXT,
    meterpoint_id TEXT,
    account_id TEXT
);
CREATE TABLE product (display_name TEXT, is_variable INTEGER, id INTEGER, product_id TEXT);
CREATE TABLE meterpoint (region TEXT, meterpoint_id TEXT);
"""


class _Term(NamedTuple):
    """One agreement: valid from its first day until the day before `until`, or until further notice."""

    since: date
    until: date | None
    product: _Product


def write_reference(plan: SamplePlan, homes: Homes, path: Path) -> int:
    """Write the reference database and return how many agreements it holds."""
    with replacing(path) as temporary, closing(sqlite3.connect(temporary)) as database:
        database.executescript("PRAGMA journal_mode = MEMORY; BEGIN;" + _SCHEMA)
        database.executemany("INSERT INTO product VALUES (?, ?, ?, ?)", _product_rows(plan))
        database.executemany(
            "INSERT INTO meterpoint VALUES (?, ?)",
            ((_REGIONS[index % len(_REGIONS)], name) for index, name in enumerate(homes.ids)),
        )
        inserted = database.executemany("INSERT INTO agreement VALUES (?, ?, ?, ?, ?, ?)", _agreement_rows(plan, homes))
        agreements = inserted.rowcount
        database.commit()
    return agreements


def _product_ids(plan: SamplePlan) -> list[str]:
    return hex_ids(plan.seed, Topic.PRODUCT_ID, sum(product.versions for product in _PRODUCTS))


def _product_rows(plan: SamplePlan) -> Iterator[tuple[Any, ...]]:
    versions = [product for product in _PRODUCTS for _ in range(product.versions)]
    for number, (product, product_id) in enumerate(zip(versions, _product_ids(plan), strict=True)):
        yield product.display_name, int(product.is_variable), 30 + 7 * number, product_id


def _agreement_rows(plan: SamplePlan, homes: Homes) -> Iterator[tuple[Any, ...]]:
    product_ids = _product_ids(plan)
    accounts = hex_ids(plan.seed, Topic.ACCOUNT_ID, plan.meterpoints)
    histories = draw(plan.seed, Topic.HISTORY, homes.number).tolist()
    agreement_id = 0
    for index, (meterpoint_id, history) in enumerate(zip(homes.ids, histories, strict=True)):
        # Panels belong to the customer next door, who has an account already.
        account_id = accounts[index - 1] if case_of(index) is Case.EXPORTS else accounts[index]
        # The newest comes first, as in an export of a system that shows the current agreement first.
        for term in reversed(_terms(plan, index, history)):
            agreement_id += 1
            version = (history + term.since.toordinal()) % term.product.versions
            yield (
                agreement_id,
                term.since.isoformat(),
                term.until and term.until.isoformat(),
                product_ids[_FIRST_VERSION[term.product] + version],
                meterpoint_id,
                account_id,
            )


def _terms(plan: SamplePlan, index: int, history: int) -> list[_Term]:
    """The agreements of one meterpoint, oldest first.

    They abut: a home has one at a time. What is special about some happens on the second day of the plan (or on its
    only one), so that a longer plan tells the same story.
    """
    eventful = min(plan.first + _DAY, plan.last)
    since = plan.first - timedelta(days=20 + history % 1100)
    fixed = (_FIXED, _GREEN, _LOYAL)[history // 1100 % 3]
    match case_of(index):
        case Case.NEVER_AGREED:
            terms = []
        case Case.SWITCHES:
            terms = [_Term(eventful - timedelta(days=365), eventful, fixed), _Term(eventful, None, _FLEXIBLE)]
        case Case.EXPORTS:
            terms = _renewed(since, _OUTGOING, plan.last)
        case Case.LAPSES:
            terms = [_Term(since, eventful, _FLEXIBLE), _Term(eventful + _DAY, None, _TRACKER)]
        case Case.CANCELS:
            terms = [_Term(since, None, _FLEXIBLE), _Term(eventful, eventful, fixed)]
        case _:
            timed = {STORAGE_HEATED: _NIGHT, ELECTRIC_CAR: _DRIVE}.get(kind_of(index))
            year_later = _year_after(since)
            choices = (
                [_Term(since, None, timed or _FLEXIBLE)],
                _renewed(since, fixed, plan.last),
                [_Term(since, year_later, fixed), _Term(year_later, None, _FLEXIBLE)],
            )
            # Whoever has a load on a timer has a product to go with it.
            terms = choices[0 if timed else history // 5000 % len(choices)]
            if history // 20_000 % 12 == 0:  # cancelled on the day they joined, and chose again
                terms.insert(0, _Term(since, since, _FIXED))
    return terms


def _renewed(since: date, product: _Product, last: date) -> list[_Term]:
    """Agreements of a year each, until one covers the `last` day."""
    terms = [_Term(since, _year_after(since), product)]
    while (until := _year_after(terms[-1].since)) <= last:
        terms.append(_Term(until, _year_after(until), product))
    return terms


def _year_after(day: date) -> date:
    # Most years lack a 29 February; an agreement from one runs through the 28th of the next.
    return date(day.year + 1, 3, 1) if (day.month, day.day) == (2, 29) else day.replace(year=day.year + 1)
