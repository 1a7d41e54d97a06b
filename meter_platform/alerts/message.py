"""How incidents read: an e-mail's subject, text and HTML, and a text for a chat.

What belongs here: the forms of a message, and escaping for each. What does not: what is shown of an incident
(`sections.py`), the HTML (`mail_page.py`), sending.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from meter_platform.alerts.ledger import Notice
from meter_platform.alerts.mail_page import page
from meter_platform.alerts.sections import Section, section_of

NAME: Final = "Meter platform"

_MOST_SHOWN: Final = 20
"""Incidents of one message that are shown with their facts; of the others it says how many they are."""

_FOOTER: Final = (
    "There is one message when something begins to be wrong, and one when it is over. What needs attention now: "
    "meter-platform status."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, in every form that a channel may need.

    Attributes:
        subject: a line.
        text: plain text.
        html: the same as a document.
        slack: the same in Slack's notation.
        identity: names the message among all that ever were; the same where it is sent again.
        answers: the identity of the message that said that the incident has begun, where this one says that it is over.
    """

    subject: str
    text: str
    html: str
    slack: str
    identity: str
    answers: str = ""


def compose(notices: Sequence[Notice], *, zone: ZoneInfo, ui_url: str | None) -> Message:
    """The message about one incident, or about several that are due at the same time.

    Args:
        notices: at least one.
        zone: of the times that are shown.
        ui_url: where people reach the Dagster UI; without it there is no link.
    """
    sections = [section_of(notice, zone=zone, ui_url=ui_url) for notice in notices[:_MOST_SHOWN]]
    more = f"And {len(notices) - len(sections):,} more." if len(notices) > len(sections) else ""
    subject = _line(sections[0].headline if len(notices) == 1 else _counted(notices))
    began = [Notice(each.incident, each.found_at) for each in notices]
    return Message(
        subject=f"[{NAME}] {subject}",
        text=_text(sections, more),
        html=page(subject, sections, more, _FOOTER),
        slack=_slack(sections, more),
        identity=_identity(notices),
        answers=_identity(began) if all(each.over_since for each in notices) else "",
    )


def _counted(notices: Sequence[Notice]) -> str:
    over = sum(notice.over_since is not None for notice in notices)
    parts = [f"{count:,} {what}" for count, what in ((len(notices) - over, "began"), (over, "over")) if count]
    return f"{len(notices):,} incidents: {', '.join(parts)}"


def _identity(notices: Sequence[Notice]) -> str:
    parts = sorted(f"{each.incident.key} {each.found_at.isoformat()} {each.over_since is not None}" for each in notices)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()


def _text(sections: Sequence[Section], more: str) -> str:
    width = max(len(label) for section in sections for label, _ in section.facts)
    blocks = []
    for section in sections:
        lines = [_line(section.headline), ""]
        lines += [f"  {label:<{width}}  {_line(value)}" for label, value in section.facts]
        if section.advice:
            lines += ["", section.advice]
        if section.link:
            lines += ["", f"{section.link_text}: {section.link}"]
        blocks.append("\n".join(lines))
    return "\n\n\n".join([*blocks, *([more] if more else []), f"-- \n{_FOOTER}\n"])


def _slack(sections: Sequence[Section], more: str) -> str:
    blocks = []
    for section in sections:
        lines = [f"{':white_check_mark:' if section.is_over else ':rotating_light:'} *{_mrkdwn(section.headline)}*"]
        lines += [f"{_mrkdwn(label)}: {_mrkdwn(value)}" for label, value in section.facts]
        if section.advice:
            lines.append(_mrkdwn(section.advice))
        if section.link:
            lines.append(f"<{_escaped(section.link)}|{_mrkdwn(section.link_text)}>")
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, *([more] if more else [])])


def _mrkdwn(text: str) -> str:
    """A line that Slack shows as it is: a word joiner keeps a mark from being one, as in a quoted `*`."""
    shown = _escaped(_line(text))
    for mark in "*~`":
        shown = shown.replace(mark, f"\u2060{mark}")
    return shown


def _escaped(text: str) -> str:
    """Slack has these three characters replaced, and no others."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _line(text: str) -> str:
    """A text without line ends: a header has none, and a fact is one line."""
    return " ".join(text.split())
