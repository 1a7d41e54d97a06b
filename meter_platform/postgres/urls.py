"""Postgres URLs as text: whether one means what it says, and the same server with another database.

What belongs here: taking a URL apart and putting it together. What does not: connecting, deciding which URL, and what
of one may be shown (`meter_platform/redaction.py`).
`urllib.parse` alone will not do: it loses the empty host of `postgresql:///name` and ends a URL at `#`, which is an
ordinary character of a password to libpq.
"""

import re
from typing import Final
from urllib.parse import quote, unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

_URL: Final = re.compile(
    r"(?P<server>[^:/?@]+://(?:[^@/]*@)?(?P<hosts>[^/?]*))(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?", re.DOTALL
)
"""Where libpq cuts a URL: credentials end at the first `@` that comes before any `/`, and may hold a `?`."""

_WRITTEN_WRONGLY: Final = (
    "is written wrongly, or can be read in two ways: in user and password write every @ as %40, : as %3A, / as %2F, "
    "? as %3F, # as %23 and % as %25, and the port as a number (the URL is not shown, for it may hold a password)"
)

_PORTS: Final = re.compile(r"(?:[0-9]*,)*[0-9]*")


def database_url(url: str, database: str) -> str:
    """The URL of another database on the same server, with the same account and the same parameters.

    Args:
        url: `postgresql://…` with or without host, password and query; a driver suffix (`+psycopg2`) is kept.
        database: the plain, unencoded name.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("not a Postgres URL: it does not begin with postgresql://")
    server, query = found["server"], found["query"] or ""
    # libpq lets a `dbname` in the query win over the path.
    kept = "&".join(part for part in query.split("&") if unquote(part.partition("=")[0]) != "dbname")
    return f"{server}/{quote(database, safe='')}" + (f"?{kept}" if kept else "")


def check_url(url: str) -> dict[str, str]:
    """What libpq makes of a URL, if nobody could make anything else of it.

    Returns:
        Its parameters by libpq's names, decoded.

    Raises:
        ValueError: saying what is wrong without a character of the URL: where it is written wrongly, any part of it may
            be one of the password.
    """
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.Error:
        raise ValueError(_WRITTEN_WRONGLY) from None
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(_WRITTEN_WRONGLY)
    if "@" in found["hosts"] or "@" in (found["database"] or "") or not _PORTS.fullmatch(parameters.get("port", "")):
        raise ValueError(_WRITTEN_WRONGLY)
    return parameters
