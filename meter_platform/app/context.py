"""What every page starts from: the reader, the reference dates chosen, and cached figures.

What belongs here: the frame around a page's content. What does not: any one page's content, SQL.

The chosen dates are in the URL (`?from=2021-01-01&to=2021-01-03`), so that whoever is given the link sees the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import pandas as pd
import pyarrow as pa
import streamlit as st

from meter_platform.app import messages
from meter_platform.app.figures import Figure
from meter_platform.errors import MeterPlatformError, ServerUnavailableError
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse import put_away
from meter_platform.warehouse.database import open_database
from meter_platform.warehouse.reader import READINGS, Reader

_EARLIEST: Final = date(1990, 1, 1)
_LATEST: Final = date(2100, 12, 31)
"""What the calendar of the date choice spans: half-hourly metering, with room on both sides."""

_AT_FIRST_DAYS: Final = 31
"""How many of the newest days are shown until someone chooses."""

_STYLE: Final = (
    "<style>[data-testid=stMainBlockContainer] {padding-top: 2.5rem; padding-bottom: 3rem}"
    "textarea {font-family: monospace !important}"
    "[data-testid=stApp]:has([data-testid=stMain] [data-testid=stSkeleton])::after "
    "{content: 'Loading the page …'; position: fixed; top: 0.75rem; left: 50%; transform: translateX(-50%); "
    "padding: 0.25rem 1rem; border-radius: 0.5rem; background: #31333F; color: #FFFFFF; z-index: 1000000}</style>"
)
"""Less room above a title than Streamlit leaves, and even letters for typed SQL. And a note as long as a part of the page
is not drawn: Streamlit calls a page done once its script has run, while a slow browser still loads what draws the figures.
Where Streamlit renames its blocks, nothing happens."""

_CACHE_SECONDS: Final = 300
"""How long a figure is kept at most, should anything change without a load."""


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows.

    Attributes:
        settings: of the platform.
        reader: of its database.
        first: the first reference date chosen.
        last: the last, included.
        stored: reference dates for which analytics are stored, in order.
        loaded: reference dates for which readings are stored, in order.
        stamp: changes when anything is loaded.
    """

    settings: Settings
    reader: Reader
    first: date
    last: date
    stored: tuple[date, ...]
    loaded: tuple[date, ...]
    stamp: str

    def load(self, figure: Figure) -> pa.Table:
        """A figure over the chosen dates; from memory while nothing has been loaded since."""
        return _figure(self.reader, figure.__name__, self.first, self.last, self.stamp, figure)

    def frame(self, figure: Figure) -> pd.DataFrame:
        """The same for drawing: exact decimals as `Decimal`, instants in the market's zone."""
        frame: pd.DataFrame = self.load(figure).to_pandas(date_as_object=True)
        return frame

    @property
    def link(self) -> dict[str, str]:
        """The chosen dates as the URL has them, for links to other pages."""
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}

    @property
    def stem(self) -> str:
        """The chosen dates for names of files."""
        return f"{self.first}" if self.first == self.last else f"{self.first}_{self.last}"


@contextmanager
def page(title: str, lead: str, *, rows: bool = False) -> Iterator[View]:
    """The frame of a page: its title, the choice of dates, and errors in a sentence.

    Args:
        title: of the page.
        lead: one sentence that says what it shows.
        rows: it shows rows of single meterpoints, and is closed while those must not be told apart.
    """
    st.html(_STYLE)
    st.title(title, anchor=False)
    st.caption(lead)
    try:
        settings, reader = open_reader()
        loads = reader.loads()
        stored = tuple(sorted({day for table, days in loads.items() if table.startswith("analytics.") for day in days}))
        first, last = _choose_dates(stored)
        if rows and settings.minimum_meterpoints:
            st.info(
                f"This page shows single meterpoints. It is closed while {PREFIX}MINIMUM_METERPOINTS is set "
                f"(to {settings.minimum_meterpoints}).",
                icon=":material/lock:",
            )
            st.stop()
        if not stored:
            waiting = len(loads[READINGS])
            st.info(
                "Nothing is stored yet. "
                + (f"Readings of {waiting} dates are loaded, but no analytics. " if waiting else "")
                + "`meter-platform demo` loads the generated sample, `meter-platform run --reference-date D` a date."
            )
            st.stop()
        if last >= settings.clock_date():
            st.info(
                f"{last} has not ended: of it this page shows what has come so far.", icon=":material/hourglass_top:"
            )
        yield View(settings, reader, first, last, stored, tuple(sorted(loads[READINGS])), Reader.stamp_of(loads))
    except ServerUnavailableError as error:
        _resources.clear()  # the next run of a page opens the database anew, and starts the embedded server
        messages.failure("The database cannot be read now. Load the page again in a moment.", str(error))
        st.stop()
    except MeterPlatformError as error:
        messages.failure("This page cannot be shown.", str(error))
        st.stop()


