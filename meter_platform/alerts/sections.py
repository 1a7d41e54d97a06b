"""One incident in the words that every form of a message shows.

What belongs here: which facts are shown, and how times read. What does not: layout and escaping (`message.py`,
`mail_page.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from meter_platform.alerts.ledger import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One incident as it is shown.

    Attributes:
        title: what is wrong, or was.
        is_over: whether it is over.
        facts: label and value, in the order in which they are shown.
        advice: what to do; empty where it is over.
        link: the whole URL of a page about it, or empty.
        link_text: what that page is.
    """

    title: str
    is_over: bool
    facts: Sequence[tuple[str, str]]
    advice: str
    link: str
    link_text: str

    @property
    def headline(self) -> str:
        """The title, which says whether it is over."""
        return f"Over: {self.title}" if self.is_over else self.title


def section_of(notice: Notice, *, zone: ZoneInfo, ui_url: str | None) -> Section:
    """What is shown of an incident.

    Args:
        notice: what is to be said of it.
        zone: of the times that are shown.
        ui_url: where people reach the Dagster UI; without it there is no link.
    """
    incident, over = notice.incident, notice.over_since
    facts = [("Since", _time(incident.began, zone))]
    if over:
        facts.append(("Over since", f"{_time(over, zone)}, after {_span(over - incident.began)}"))
    return Section(
        title=incident.title,
        is_over=over is not None,
        facts=[*facts, *incident.facts.items()],
        advice="" if over else incident.advice,
        link=f"{ui_url.rstrip('/')}{incident.link}" if ui_url and incident.link else "",
        link_text=incident.link_text,
    )


def _time(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _span(duration: timedelta) -> str:
    minutes = max(round(duration.total_seconds() / 60), 1)
    if minutes < 120:  # noqa: PLR2004 - of two hours and more nobody wants the minutes
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"  # noqa: PLR2004 - as above
