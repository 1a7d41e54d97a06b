"""The key by which erased meterpoints are recognised: where it is, and making one.

What belongs here: reading it from the settings or from its file. What does not: what is made of it (`pseudonyms.py`).

It is never in the database: whoever has a copy of the database alone, such as a backup, cannot try out ids.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from meter_platform.errors import SettingsError
from meter_platform.ingestion.pseudonyms import KEY_BYTES, Pseudonyms
from meter_platform.settings import Settings

FILE_NAME: Final = "erasure.key"


def key_file(settings: Settings) -> Path:
    """Where the key is where the settings have none."""
    return settings.home / FILE_NAME


def read(settings: Settings) -> Pseudonyms | None:
    """The pseudonyms of the key; `None` where there is no key.

    Raises:
        SettingsError: the key cannot be read.
    """
    if settings.erasure_key:
        return _parsed(settings.erasure_key, "METER_PLATFORM_ERASURE_KEY")
    try:
        return _parsed(key_file(settings).read_text(encoding="ascii"), str(key_file(settings)))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(f"The erasure key {key_file(settings)} cannot be read: {why}.") from None


def read_or_make(settings: Settings) -> Pseudonyms:
    """As `read`, but makes a key where there is none: in a file that its owner alone can read."""
    if found := read(settings):
        return found
    path = key_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not there: it is written aside, and linked to its name, which fails where another process was first.
    aside = path.with_name(f".{FILE_NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(aside, path)
    aside.unlink()
    return read_or_make(settings)


def _parsed(text: str, where: str) -> Pseudonyms:
    try:
        return Pseudonyms(bytes.fromhex(text.strip()))
    except ValueError:
        raise SettingsError(
            f"{where} is no erasure key: it is {2 * KEY_BYTES} hexadecimal digits (openssl rand -hex {KEY_BYTES} makes one)."
        ) from None