def say_put_away(days: Sequence[date]) -> None:
    """Says that readings of dates are in the lake alone, where there are such dates: no figure is to be taken for none."""
    if days:
        st.info(put_away.sentence(days), icon=":material/inventory_2:")


def open_reader() -> tuple[Settings, Reader]:
    """The settings of this process, and the reader of their database."""
    return _resources()


@st.cache_resource(show_spinner=False)
def _resources() -> tuple[Settings, Reader]:
    settings = Settings.from_environment()
    return settings, Reader(open_database(settings), settings.timezone)


@st.cache_data(
    show_spinner=False,
    max_entries=200,
    ttl=_CACHE_SECONDS,
    hash_funcs={Reader: lambda reader: (reader.database.url, reader.timezone)},
)
def _figure(reader: Reader, name: str, first: date, last: date, stamp: str, _compute: Figure) -> pa.Table:
    del name, stamp  # part of what the result is kept by; what computes it (with an underscore, to Streamlit) is not
    return _compute(reader, first, last)


def _choose_dates(stored: tuple[date, ...]) -> tuple[date, date]:
    """The date choice of the sidebar, in step with the URL."""
    if "dates_input" not in st.session_state:
        st.session_state["dates_input"] = (
            _from_url() or st.session_state.get("dates") or _newest(stored, _AT_FIRST_DAYS)
        )
    with st.sidebar:
        chosen = st.date_input(
            "Reference dates", key="dates_input", min_value=_EARLIEST, max_value=_LATEST, format="YYYY-MM-DD"
        )
        if stored:
            with st.container(horizontal=True, gap="medium"):
                for label, days in (("Day", 1), ("Week", 7), ("Month", 31), ("All", None)):
                    newest = _newest(stored, days)
                    st.button(
                        label,
                        key=f"dates_{label}",
                        on_click=_set_dates,
                        args=(newest,),
                        type="tertiary",
                        help=f"{newest[0]} to {newest[1]}",
                    )
            st.caption(
                f"{len(stored):,} {'date is' if len(stored) == 1 else 'dates are'} stored  \n{stored[0]} to {stored[-1]}"
            )
    # Between the two clicks of a range the widget holds one date: the page stays as it was until the second.
    dates = chosen if isinstance(chosen, tuple) and len(chosen) == 2 else st.session_state.get("dates")  # noqa: PLR2004 - a range
    first, last = dates or _newest(stored, _AT_FIRST_DAYS)
    st.session_state["dates"] = (first, last)
    texts = {"from": first.isoformat(), "to": last.isoformat()}
    if any(st.query_params.get(name) != text for name, text in texts.items()):
        st.query_params.update(texts)
    return first, last


def _set_dates(dates: tuple[date, date]) -> None:
    st.session_state["dates_input"] = dates


def _from_url() -> tuple[date, date] | None:
    """The dates that the URL names; one date alone is a range of one; nothing that is no date."""
    texts = st.query_params.get("from"), st.query_params.get("to")
    try:
        dates = [min(max(date.fromisoformat(text), _EARLIEST), _LATEST) for text in texts if text]
    except ValueError:
        return None
    return (min(dates), max(dates)) if dates else None


def _newest(stored: tuple[date, ...], days: int | None) -> tuple[date, date]:
    """The newest so many days up to the newest stored date; all of them where `days` is None."""
    if not stored:
        today = date.today()  # noqa: DTZ011 - a starting point of the calendar, of no meaning
        return today, today
    last = stored[-1]
    return (stored[0] if days is None else max(stored[0], last - timedelta(days=days - 1))), last
