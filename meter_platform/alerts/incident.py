"""What an incident is: one thing that is wrong, from when it began until it is over.

What belongs here: what is known of an incident. What does not: what has been told of it (`ledger.py`), and how it reads in
a message (`message.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that is wrong now. No text of it holds a secret or names a meterpoint.

    Attributes:
        key: says what is wrong. An incident with the key of an open one is that incident.
        kind: of the question that found it; when the question cannot be asked, its incidents stay as they are.
        title: in some words, such as "Run failed: 2021-01-01".
        began: when, as far as is known.
        facts: what a person wants to know first, by label.
        advice: what to do, in a sentence or two.
        link: the page of the Dagster UI about it, as a path from its root; empty without one.
        link_text: what the page is.
        tell_after: how long it has to last to be told: what heals by itself within that is not.
        not_by: the channel that cannot tell it, for the incident is that channel's.
    """

    key: str
    kind: str
    title: str
    began: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""
    link: str = ""
    link_text: str = ""
    tell_after: timedelta = timedelta(0)
    not_by: str = ""
