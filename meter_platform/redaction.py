"""What may be shown of things that came from outside: URLs without secrets, and short quotations.

What belongs here: the rules for text that goes into messages, logs, Dagster's metadata and the screen. What does not:
deciding whether a URL can be used (who opens it does), and messages themselves.

What is shown of a URL is chosen, not what is hidden: whatever does not have the plain form of a user name, a host, a
path or a parameter known to be harmless is replaced by `***`. So a URL that is written wrongly shows less, never more.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

HIDDEN: Final = "***"
"""What is printed in place of a secret, whatever its length."""

LONGEST_QUOTATION: Final = 60
"""Characters of a foreign text that a message repeats: enough to recognise it by."""

_CUT_TO: Final = 200
"""Characters of a text that a quotation is made from: the rest of a long text is not read. An escaped one may become ten."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_WITHOUT_SERVER: Final = {"file", "local", "memory", "sqlite", "sqlite+pysqlite"}
"""URLs of these are paths: an `@` in them separates nothing."""

_USERINFO: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@")
_USER: Final = re.compile(r"[\w.+%~-]*", re.ASCII)
_HOST: Final = r"(?:\[[0-9A-Fa-f:.%]*\]|[\w.%~-]*)(?::[0-9]*)?"
_HOSTS: Final = re.compile(f"{_HOST}(?:,{_HOST})*", re.ASCII)

_HARMLESS: Final = frozenset(
    (
        "anon",
        "application_name",
        "authenticator",
        "channel_binding",
        "charset",
        "client_encoding",
        "connect_timeout",
        "database",
        "dbname",
        "driver",
        "encrypt",
        "endpoint_url",
        "fallback_application_name",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "max_protocol_version",
        "min_protocol_version",
        "mode",
        "options",
        "port",
        "read_timeout",
        "region",
        "require_auth",
        "requirepeer",
        "service",
        "ssl",
        "ssl_ca",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcompression",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
        "timeout",
        "tls",
        "trustservercertificate",
        "uri",
        "user",
    )
)
"""Parameters whose values are shown, in lower case."""

_PAIR: Final = re.compile(r"""(\s*(\w+)\s*=\s*)('(?:\\.|[^'\\])*'|(?:\\.|[^\s'\\])*)(?=\s|\Z)""", re.DOTALL)
"""One parameter in libpq's other notation, `host=… password='…'`, with its quotes and escapes."""

_DSN: Final = re.compile(rf"(?:{_PAIR.pattern})+\s*", re.DOTALL)

_SECRET: Final = re.compile(r"(?:pass|pwd|secret|token|key|sig)\w*\s*=", re.IGNORECASE)

_SEPARATORS: Final = re.compile(r"[^A-Za-z0-9]+")
"""Where a program may cut a URL, wrongly where a password holds such a character unencoded. The fragments are hidden, too."""

_SHORTEST_FRAGMENT: Final = 4
"""Fragments of a secret that are shorter are not hidden: they tell nothing of it, and messages would be full of gaps."""

_MARKDOWN: Final = re.compile(r"([\\`*\[\]<>|~$]|(?<!\w)_|_(?!\w))")
"""What Markdown, and what Streamlit makes of it, would act on in the middle of a line."""


