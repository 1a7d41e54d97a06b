"""Where a lake is, what is asked of its store, and what the store's refusals mean.

What belongs here: options, the probe of a store that is new to a process, errors. What does not: tables.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa

from meter_platform.errors import PermanentError, SettingsError, TransientError, first_line
from meter_platform.redaction import redact, redact_text

VARIABLE: Final = "METER_PLATFORM_LAKE_URL"

_PATIENCE: Final = {
    "max_retries": "20",
    "retry_timeout": "120s",
    "backoff_config.init_backoff": "250ms",
    "backoff_config.max_backoff": "15s",
    "backoff_config.base": "2",
}
"""A store that says that it is busy is waited for for two minutes at most."""

_CREDENTIALS: Final = (
    "give credentials that are valid by the usual AWS variables, a profile, or the role of the machine"
)

_REFUSED: Final = (
    (r"NoSuchBucket", f"there is no such bucket: create it, or correct {VARIABLE}"),
    (r"AccessDenied|lacked the necessary privileges|403 Forbidden", "grant s3:ListBucket, GetObject, PutObject, DeleteObject"),
    (r"InvalidAccessKeyId|SignatureDoesNotMatch|no providers in chain|not loaded|Unauthenticated", _CREDENTIALS),
    (r"InvalidCertificate|UnknownIssuer|invalid peer certificate", "the store's certificate is not trusted"),
    (r"Permission denied|Read-only file system", "let this account write there"),
)  # fmt: skip
"""What nobody but a person can mend, by words of the store."""

_EXPIRED: Final = r"ExpiredToken|TokenRefreshRequired|RequestExpired|InvalidToken"


class LakeRefusedError(PermanentError):
    """The lake's store refuses to be read or written until somebody acts."""


class LakeUnavailableError(TransientError):
    """The lake's store does not answer, or is busy."""


@dataclass(frozen=True)
class LakeStore:
    """The folder, or the prefix of an object store, with the tables of a lake.

    Args:
        url: a path, or `s3://bucket/prefix`.
    """

    url: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The URL without anything secret, for messages."""
        return redact(self.url)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return "://" not in self.url or self.url.startswith("file://")

    @property
    def folder(self) -> Path | None:
        """The folder; `None` if it is an object store."""
        return Path(self.file(self.path())) if self.is_local else None

    @property
    def options(self) -> dict[str, str]:
        """How `deltalake` opens it. Who asks, and whom, it finds in the usual AWS variables by itself."""
        if self.is_local:
            return {}
        return {"aws_conditional_put": "etag", "allow_http": _allows_http(), **_PATIENCE}

    def path(self, *names: str) -> str:
        """The URL of what lies in it; a folder's is absolute, for whoever reads it may have been started elsewhere."""
        root = str(Path(self.url).absolute()) if "://" not in self.url else self.url.rstrip("/")
        return "/".join((root, *names))

    def file(self, uri: str) -> Any:  # noqa: ANN401 - whatever Arrow reads
        """A file of the lake, to be read by Arrow.

        Args:
            uri: of the file.
        """
        if self.is_local:
            return uri.removeprefix("file://")
        return pa.BufferReader(self._fetched(uri))

    def local(self, uri: str, folder: Path) -> Path:
        """A file of the lake on this machine.

        Args:
            uri: of the file.
            folder: for a copy of it, if it is kept in an object store. A file never changes: a copy is not fetched again.

        Raises:
            LakeUnavailableError: the store does not answer, or does not have it.
        """
        if self.is_local:
            return Path(self.file(uri))
        copy = folder / self._name(uri)
        if not copy.exists():
            with self.answers():
                content = self._fetched(uri)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        return copy

    def has(self, uri: str) -> bool:
        """Whether a file of the lake is there.

        Raises:
            LakeUnavailableError: the store does not answer.
        """
        if self.is_local:
            return Path(self.file(uri)).exists()
        with self.answers():
            import obstore  # noqa: PLC0415 - of the extra
            from obstore.exceptions import NotFoundError  # noqa: PLC0415 - as above

            try:
                obstore.head(self._objects(), self._name(uri))
            except (FileNotFoundError, NotFoundError):
                return False
            return True

    def _fetched(self, uri: str) -> bytes:
        import obstore  # noqa: PLC0415 - of the extra

        # Whole, in one request: no file is large. (The file system of `deltalake` keeps the interpreter's lock while it waits.)
        return bytes(obstore.get(self._objects(), self._name(uri)).bytes())

    def _name(self, uri: str) -> str:
        """Of a file within the store."""
        return uri.removeprefix(f"{self.url.rstrip('/')}/")

    def _objects(self) -> Any:  # noqa: ANN401 - of the extra
        from obstore.store import from_url  # noqa: PLC0415 - of the extra

        return from_url(self.url, client_options={"allow_http": _allows_http() == "true"})

    def probe(self) -> None:
        """Finds out whether the store keeps the first of two writers of one name, as Delta tables need it.

        Raises:
            LakeRefusedError: it does not: two runs would overwrite each other's rows without a sign.
            LakeUnavailableError: it does not answer.
            SettingsError: the extra is not installed.
        """
        if self.is_local:
            return  # a rename that fails where something is there already, which every file system has
        with needed(), self.answers():
            import obstore  # noqa: PLC0415 - of the extra
            from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415 - as above

            store = self._objects()
            name = f"_probe/{uuid4().hex}"
            obstore.put(store, name, b"first", mode="create")
            try:
                obstore.put(store, name, b"second", mode="create")
            except AlreadyExistsError:
                return
            finally:
                obstore.delete(store, name)
        raise LakeRefusedError(
            f"The store of the lake {self.shown} lets a second writer overwrite what the first has just written (it ignores "
            "If-None-Match), so that runs would destroy each other's rows: use one that has conditional writes, such as "
            "Amazon S3, or a folder."
        )

    @contextmanager
    def answers(self) -> Iterator[None]:
        """Tells errors of the store in words of the platform's. Conflicts of writers pass as they are.

        Raises:
            LakeRefusedError: somebody has to act.
            LakeUnavailableError: it may pass.
        """
        from deltalake.exceptions import CommitFailedError, DeltaError  # noqa: PLC0415 - of the extra
        from obstore.exceptions import BaseError  # noqa: PLC0415 - of the extra

        try:
            yield
        except CommitFailedError:
            raise
        except (OSError, DeltaError, BaseError, pa.ArrowInvalid) as error:
            raise self._explained(str(error)) from None

    def _explained(self, said: str) -> Exception:
        for words, what_to_do in _REFUSED:
            if re.search(words, said):
                return LakeRefusedError(f"The lake {self.shown} cannot be used: {what_to_do}.")
        if re.search(_EXPIRED, said):
            return LakeUnavailableError(
                f"The lake {self.shown} cannot be used now: the credentials have expired, and no newer ones are there: renew "
                "them; the next try takes what is there then."
            )
        if "SlowDown" in said or "503" in said:
            return LakeUnavailableError(
                f"The lake {self.shown} cannot be used now: its store is busy, and was waited for in vain."
            )
        why = redact_text(first_line(Exception(said)), self.url)
        return LakeUnavailableError(f"The lake {self.shown} cannot be used now: {why}.")


@contextmanager
def needed() -> Iterator[None]:
    """Says what to install where the extra is missing.

    Raises:
        SettingsError: it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(f"{VARIABLE} needs the package {error.name}: pip install 'meter-platform[lake]'.") from None


def _allows_http() -> str:
    """Whether the store may be asked without TLS: where the endpoint is given as `http://`."""
    given = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""
    return "true" if given.startswith("http://") else "false"
