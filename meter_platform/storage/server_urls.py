"""Postgres URLs as text: the same server with another database, and a URL that is fit to be shown.

What belongs here: taking a URL apart and putting it together. What does not: connecting, or deciding which URL.
`urllib.parse` alone will not do: it loses the empty host of `postgresql:///name` and ends a URL at `#`, which is an
ordinary character of a password to libpq.
"""

import re
from typing import Final
from urllib.parse import quote, unquote

HIDDEN: Final = "***"
"""What is printed in place of a secret, whatever its length."""

_URL: Final = re.compile(
    r"(?P<server>[^:/?@]+://(?:[^@/]*@)?[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?", re.DOTALL
)
"""Where libpq cuts a URL: credentials end at the first `@` that comes before any `/`, and may hold a `?`."""

_SECRET_KEY: Final = re.compile(r"pass|pwd|secret|token|credential|signature", re.IGNORECASE)
"""Query keys whose values are never shown: libpq's `password`, `sslpassword`, and what other drivers call theirs."""

_DSN_SECRET: Final = re.compile(
    r"""(\b\w*(?:pass|pwd|secret|token)\w*\s*=\s*)(?:'(?:\\.|[^'\\])*'?|(?:\\.|[^\s'\\])+)""", re.IGNORECASE | re.DOTALL
)
"""A secret in libpq's other notation, `host=… password='…'`, with its quotes and escapes."""


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


def redact(url: str) -> str:
    """`url` without any password, for logs, errors and the screen.

    Where a URL can be read in two ways (a password with an unencoded `@`, `/` or `?`) more is hidden than need be,
    never less.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _DSN_SECRET.sub(rf"\g<1>{HIDDEN}", url)
    credentials, at, server = rest.rpartition("@")
    if at:
        user, colon, _ = credentials.partition(":")
        rest = f"{user}{colon}{HIDDEN if colon else ''}@{server}"
    head, mark, query = rest.partition("?")
    return f"{scheme}://{head}{mark}{'&'.join(map(_redact_parameter, query.split('&')))}"


def _redact_parameter(part: str) -> str:
    key, equals, _ = part.partition("=")
    return f"{key}{equals}{HIDDEN}" if equals and _SECRET_KEY.search(unquote(key)) else part