def redact(url: str) -> str:
    """`url` without anything secret, for logs, errors and the screen.

    Takes URLs of libpq, SQLAlchemy and fsspec, libpq's `key=value` strings, and plain paths. Where a URL can be read in
    two ways (a password with an unencoded `@`, `/` or `?`) more is hidden than need be, never less.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _redact_without_scheme(url)
    if not _SCHEME.fullmatch(scheme.rpartition("::")[2]):
        return HIDDEN
    if "::" in url:  # of fsspec: one URL inside another
        return f"{scheme}://{HIDDEN if '@' in rest else _redact_query(rest)}"
    without_server = scheme.lower() in _WITHOUT_SERVER and rest.startswith("/")
    return f"{scheme}://{_redact_query(rest) if without_server else _redact_server(rest)}"


def is_host(text: str) -> bool:
    """Whether a text has the form of a host, or of several: what a program takes for one may be a part of a password."""
    return _HOSTS.fullmatch(text) is not None


def redact_text(text: str, *urls: str | None) -> str:
    """A text that others wrote (a driver, a library) without what `redact` hides of the URLs it may be about."""
    secrets = {secret for url in urls if url for secret in _secrets(url) if len(secret) >= _SHORTEST_FRAGMENT}
    if not secrets:
        return text
    longest_first = sorted(secrets, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), HIDDEN, text)


def without_secrets(url: str) -> str:
    """The URL of a file as a key: without secrets, and for two files never the same.

    User and password are dropped. Values in the query that may be secret are replaced by a digest of them all.
    """
    plain = _USERINFO.sub(r"\1", url)
    head, mark, query = plain.partition("?")
    shown = _redact_query(mark + query)
    if shown == mark + query:
        return plain
    return f"{head}{shown}#{hashlib.blake2b(query.encode(), digest_size=8).hexdigest()}"


def quoted(value: object) -> str:
    """A foreign value as a short quotation: one line, at most some 60 characters, and nothing that Markdown acts on."""
    text = str(value)
    inner = text[:_CUT_TO].encode("unicode_escape").decode("ascii") if not text.isprintable() else text[:_CUT_TO]
    whole = len(inner) <= LONGEST_QUOTATION and len(text) <= _CUT_TO
    shown = inner if whole else inner[:LONGEST_QUOTATION]
    escaped = _MARKDOWN.sub(r"\\\1", shown)
    return f'"{escaped}"' if whole else f'"{escaped}…" ({len(text):,} characters)'


def _redact_server(rest: str) -> str:
    """What stands behind `scheme://`."""
    credentials, at, place = rest.rpartition("@")
    shown = ""
    if at:
        if any(character in credentials for character in "/?"):
            return HIDDEN  # a password, or a path: who can tell
        user, colon, _ = credentials.partition(":")
        shown = (user if _USER.fullmatch(user) else HIDDEN) + (f":{HIDDEN}" if colon else "") + at
    place = _redact_query(place)
    hosts = re.split("[/?]", place, maxsplit=1)[0]
    if not _HOSTS.fullmatch(hosts):
        return f"{shown}{HIDDEN}"
    return f"{shown}{place}"


def _redact_without_scheme(text: str) -> str:
    """What is no URL: a path, libpq's other notation, or a URL whose beginning was forgotten."""
    if _DSN.fullmatch(text):
        return _PAIR.sub(lambda pair: pair[0] if pair[2].lower() in _HARMLESS else f"{pair[1]}{HIDDEN}", text)
    if _SECRET.search(text) and not text.startswith(("/", ".", "~")):
        return HIDDEN
    if text.startswith(("/", ".", "~")) and not text.startswith("//"):
        return text
    return HIDDEN if "@" in text else _redact_query(text)


def _redact_query(place: str) -> str:
    """The part behind the credentials, with values of harmless parameters only."""
    head, mark, query = place.partition("?")
    return f"{head}{mark}{'&'.join(map(_redact_parameter, query.split('&')))}" if mark else head


def _redact_parameter(part: str) -> str:
    key, equals, value = part.partition("=")
    if not part:
        return part
    if equals and unquote(key).lower() in _HARMLESS and "=" not in value and "@" not in value:
        return part
    return f"{key}={HIDDEN}" if equals and _USER.fullmatch(key) else HIDDEN


def _secrets(url: str) -> Iterator[str]:
    """All that `redact` hides of a URL, whole and in the fragments into which a program may have cut it."""
    shown = redact(url)
    if HIDDEN not in shown:
        return
    scheme, _, rest = url.partition("://")
    if not _SCHEME.fullmatch(scheme.rpartition("::")[2]):
        rest = url  # what stands before a `://` of a password is no scheme, and as secret as what follows
    hidden = [rest or url]
    credentials, at, _ = rest.rpartition("@")
    if at:
        hidden += [credentials, credentials.partition(":")[2]]
        first, first_at, _ = rest.partition("@")
        hidden += [first.partition(":")[2]] if first_at else []
    for part in re.split("[?&\\s]", rest or url):
        _, equals, value = part.partition("=")
        hidden += [value] if equals else []
    hidden += [fragment for text in tuple(hidden) for fragment in _SEPARATORS.split(text)]
    for text in hidden:
        for form in (text, unquote(text)):
            if form not in shown:
                yield form
