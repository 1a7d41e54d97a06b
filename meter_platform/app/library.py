"""The library of ready queries: `queries/*.sql`, each with its title and what it answers in its first lines.

What belongs here: reading them. What does not: running them. They are files for psql as much as for the app:
`psql -v first=2021-01-01 -v last=2021-01-31 -f query.sql`.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Final

_COMMENT: Final = "-- "


@dataclass(frozen=True, slots=True)
class ReadyQuery:
    """One query of the library.

    Attributes:
        name: of its file, without ending.
        title: its first line.
        answers: what it shows, in a sentence or two.
        text: the SQL, with `:'first'` and `:'last'` where the reference dates go.
    """

    name: str
    title: str
    answers: str
    text: str

    def over(self, first: date, last: date) -> str:
        """The SQL for a range of reference dates, ready to be read, changed and run."""
        return self.text.replace(":'first'", f"date '{first}'").replace(":'last'", f"date '{last}'")


@cache
def ready_queries() -> dict[str, ReadyQuery]:
    """The library by name, in the order of names."""
    files = (file for file in resources.files("meter_platform.app").joinpath("queries").iterdir())
    queries = [
        _parse(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in files
        if file.name.endswith(".sql")
    ]
    return {query.name: query for query in sorted(queries, key=lambda query: query.name)}


def _parse(name: str, text: str) -> ReadyQuery:
    lines = text.splitlines()
    comments = 0
    while lines[comments].startswith(_COMMENT):
        comments += 1
    title, *answers = (line.removeprefix(_COMMENT) for line in lines[:comments])
    return ReadyQuery(
        name=name, title=title, answers=" ".join(answers), text="\n".join(lines[comments:]).strip() + "\n"
    )
