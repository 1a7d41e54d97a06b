"""Who may push readings: the tokens that senders show.

What belongs here: reading the setting, and recognising a token. What does not: how a token comes.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from meter_platform.errors import SettingsError

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SHORTEST: Final = 16


class Senders:
    """The senders that are known, each by a digest of its token.

    Args:
        given: `name:token`, with blanks or line breaks between them. A name is that of the sender's folder; several
            tokens may have one name, so that one can be replaced without a gap.

    Raises:
        SettingsError: it is not written so; without a token in its text.
    """

    def __init__(self, given: str) -> None:
        self._digests: Mapping[bytes, str] = dict(map(_sender, given.split()))
        if not self._digests:
            raise SettingsError("METER_PLATFORM_RECEIVE_TOKENS names no sender: write name:token, with blanks between.")

    def name_of(self, token: str) -> str | None:
        """The name of the sender with that token; `None` where there is none. It takes as long for every token."""
        shown = _digest(token)
        found = None
        for digest, name in self._digests.items():
            if hmac.compare_digest(digest, shown):
                found = name
        return found


def is_name(name: str) -> bool:
    """Whether a sender may have that name: it is a folder's, too."""
    return bool(_NAME.fullmatch(name))


def _sender(text: str) -> tuple[bytes, str]:
    name, _, token = text.partition(":")
    if not is_name(name):
        raise SettingsError(
            "METER_PLATFORM_RECEIVE_TOKENS has a sender whose name is not of small letters, digits, - and _: "
            "write name:token, with blanks between."
        )
    if len(token) < _SHORTEST:
        raise SettingsError(
            f"METER_PLATFORM_RECEIVE_TOKENS: the token of {name} has fewer than {_SHORTEST} characters; "
            "`openssl rand -hex 24` makes one."
        )
    return _digest(token), name


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
